"""What features are divided by while a network is trained on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.autoencoder import Stack
from truezero.core.network import Network
from truezero.core.rows import Features
from truezero.core.tensors import Tensors
from truezero.errors import DataError

# A value this many times a feature's size counts for no more when that size is measured.
_FAR = 4.0
# A row with a greater value than this, divided, counts less in training, if few rows have one.
_ABSURD = 8.0
# Octaves that the sizes of half of the features span, from which on their units begin to differ and
# surely differ. Of pixels and words they span one at most.
_ONE_UNIT, _MANY_UNITS = 3.0, 6.0
# Octaves that the norm of a typical row is below √½ when features are brought to one size, too, and not
# only in part.
_TINY = 2.0
# Rows from which on the sizes of a stream are known, are some measure, and make a quantile.
_KNOWN, _A_MEASURE, _FEW = 1000, 100, 20
# 2**±60 keeps weights and their inverses well inside float32.
_LARGEST_EXPONENT = 60


@dataclass(frozen=True)
class InputScale:
    """Powers of two that features are divided by while a network is trained on them.

    The first layer takes the division over afterwards. That is exact, and can be undone.

    A feature's RMS is brought to about 1 if it is above 1. One below 1 is left alone where all features
    have about one size, as pixels, words and rows of norm 1 do; where they have not, as in a table of many
    units, or where all are tiny, it is brought to 1 too (its RMS over the rows where it is not 0). If
    no feature is large and the typical row's squared norm is still below ½, all are multiplied to make it ½.
    All of this is continuous but for the rounding to powers of two, and what that leaves is made good in
    the initial weights.

    Attributes
    ----------
    divisor : ndarray of shape (n_features,), float64, or None
        None: all are 1.
    sizes : Sizes or None
        What it was learned from, for a stream to go on.
    start : ndarray of shape (n_features,), float64, or None
        What initial weights of the first layer are multiplied by, in steps of an eighth of an octave, so
        that a network begins as if features were divided by their RMS itself. None: all are 1. It is not
        kept in files.
    """

    divisor: NDArray[np.float64] | None = None
    start: NDArray[np.float64] | None = None
    sizes: Sizes | None = field(default=None, compare=False)

    @classmethod
    def learn(cls, features: Features, sizes: Sizes | None = None) -> Self:
        """Find what to divide each feature by; from sizes that are known already, of more rows perhaps."""
        sizes = Sizes.measure(features) if sizes is None else sizes
        wanted = sizes.exponents(_octaves_below(features, sizes, np.zeros_like(sizes.rms)))
        wanted = wanted - _octaves_below(features, sizes, wanted)
        start = np.exp2(np.round(wanted) - np.round(8 * wanted) / 8)
        return cls(_divisor(wanted), None if (start == 1).all() else start, sizes)

    def go_on(self, features: Features, network: Network) -> InputScale:
        """Learn from further rows of a stream, and let a network, which is trained on divided rows, follow.

        Until a thousand rows are known all features are learned again, and later those that were 0 until now.
        What the network says of a row stays the same, but for features that were 0, and where fewer than a
        hundred rows were known: there it keeps its weights for divided rows, as what it had to go by was no
        measure.
        """
        if self.sizes is None:  # of a file of an older version
            return self
        sizes, unknown = self.sizes.plus(Sizes.measure(features)), ~self.sizes.used
        if self.sizes.n_rows >= _KNOWN and not (unknown & sizes.used).any():
            return InputScale(self.divisor, None, sizes)
        learned = InputScale.learn(features, sizes)
        before, after = (
            np.ones(features.n_features) if scale.divisor is None else scale.divisor
            for scale in (self, learned)
        )
        divisor = after if self.sizes.n_rows < _KNOWN else np.where(unknown, after, before)
        if self.sizes.n_rows >= _A_MEASURE:
            factor = np.where(unknown, 1.0, divisor / before)
            if (factor != 1).any():
                network.weights[0] *= factor.astype(network.dtype)[:, np.newaxis]
        return InputScale(None if (divisor == 1).all() else divisor, None, sizes)

    @classmethod
    def learn_common(cls, features: Features) -> Self:
        """Find one power of two for all features, which share a cost."""
        sizes = Sizes.measure(features)
        greatest = np.full_like(sizes.rms, max(sizes.rms.max(initial=0.0), 0.0))
        return cls(_divisor(greatest - _octaves_below(features, sizes, greatest)))

    def apply(self, features: Features) -> Features:
        """Features divided, without a copy of the rows."""
        if self.divisor is None:
            return features
        alike = bool((self.divisor == self.divisor[0]).all())
        return features.divided(self.divisor[0] if alike else self.divisor)

    def row_weights(self, features: Features, dtype: np.dtype[np.floating]) -> NDArray[np.float64] | None:
        """What rows count in training, shape (n_samples,); None if all count 1.

        A row whose greatest value, divided, is above 8, and above twice what 19 of 20 rows stay below, counts
        the less the greater it is, by the square. Plain SGD would make a step as large. Of a few rows of a
        stream whose size is known, those above 8 do.

        Raises
        ------
        DataError
            If the square of a value, divided, is infinite in the dtype.
        """
        with np.errstate(over="ignore"):
            blocks = [_greatest(block) for block in self.apply(features).blocks()]
        greatest = np.concatenate([np.zeros(0), *blocks])
        if greatest.max(initial=0.0) <= _ABSURD:
            return None
        if greatest.max() > np.sqrt(np.finfo(dtype).max) / 16:
            row = int(greatest.argmax())
            value = features.take(np.array([row])).values("float64")
            value = value.toarray()[0] if sparse.issparse(value) else value[0]
            divided = value if self.divisor is None else value / self.divisor
            column = int(np.abs(divided).argmax())
            raise DataError(
                f"row {row}, feature {column} is {value[column]:.6g}, too large beside the others to be "
                f"learned from in {np.dtype(dtype)}; if it marks what is missing, fill or drop it"
            )
        known = self.sizes is not None and self.sizes.n_rows - len(greatest) >= _A_MEASURE
        few = len(greatest) < _FEW and known
        limit = _ABSURD if few else max(_ABSURD, 2 * float(np.quantile(greatest, 0.95, method="lower")))
        # In a stream no other step makes good what one does, and what is wrong grows by the square, too.
        weights = (limit / np.maximum(greatest, limit)) ** (4 if known else 2)
        return None if (weights == 1).all() else np.asarray(weights)

    def begin(self, network: Network) -> None:
        """Make good in a network's initial weights what rounding to powers of two has left."""
        if self.start is not None:
            network.weights[0] *= self.start.astype(network.dtype)[:, np.newaxis]

    def fold_into(self, network: Network) -> None:
        """Let a network that was trained on divided features take them as they are."""
        if self.divisor is not None:
            network.weights[0] *= (1 / self.divisor).astype(network.dtype)[:, np.newaxis]

    def take_out_of(self, network: Network) -> None:
        """Undo `fold_into`."""
        if self.divisor is not None:
            network.weights[0] *= self.divisor.astype(network.dtype)[:, np.newaxis]

    def fold_into_stack(self, stack: Stack) -> None:
        """Let a stack that was trained on divided features take them as they are."""
        if self.divisor is not None:
            _multiply_input_scale(stack, self.divisor)

    def take_out_of_stack(self, stack: Stack) -> None:
        """Undo `fold_into_stack`."""
        if self.divisor is not None:
            _multiply_input_scale(stack, 1 / self.divisor)

    def to_tensors(self) -> Tensors:
        """What a model file keeps of it."""
        kept = {} if self.divisor is None else {"input_scale": self.divisor}
        if self.sizes is not None:
            kept |= {"input_squares": self.sizes.mean, "input_used": self.sizes.n_used}
            kept["input_rows"] = np.array([self.sizes.n_rows])
        return kept

    @classmethod
    def from_tensors(cls, tensors: Tensors, n_features: int) -> Self:
        """Read what `to_tensors` wrote.

        Raises
        ------
        ValueError
            If that cannot be it.
        """
        divisor = tensors.get("input_scale")
        if divisor is not None and (
            divisor.shape != (n_features,) or not (np.isfinite(divisor) & (divisor > 0)).all()
        ):
            raise ValueError("the input scale must be numbers above 0, one per feature")
        squares, used, rows = (tensors.get(f"input_{of}") for of in ("squares", "used", "rows"))
        if rows is None:
            return cls(divisor)
        for numbers in (squares, used):
            if (
                numbers is None
                or numbers.shape != (n_features,)
                or numbers.dtype != np.float64
                or not (np.isfinite(numbers) & (numbers >= 0)).all()
            ):
                raise ValueError("the sizes of features must be numbers of at least 0, one per feature")
        assert squares is not None
        assert used is not None
        if rows.shape != (1,) or rows.dtype != np.int64 or (used > rows[0]).any():
            raise ValueError("the number of rows that sizes of features come from must be one number")
        return cls(divisor, None, Sizes(squares, used, int(rows[0])))


