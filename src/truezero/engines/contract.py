"""The engine contract: what goes in, what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Autoencoder
from truezero.core.constraints import Constraints, number
from truezero.core.corruption import Corruption
from truezero.core.network import Network
from truezero.core.predictor import Forward
from truezero.core.rows import Examples, Features, Unlabeled
from truezero.errors import OptionError


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
            bound, alpha = self.batch_size / self.learning_rate, self.batch_size * self.weight_decay
            raise OptionError(
                f"alpha must be below batch_size / learning_rate_init, {bound:g}, got {alpha:g}: so much "
                "weight decay would turn the weights' signs around"
            )


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

    constraints: ClassVar[Constraints] = {"sampling": number(above=0, most=1) | None}

    def __post_init__(self) -> None:
        self.constraints["sampling"].check("sampling", self.sampling)


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
        The BLAS that multiplied, if one did.
    n_rows : int
        Examples, each as often as it was trained on; who puts stretches together counts them.
    """

    loss: float
    penalty: float
    products: tuple[str, ...]
    blas: str | None = None
    n_rows: int = 0


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

        `density` is the fraction of non-zeros in each layer's input, from the lowest up, as far as it is
        known: in the first epoch of the rows alone, or of none (None); then of all layers, from the epoch
        before. An engine chooses by it how to multiply. The choice changes rounding alone.

        An order that is cut between two minibatches, none of the parts less than one, and handed in one
        part after the other with the same density trains to the same bits, but for a decoder that is
        `factored`, and for max-norm and weight decay, whose scales are multiplied in when a call ends.

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

    def bound(self, network: Network, *, bfloat16: bool = False) -> Forward:
        """Make ready what computes the output of dense rows with a network whose arrays are read-only.

        If its weights are rounded to `bfloat16`, they may be kept as such; that changes no answer.

        It takes rows and where the output goes, both C-contiguous and in the network's dtype, and the
        number of threads, and raises TypeError or ValueError if they are not.
        """
        ...

    def encode(
        self, network: Network, features: Features, layer: int, *, n_threads: int
    ) -> sparse.csr_array[Any]:
        """Activations of one hidden layer, CSR with exactly the active units, (n_samples, n_units)."""
        ...
