"""The shift and scale of regression targets, kept in float64 beside the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import Array
from truezero.errors import DataError

# The square of what is above, which errors are, is none in float64.
_LARGEST = 1e150
_LARGEST_EXPONENT = 500


@dataclass(frozen=True)
class TargetScale:
    """What is taken from targets, and what they are divided by, before a network learns them.

    A network in float32 cannot say 2,460,000.5 and 2,460,000.6: so it says how far it is from the mean, and
    the mean is added in float64.

    Attributes
    ----------
    shift, scale : ndarray of shape (n_outputs,), float64
        Mean, and the power of two nearest to the deviation. Both are 0 and 1 where there is nothing to tell.
    """

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def learn(cls, y: NDArray[np.float64], weight: NDArray[np.float64] | None, *, centre: bool) -> Self:
        """Find them for some rows.

        Parameters
        ----------
        y : ndarray of shape (n_samples, n_outputs)
        weight : ndarray of shape (n_samples,) or None
        centre : bool
            Take the mean out; a network without biases shall stay one.

        Raises
        ------
        DataError
            If a target is so large that its square is infinite.
        """
        far = np.abs(y) > _LARGEST
        if far.any():
            row = int(np.flatnonzero(far.any(axis=1))[0])
            raise DataError(f"y is {y[row].max():g} in row {row}: the square of such an error is infinite")
        given = weight if weight is not None and weight.sum() > 0 else None
        shift = np.average(y, axis=0, weights=given) if centre else np.zeros(y.shape[1])
        spread = np.sqrt(np.average((y - shift) ** 2, axis=0, weights=given))
        # Equal numbers have a deviation, too, of what their mean was rounded by.
        known = (y.max(axis=0) > y.min(axis=0)) & (spread > 0)
        exponent = np.round(np.log2(np.where(known, spread, 1)))
        scale = np.exp2(np.clip(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))
        return cls(np.asarray(shift, np.float64), np.asarray(scale, np.float64))

    def encode(self, y: NDArray[np.float64], dtype: str | np.dtype[np.floating]) -> Array:
        """Targets as a network learns them, shape of y, (n_samples, n_outputs).

        Raises
        ------
        DataError
            If one is so far from the others that it is infinite in this dtype.
        """
        with np.errstate(over="ignore"):
            encoded = ((y - self.shift) / self.scale).astype(dtype)
        if not np.isfinite(encoded).all():
            row = int(np.flatnonzero(~np.isfinite(encoded).all(axis=1))[0])
            raise DataError(
                f"y in row {row} is too far from the other targets for {dtype}: {y[row].tolist()}"
            )
        return np.asarray(encoded)

    def decode(self, output: Array) -> NDArray[np.float64]:
        """What a network's output, (n_samples, n_outputs), is in the targets' own units."""
        return np.asarray(self.shift + self.scale * output.astype(np.float64))
