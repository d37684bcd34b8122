"""Corruption: the noise that a denoising auto-encoder learns to remove."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.draws import Purpose, threshold, uniform, words, words_at
from truezero.errors import OptionError

CorruptionKind = Literal["masking", "salt-and-pepper", "gaussian"]
CORRUPTIONS: tuple[str, ...] = get_args(CorruptionKind)


@dataclass(frozen=True)
class Corruption:
    """A kind of noise and how much of it (section 4.1; Vincent et al. 2008).

    Attributes
    ----------
    kind : {"masking", "salt-and-pepper", "gaussian"}
        "masking": every feature is kept with probability 1 − p, and 0 otherwise. "salt-and-pepper":
        a feature becomes 0 with probability p0, and 1 with probability p1 where it is 0. "gaussian":
        a normal number is added.
    level : float or (float, float)
        p, 0..1; (p0, p1), each 0..1, of which one number p means (p/2, p/2); the normal numbers'
        standard deviation, at least 0.

    Raises
    ------
    OptionError
        If the kind is unknown or the level is out of range.
    """

    kind: str = "masking"
    level: float | tuple[float, float] = 0.25

    def __post_init__(self) -> None:
        if self.kind not in CORRUPTIONS:
            raise OptionError(f"unknown corruption {self.kind!r}; known: {', '.join(CORRUPTIONS)}")
        given: Any = self.level
        several = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        most = math.inf if self.kind == "gaussian" else 1.0
        wanted = 2 if self.kind == "salt-and-pepper" else 1
        if (
            not 1 <= len(several) <= wanted
            or not all(isinstance(p, Real) and not isinstance(p, bool) for p in several)
            or not all(0 <= p <= most and math.isfinite(p) for p in several)
        ):
            what = {
                "masking": "a number in [0, 1]",
                "salt-and-pepper": "a number in [0, 1] or two, (p0, p1)",
                "gaussian": "a number that is at least 0",
            }[self.kind]
            raise OptionError(f"corruption_level of {self.kind} must be {what}, got {given!r}")

    @property
    def _levels(self) -> tuple[float, ...]:
        level = self.level
        return tuple(map(float, level)) if isinstance(level, (tuple, list)) else (float(level),)

    @property
    def zeros(self) -> float:
        """Probability that a feature is set to 0."""
        halved = self.kind == "salt-and-pepper" and len(self._levels) == 1
        return 0.0 if self.kind == "gaussian" else self._levels[0] / (2 if halved else 1)

    @property
    def ones(self) -> float:
        """Probability that a feature which is 0 is set to 1."""
        if self.kind != "salt-and-pepper":
            return 0.0
        return self._levels[1] if len(self._levels) == 2 else self._levels[0] / 2

    @property
    def deviation(self) -> float:
        """Standard deviation of the normal numbers that are added."""
        return self._levels[0] if self.kind == "gaussian" else 0.0

    def apply(self, x: Array, ids: NDArray[np.int64], *, layer: int, epoch: int, seed: int) -> Array:
        """Corrupt rows.

        Parameters
        ----------
        x : ndarray of shape (n_examples, n_features)
            It is left as it is.
        ids : ndarray of shape (n_examples,), int64
            What the draws are addressed by.
        layer, epoch, seed : int
            Likewise.

        Returns
        -------
        ndarray of x's shape and dtype
        """
        n_features = x.shape[1]

        def drawn(purpose: Purpose) -> NDArray[np.uint32]:
            return words(seed, purpose, layer=layer, epoch=epoch, examples=ids, n_units=n_features)

        corrupted = x
        if self.zeros > 0:
            corrupted = np.where(drawn(Purpose.CORRUPTION) < threshold(self.zeros), x.dtype.type(0), x)
        if self.ones > 0:
            pepper = (drawn(Purpose.PEPPER) < threshold(self.ones)) & (x == 0)
            corrupted = np.where(pepper, x.dtype.type(1), corrupted)
        if self.deviation > 0:
            whole = words(
                seed,
                Purpose.CORRUPTION,
                layer=layer,
                epoch=epoch,
                examples=ids,
                n_units=-(-n_features // 4) * 4,
            )
            normal = _normal(uniform(whole))[:, :n_features]
            corrupted = x + (self.deviation * normal).astype(x.dtype)
        return corrupted

    def apply_csr(
        self, x: sparse.csr_array[Any], ids: NDArray[np.int64], *, layer: int, epoch: int, seed: int
    ) -> Any:
        """Corrupt sparse rows, as `apply` does, drawing only for what is stored where that is enough.

        Parameters
        ----------
        x : CSR of shape (n_examples, n_features), canonical
            It is left as it is.
        ids, layer, epoch, seed
            As in `apply`.

        Returns
        -------
        CSR, canonical; ndarray where normal numbers are added, after which nothing is 0
        """
        if self.deviation > 0:
            return self.apply(x.toarray(), ids, layer=layer, epoch=epoch, seed=seed)
        rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
        corrupted = x
        if self.zeros > 0:
            drawn = words_at(
                seed, Purpose.CORRUPTION, layer=layer, epoch=epoch, examples=ids[rows], units=x.indices
            )
            corrupted = _csr(drawn >= threshold(self.zeros), rows, x)
        if self.ones > 0:
            drawn = words(seed, Purpose.PEPPER, layer=layer, epoch=epoch, examples=ids, n_units=x.shape[1])
            pepper = drawn < threshold(self.ones)
            pepper[rows, x.indices] = False
            corrupted = corrupted + sparse.csr_array(pepper.astype(x.dtype))
        return corrupted


def _csr(kept: NDArray[np.bool_], rows: NDArray[np.int64], x: sparse.csr_array[Any]) -> sparse.csr_array[Any]:
    """Return x with the kept ones of its entries, whose rows are given."""
    indptr = np.zeros(x.shape[0] + 1, dtype=x.indptr.dtype)
    np.cumsum(np.bincount(rows[kept], minlength=x.shape[0]), out=indptr[1:])
    return sparse.csr_array((x.data[kept], x.indices[kept], indptr), shape=x.shape)


def _normal(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Box and Muller: every two uniform numbers of a row become two normal ones."""
    radius = np.sqrt(-2 * np.log(u[:, 0::2]))
    angle = 2 * np.pi * u[:, 1::2]
    normal = np.empty_like(u)
    normal[:, 0::2] = radius * np.cos(angle)
    normal[:, 1::2] = radius * np.sin(angle)
    return normal