@dataclass(frozen=True)
class Sizes:
    """How large features are.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        Mean square over the rows where the feature is not 0. No value counts for more than four times the
        size.
    n_used : ndarray of shape (n_features,)
        Those rows.
    n_rows : int
    """

    mean: NDArray[np.float64]
    n_used: NDArray[np.float64]
    n_rows: int

    @property
    def size(self) -> NDArray[np.float64]:
        """Logarithm to base 2 of the root of the mean square over the rows where the feature is not 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.clip(np.log2(self.mean) / 2, -100, 100))

    @property
    def rms(self) -> NDArray[np.float64]:
        """The same over all rows."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.size + np.log2(self.n_used / max(self.n_rows, 1)) / 2)

    @property
    def used(self) -> NDArray[np.bool_]:
        """Whether a feature is ever not 0."""
        return np.asarray(self.n_used > 0)

    def plus(self, other: Sizes) -> Sizes:
        """Of these rows and others together."""
        n = self.n_used + other.n_used
        squares = self.mean * self.n_used + other.mean * other.n_used
        return Sizes(squares / np.maximum(n, 1), n, self.n_rows + other.n_rows)

    @classmethod
    def measure(cls, features: Features) -> Self:
        """Go over all rows, and again while there are values far outside.

        The mean square m of which no value counts for more than f²m solves an equation that is linear
        between values: Newton's method, begun at the plain mean square, comes down to it in a few steps.
        """
        mean = np.full(features.n_features, np.inf)
        while True:
            before = mean
            squares, n_far, n_used, greatest = _squares(features, _FAR**2 * before)
            mean = squares / np.maximum(n_used - _FAR**2 * n_far, 1)
            if (greatest <= _FAR**2 * mean).all() or (mean >= 0.9 * before).all():
                break
        return cls(mean, n_used, features.n_samples)

    def exponents(self, below: float) -> NDArray[np.float64]:
        """Log to base 2 of what to divide each feature by, where rows' norm is so many octaves below √½."""
        if not self.used.any():
            return np.zeros(len(self.size))
        lower, upper = np.quantile(self.size[self.used], [0.25, 0.75])
        of_many_units = (upper - lower - _ONE_UNIT) / (_MANY_UNITS - _ONE_UNIT)
        share = np.clip(max(of_many_units, below / _TINY), 0, 1)
        wanted = np.where(self.rms > 0, self.rms, share * np.minimum(self.size, 0))
        return np.where(self.used, wanted, 0)


