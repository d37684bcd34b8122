"""What features are divided by while a network trains; the first layer takes it over afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.autoencoder import Stack
from truezero.core.network import Network
from truezero.core.rows import Features

# A row counts less once its squared norm is more than so many times the median row's.
_ABSURD = 32.0
_PASSES = 10  # over the rows at most, where some are absurd
_LARGEST = 60  # 2**±60 keeps weights and their inverses well inside float32


@dataclass(frozen=True)
class InputScale:
    """Powers of two that features are divided by, which loses nothing.

    Plain SGD at any usable rate diverges on large features, and learns nothing from tiny ones. So every
    feature is divided by the power of two nearest to its root mean square, if that is above 1; those below
    are left as they are, as pixels and words are. Only where whole rows are tiny, all features are divided
    by one power of two which brings their norm near 1.

    Attributes
    ----------
    divisors : ndarray of shape (n_features,), float64, or None
        None divides by nothing.
    remainders : ndarray of shape (n_features,), float64, or None
        What is left of a feature's size after the division: between √½ and √2 where it was divided, and 1
        where it was not. Initial weights are divided by it, so that a network starts as if every feature
        had been divided by its size itself, and nothing jumps where one power of two follows another.
    """

    divisors: NDArray[np.float64] | None = None
    remainders: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        given = self.divisors
        if given is not None and (given.ndim != 1 or not (np.isfinite(given) & (given > 0)).all()):
            raise ValueError("the input scale must be numbers above 0, one per feature")

    @classmethod
    def of(cls, features: Features) -> tuple[InputScale, NDArray[np.float64] | None]:
        """Learn the scale of rows, and how much each counts.

        A few absurd rows, those whose squared norm after the division is more than 32 times the median
        row's, would decide what all features are divided by, and each step on them would undo thousands.
        They count less, in proportion, for the scale and for the training.

        Parameters
        ----------
        features : Features

        Returns
        -------
        InputScale
        ndarray of shape (n_samples,), float64, or None
            Weights of the rows, at most 1; None if all are 1.
        """
        if not features.n_samples:
            return cls(), None
        weights: NDArray[np.float64] | None = None
        sizes = np.ones(features.n_features)
        if features.largest().max(initial=0.0) > 1:
            for _ in range(_PASSES):
                sizes = np.maximum(_root_mean_squares(features, weights), 1.0)
                norms = _squared_norms(features, sizes)
                bound = _ABSURD * _median(norms)
                absurd = norms > bound
                found = np.where(absurd, bound / np.where(absurd, norms, 1.0), 1.0) if absurd.any() else None
                settled = found is None or (weights is not None and np.allclose(found, weights, rtol=1e-2))
                weights = found
                if settled:
                    break
        typical = np.sqrt(_median(_squared_norms(_some(features), sizes)))
        if 0 < typical < 1 - 1e-6:  # not for rows of norm 1 that rounding made a little less
            sizes = np.where(sizes > 1, sizes, 1.0) * typical
        divisors = np.asarray(2.0 ** np.clip(np.round(np.log2(sizes)), -_LARGEST, _LARGEST), dtype=np.float64)
        if (divisors == 1).all() and (sizes == 1).all():
            return cls(), weights
        # Rounded, so that last digits of a size, which depend on how rows are stored, come to the same bits.
        return cls(divisors, np.round(sizes / divisors, 3)), weights

    def common(self) -> InputScale:
        """One power of two for all features, the greatest, as each one's own changes what it is worth."""
        if self.divisors is None or (self.divisors == 1).all():
            return InputScale()
        return InputScale(np.full_like(self.divisors, self.divisors.max()))

    def divide(self, features: Features) -> Features:
        """Rows as they are trained on; they are not copied."""
        return features if self.divisors is None else features.divided(self.divisors)

    def start(self, network: Network) -> None:
        """Divide a network's initial weights by what the division leaves of the features' sizes."""
        if self.remainders is not None:
            network.weights[0] /= self.remainders.astype(network.dtype)[:, np.newaxis]

    def fold(self, network: Network) -> None:
        """Let the first layer take the division over: the network takes raw rows from now on."""
        if self.divisors is not None:
            network.weights[0] /= self.divisors.astype(network.dtype)[:, np.newaxis]

    def fold_stack(self, stack: Stack) -> None:
        """Let the lowest auto-encoder divide its input by it, beside what it divides by itself."""
        if self.divisors is not None:
            _rescale(stack, self.divisors)

    def unfold_stack(self, stack: Stack) -> None:
        """Leave the lowest auto-encoder what it divides by itself."""
        if self.divisors is not None:
            _rescale(stack, 1 / self.divisors)

    def unfold(self, network: Network) -> None:
        """Take the division out of the first layer again: the network takes divided rows from now on."""
        if self.divisors is not None:
            network.weights[0] *= self.divisors.astype(network.dtype)[:, np.newaxis]


def _some(features: Features, n: int = 1000) -> Features:
    """Up to so many of the rows, evenly spaced."""
    if features.n_samples <= n:
        return features
    return features.take(np.linspace(0, features.n_samples - 1, n).astype(np.int64))


def _median(norms: NDArray[np.float64]) -> float:
    """Median of those rows that are not empty; 0 if all are."""
    norms = norms[norms > 0]
    return float(np.median(norms)) if len(norms) else 0.0


def _root_mean_squares(features: Features, weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Of every feature, shape (n_features,)."""
    total, start = np.zeros(features.n_features), 0
    for block in features.blocks():
        squares = _squared(block)
        own = np.ones(block.shape[0]) if weights is None else weights[start : start + block.shape[0]]
        total += squares.T @ own
        start += block.shape[0]
    n = features.n_samples if weights is None else float(weights.sum())
    return np.asarray(np.sqrt(total / n))


def _squared_norms(features: Features, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every row after its features are divided by their sizes, shape (n_samples,)."""
    inverse = 1 / sizes**2
    return np.concatenate([np.asarray(_squared(block) @ inverse) for block in features.blocks()])


def _squared(block: Any) -> Any:
    return block.multiply(block).tocsr() if sparse.issparse(block) else block * block


def _rescale(stack: Stack, factor: NDArray[np.float64]) -> None:
    lowest = stack.layers[0]
    scale = factor if lowest.input_scale is None else factor * lowest.input_scale
    lowest.input_scale = None if (scale == 1).all() else scale.astype(lowest.dtype)
