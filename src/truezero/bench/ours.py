"""Our own steps: what is timed, and what other libraries' steps are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truezero.bench.timing import Contestant, per_step
from truezero.core.autoencoder import Autoencoder
from truezero.core.network import Network
from truezero.engines import AutoencoderSettings, Examples, StepSettings, Unlabeled, get_engine
from truezero.engines.contract import Tally
from truezero.training import PretrainingState

Train = Callable[[NDArray[np.int64], int], Tally]
"""Trains over rows in this order, on so many threads."""


@dataclass(frozen=True)
class OurSteps:
    """Steps of the native engine, from one start over one order of rows.

    Attributes
    ----------
    start : Network
        Stays as it is.
    copy : callable
        Gives a copy of the start, and what trains that copy.
    order : ndarray of int64
        Rows of one measurement.
    batch_size : int
    """

    start: Network
    copy: Callable[[], tuple[Network, Train]]
    order: NDArray[np.int64]
    batch_size: int

    def contestant(self, n_threads: int) -> Contestant:
        """Training over all of the order, again and again: seconds per step."""
        _, train = self.copy()
        return per_step(lambda: train(self.order, n_threads), -(-len(self.order) // self.batch_size))

    def after(self, steps: int) -> Network:
        """Train a copy for the first so many steps."""
        network, train = self.copy()
        train(self.order[: steps * self.batch_size], 1)
        return network

    def first(self) -> Tally:
        """What one step says that it did."""
        _, train = self.copy()
        return train(self.order[: self.batch_size], 1)


def training_steps(
    network: Network,
    examples: Examples,
    order: NDArray[np.int64],
    settings: StepSettings,
    density: Sequence[float] | None = None,
) -> OurSteps:
    """Make steps of supervised training.

    Parameters
    ----------
    network : Network
    examples : Examples
    order : ndarray of int64
    settings : StepSettings
    density : sequence of float, optional
        Of each layer's input in the epoch before; the engine chooses its products by it.

    Returns
    -------
    OurSteps
    """
    native = get_engine("native", network)

    def copy() -> tuple[Network, Train]:
        trained = network.copy()

        def train(part: NDArray[np.int64], n_threads: int) -> Tally:
            return native.train(
                trained, examples, part, settings, epoch=1, seed=0, n_threads=n_threads, density=density
            )

        return trained, train

    return OurSteps(network, copy, order, settings.batch_size)


def pretraining_steps(
    autoencoder: Autoencoder,
    rows: Unlabeled,
    order: NDArray[np.int64],
    settings: AutoencoderSettings,
    density: Sequence[float] | None = None,
    *,
    layer: int,
    epoch: int,
) -> OurSteps:
    """Make steps of an auto-encoder, whose noise is that of this layer and epoch and seed 0.

    Parameters
    ----------
    autoencoder : Autoencoder
    rows : Unlabeled
    order, density
        As in `training_steps`.
    settings : AutoencoderSettings
    layer, epoch : int

    Returns
    -------
    OurSteps
    """
    native = get_engine("native", autoencoder.network)

    def copy() -> tuple[Network, Train]:
        trained = autoencoder.copy()

        def train(part: NDArray[np.int64], n_threads: int) -> Tally:
            return native.train_autoencoder(
                trained, rows, part, settings,
                layer=layer, epoch=epoch, seed=0, n_threads=n_threads, density=density,
            )  # fmt: skip

        return trained.network, train

    return OurSteps(autoencoder.network, copy, order, settings.batch_size)


class Above:
    """Callback that begins pre-training above layers that are finished."""

    def __init__(self, layers: Sequence[Autoencoder]) -> None:
        self.layers = layers

    def on_train_begin(self, state: PretrainingState) -> None:
        """Put the finished layers where the others go on from."""
        state.stack.layers[:] = self.layers

    def __call__(self, state: PretrainingState) -> None:
        """Let every epoch pass."""
