"""What a stream has shown in earlier calls, as far as later ones are measured by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.constraints import number, whole_number
from truezero.core.schema import Fields, Items
from truezero.errors import DataError

SEEN = Fields({"weight": number(least=0), "rows": whole_number(0), "of_class": Items(whole_number(0))})


@dataclass(frozen=True)
class Seen:
    """Weights and classes of all rows trained on in `fit` and `partial_fit`.

    Weights are scaled to mean 1 over them all. So they count across calls of one row, too, and a `fit` has
    the mean of its own rows.

    Attributes
    ----------
    weight : float
        Sum of the rows' weights, before they are scaled.
    rows : int
    of_class : tuple of int
        Rows of every class; empty for regression.
    """

    weight: float = 0.0
    rows: int = 0
    of_class: tuple[int, ...] = ()

    def with_classes(self, counts: NDArray[np.int64]) -> Seen:
        """With further rows, of which these many are of each class."""
        before = np.array(self.of_class or np.zeros(len(counts)), dtype=np.int64)
        return Seen(self.weight, self.rows, tuple(map(int, before + counts)))

    def weigh(self, weight: NDArray[np.float64] | None, n: int) -> tuple[Seen, NDArray[np.float64] | None]:
        """Scale the weights of n further rows.

        Returns
        -------
        seen : Seen
            With these rows.
        weight : ndarray of shape (n,) or None
            None where all rows count 1.

        Raises
        ------
        DataError
            If their sum is infinite.
        """
        with np.errstate(over="ignore"):
            given = float(n) if weight is None else float(weight.sum())
        if not np.isfinite(self.weight + given):
            raise DataError("sample weights, times class weights, are too large: their sum is infinite")
        seen = Seen(self.weight + given, self.rows + n, self.of_class)
        mean = seen.weight / max(seen.rows, 1)
        if weight is None:
            return seen, None if mean == 1 or not n else np.full(n, 1 / mean)
        return seen, weight / mean if mean > 0 else weight

    def to_json(self) -> dict[str, Any]:
        """What a model file keeps."""
        return {"weight": self.weight, "rows": self.rows, "of_class": list(self.of_class)}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Seen:
        """Read what `to_json` wrote."""
        return cls(float(found["weight"]), int(found["rows"]), tuple(map(int, found["of_class"])))