def _divisor(exponents: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Two to the power of these, rounded; None if that is 1 everywhere."""
    divisor = np.exp2(np.clip(np.round(exponents), -_LARGEST_EXPONENT, _LARGEST_EXPONENT))
    return None if (divisor == 1).all() else divisor


def _octaves_below(features: Features, sizes: Sizes, exponents: NDArray[np.float64]) -> float:
    """How far a typical row's norm is below √½ when features are divided by 2 to these powers."""
    norm = float(np.exp2(2 * (sizes.rms - exponents))[sizes.used].sum())  # squared, of a mean row
    if not 0 < norm < 0.5:
        return 0.0
    of_rows = np.concatenate([_squared_norms(b) for b in features.divided(np.exp2(exponents)).blocks()])
    typical = max(norm, float(np.median(of_rows[of_rows > 0], keepdims=True)[0]))
    return max(-float(np.log2(2 * typical)) / 2, 0.0)


def _squares(features: Features, limit: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Sums of features' squares up to a limit, how many are above, how many are not 0, and the greatest."""
    squares, n_far, n_used, greatest = np.zeros((4, features.n_features))
    for block in features.blocks():
        if sparse.issparse(block):
            with np.errstate(over="ignore"):
                squared = np.square(block.data)
            far = squared > limit[block.indices]
            n = features.n_features
            n_far += np.bincount(block.indices[far], minlength=n)
            n_used += np.bincount(block.indices, minlength=n)
            np.maximum.at(greatest, block.indices, squared)
            squared[far] = 0
            squares += np.bincount(block.indices, squared, minlength=n)
        else:
            with np.errstate(over="ignore"):
                squared = np.square(block, out=block)
            n_used += np.count_nonzero(squared, axis=0)
            np.maximum(greatest, squared.max(axis=0), out=greatest)
            if (greatest > limit).any():
                far = squared > limit
                n_far += np.count_nonzero(far, axis=0)
                squared[far] = 0
            squares += squared.sum(axis=0)
    return squares, n_far, n_used, greatest


def _greatest(block: Any) -> NDArray[np.float64]:
    """Greatest absolute value of each row."""
    if sparse.issparse(block):
        return np.asarray(abs(block).max(axis=1).toarray()).ravel()
    return np.asarray(np.maximum(block.max(axis=1), -block.min(axis=1)))


def _squared_norms(block: Any) -> NDArray[np.float64]:
    """Squared norm of each row."""
    if sparse.issparse(block):
        return np.asarray(block.power(2).sum(axis=1)).ravel()
    return np.asarray(np.einsum("ij,ij->i", block, block))


def _multiply_input_scale(stack: Stack, factor: NDArray[np.float64]) -> None:
    """Multiply what the lowest layer's input is divided by."""
    lowest = stack.layers[0]
    scale = factor if lowest.input_scale is None else factor * lowest.input_scale
    lowest.input_scale = None if (scale == 1).all() else scale.astype(lowest.dtype)
