"""The engine contract: what goes in, what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.activations import Array
from truezero.autoencoder import Autoencoder
from truezero.corruption import Corruption
from truezero.errors import DataError, OptionError
from truezero.network import Network


@dataclass(frozen=True)
class Features:
    """Input rows: a feature's value is ``X * scale``.

    Attributes
    ----------
    X : ndarray or scipy CSR, shape (n_samples, n_features)
        float32, float64 or uint8; read-only and memory-mapped arrays too. CSR may hold explicit
        zeros, unsorted indices, duplicates and 64-bit indices; it is never densified as a whole.
    scale : float
        1/255 for pixels kept as uint8.
    """

    X: Any
    scale: float = 1.0

    def __post_init__(self) -> None:
        if len(self.X.shape) != 2:
            raise DataError(f"input rows must be a matrix, got shape {self.X.shape}")
        if self.X.dtype.newbyteorder("=") not in (np.float32, np.float64, np.uint8):
            raise DataError(f"input rows must be float32, float64 or uint8, got {self.X.dtype}")

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    def canonical(self) -> Features:
        """Return native byte order; CSR with sorted indices, no duplicates and no explicit zeros.

        The caller's arrays are left as they are; a copy is made only where something must change.
        """
        X = self.X
        if sparse.issparse(X):
            X = sparse.csr_array(X)  # shares the arrays of what is CSR already
            if not X.data.dtype.isnative:
                X = X.astype(X.dtype.newbyteorder("="))
            if not X.has_canonical_format or bool((X.data == 0).any()):
                X = X.copy()
                X.sum_duplicates()
                X.eliminate_zeros()
            return Features(X, self.scale)
        if type(X) is np.ndarray and X.dtype.isnative:
            return self
        X = np.asarray(X)
        return Features(X if X.dtype.isnative else X.astype(X.dtype.newbyteorder("=")), self.scale)

    def density(self) -> float:
        """Fraction of non-zeros; of dense rows, among the first 1000."""
        if sparse.issparse(self.X):
            n_cells = self.n_samples * self.n_features
            return float(np.count_nonzero(self.X.data) / n_cells) if n_cells else 0.0
        first = np.asarray(self.X[:1000])
        return float(np.count_nonzero(first) / first.size) if first.size else 0.0

    def check_width(self, network: Network) -> None:
        """Refuse rows that the network cannot take.

        Raises
        ------
        DataError
            If the numbers of columns and of the network's inputs differ.
        """
        wanted = network.weights[0].shape[0]
        if self.n_features != wanted:
            raise DataError(f"the network takes {wanted} features, the data have {self.n_features}")


@dataclass(frozen=True)
class Examples:
    """Input rows with their targets.

    Attributes
    ----------
    features : Features
    target : ndarray
        Class numbers, int64, shape (n_samples,), for a softmax output; values in the network's
        dtype, shape (n_samples, n_outputs), for a linear one.
    weight : ndarray of shape (n_samples,), float64, or None
        Multiplies an example's cost and L1 alike; None means 1.
    ids : ndarray of shape (n_samples,), int64
        What the random draws of an example are addressed by, 0 <= id < 2**32.
    """

    features: Features
    target: NDArray[Any]
    weight: NDArray[np.float64] | None
    ids: NDArray[np.int64]

    def check(self, network: Network) -> None:
        """Refuse examples that do not fit the network or each other.

        Raises
        ------
        DataError
            Naming what does not fit.
        """
        self.features.check_width(network)
        n, n_outputs = self.features.n_samples, network.layer_sizes[-1]
        shape = (n,) if network.output == "softmax" else (n, n_outputs)
        if self.target.shape != shape:
            raise DataError(f"the targets must have shape {shape}, got {self.target.shape}")
        if network.output == "softmax" and n and not 0 <= self.target.min() <= self.target.max() < n_outputs:
            raise DataError(f"class numbers must be 0 .. {n_outputs - 1}")
        for name, values in (("weights", self.weight), ("ids", self.ids)):
            if values is not None and values.shape != (n,):
                raise DataError(f"there must be one of the {name} per row ({n}), got shape {values.shape}")
        if n and not 0 <= self.ids.min() <= self.ids.max() < 2**32:
            raise DataError("example ids must be at least 0 and below 2**32")


@dataclass(frozen=True)
class StepSettings:
    """What one step of minibatch SGD does beside the gradient of the likelihood.

    Attributes
    ----------
    learning_rate : float
    batch_size : int
        The last minibatch of an epoch may be smaller; its mean is over its own rows.
    l1 : tuple of float
        λ per hidden layer: λ · mean over examples of Σ_units |h| is added to the cost.
    dropout, input_dropout : float
        Probability to drop a hidden unit or an input; survivors are divided by 1 − p.
    max_norm : float or None
        Upper bound of the norm of every hidden unit's incoming weights, enforced after each step.
    weight_decay : float
        Weights (not biases) are multiplied by 1 − learning_rate · weight_decay in each step,
        before the gradient is subtracted.
    """

    learning_rate: float
    batch_size: int
    l1: tuple[float, ...]
    dropout: float = 0.0
    input_dropout: float = 0.0
    max_norm: float | None = None
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.learning_rate * self.weight_decay >= 1:
            raise OptionError(
                f"learning rate {self.learning_rate} times weight decay {self.weight_decay} must be below 1: "
                "a step would turn the weights' signs around"
            )


@dataclass(frozen=True)
class Unlabeled:
    """Input rows without targets, as an auto-encoder learns from them.

    Attributes
    ----------
    features : Features
        Clean input.
    ids : ndarray of shape (n_samples,), int64
        What the random draws of an example are addressed by, 0 <= id < 2**32.
    target : ndarray of shape (n_samples, n_features) or None
        What shall be reconstructed instead of the auto-encoder's own target of the clean input, in its
        dtype.
    """

    features: Features
    ids: NDArray[np.int64]
    target: Array | None = None

    def check(self, autoencoder: Autoencoder) -> None:
        """Refuse rows that do not fit the auto-encoder.

        Raises
        ------
        DataError
            Naming what does not fit.
        """
        self.features.check_width(autoencoder.network)
        n = self.features.n_samples
        if self.ids.shape != (n,):
            raise DataError(f"there must be one id per row ({n}), got shape {self.ids.shape}")
        if n and not 0 <= self.ids.min() <= self.ids.max() < 2**32:
            raise DataError("example ids must be at least 0 and below 2**32")
        if self.target is None and autoencoder.target == "before":
            raise DataError("the targets from before the activation must be given")
        if self.target is not None and self.target.shape != self.features.X.shape:
            raise DataError(f"the targets must have shape {self.features.X.shape}, got {self.target.shape}")


@dataclass(frozen=True)
class AutoencoderSettings:
    """What one step of minibatch SGD on an auto-encoder does.

    Attributes
    ----------
    learning_rate : float
    batch_size : int
        The last minibatch of an epoch may be smaller; its mean is over its own rows.
    l1 : float
        λ of λ · mean over examples of Σ_units |h|.
    corruption : Corruption
        Of the input; the cost compares with the clean one.
    sampling : float or None
        Reconstruct only some outputs (Dauphin, Glorot, Bengio, ICML 2011): those whose input is not 0,
        clean or corrupted, and this share of the rest, drawn anew for every minibatch and weighted by
        its inverse, so that cost and gradient are right on average. None reconstructs all.

    Raises
    ------
    OptionError
        If `sampling` is not above 0 and at most 1.
    """

    learning_rate: float
    batch_size: int
    l1: float = 0.0
    corruption: Corruption = field(default_factory=Corruption)
    sampling: float | None = None

    def __post_init__(self) -> None:
        if self.sampling is not None and not 0 < self.sampling <= 1:
            raise OptionError(f"sampling must be None or above 0 and at most 1, got {self.sampling!r}")


@dataclass(frozen=True)
class Tally:
    """What a stretch of training saw, before each update.

    Attributes
    ----------
    loss, penalty : float
        Means over the examples of weight × cost, and of weight × Σ_l λ_l Σ_units |h|.
    products : tuple of str
        "sparse" or "dense" per layer: whether zeros of its input were skipped. "factored" of a decoder
        that was kept as a product of two matrices (Vincent, de Brébisson, Bouthillier, NIPS 2015).
    blas : str or None
        The BLAS that multiplied the dense layers, if one did.
    """

    loss: float
    penalty: float
    products: tuple[str, ...]
    blas: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """What the network computes for some rows, without dropout or noise.

    Attributes
    ----------
    output : ndarray of shape (n_samples, n_outputs)
        z of the output layer, in the network's dtype.
    zeros : tuple of int
        Exact zeros among all rows' activations, per hidden layer.
    ever_active : tuple of ndarray of bool, shapes (n_units,)
        Whether a unit was active (h ≠ 0) on any row, per hidden layer.
    """

    output: Array
    zeros: tuple[int, ...]
    ever_active: tuple[NDArray[np.bool_], ...]

    @property
    def sparsity(self) -> tuple[float, ...]:
        """Fraction of exact zeros, 0..1, per hidden layer."""
        n = len(self.output)
        return tuple(z / (n * len(a)) for z, a in zip(self.zeros, self.ever_active, strict=True))

    @property
    def dead_units(self) -> tuple[int, ...]:
        """Units active on none of the rows, per hidden layer."""
        return tuple(int((~a).sum()) for a in self.ever_active)


class Engine(Protocol):
    """What every engine offers. Arrays of the network are plain, C-contiguous ``[in, out]``."""

    name: str

    def train(
        self,
        network: Network,
        examples: Examples,
        order: NDArray[np.int64],
        settings: StepSettings,
        *,
        epoch: int,
        seed: int,
        n_threads: int,
        density: Sequence[float] | None = None,
    ) -> Tally:
        """Run minibatch SGD over `order` (row positions), changing the network in place.

        `density` is the fraction of non-zeros in each layer's input in the epoch before, from which
        an engine chooses how to multiply it; None where there was no epoch before. The choice
        changes rounding alone.

        On KeyboardInterrupt the network is left somewhere between two minibatches.
        """
        ...

    def train_autoencoder(
        self,
        autoencoder: Autoencoder,
        examples: Unlabeled,
        order: NDArray[np.int64],
        settings: AutoencoderSettings,
        *,
        layer: int,
        epoch: int,
        seed: int,
        n_threads: int,
        density: Sequence[float] | None = None,
    ) -> Tally:
        """Run minibatch SGD over `order`, changing the auto-encoder in place; see `train`.

        `layer` is its number in the stack: each has draws of its own. In the tally, `loss` is the mean
        reconstruction cost of the corrupted examples.
        """
        ...

    def forward(self, network: Network, features: Features, *, n_threads: int) -> Array:
        """Compute z of the output layer, in the network's dtype, (n_samples, n_outputs)."""
        ...

    def evaluate(self, network: Network, features: Features, *, n_threads: int) -> Evaluation:
        """Compute the network's output and count its zeros."""
        ...

    def encode(
        self, network: Network, features: Features, layer: int, *, n_threads: int
    ) -> sparse.csr_array[Any]:
        """Activations of one hidden layer, CSR with exactly the active units, (n_samples, n_units)."""
        ...
