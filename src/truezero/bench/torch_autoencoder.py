"""The denoising auto-encoder in PyTorch, as its users would write it, and all variants of it in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import peers
from truezero.bench.timing import Contestant, Progress, best_threads
from truezero.core.autoencoder import Autoencoder
from truezero.engines import AutoencoderSettings, Unlabeled, get_engine
from truezero.errors import OptionError

_CHECKED = 1e-2  # float32 sums in another order, and some steps in which that grows


class TorchAutoencoder(peers.TorchTraining):
    """Encoder and decoder, the cost summed over units, its mean over the minibatch, plus L1 on the code.

    A minibatch is (corrupted rows, clean rows), made beforehand: the noise is not part of PyTorch's time.

    Parameters
    ----------
    autoencoder : Autoencoder
        Rectifier units that reconstruct their input; where the training starts.
    variant, n_threads, first_layer
        As in `TorchTraining`.
    settings : AutoencoderSettings
        Rate and λ of it are used.

    Raises
    ------
    OptionError
        If its reconstruction is not written here.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        variant: str,
        settings: AutoencoderSettings,
        *,
        n_threads: int = 1,
        first_layer: Any = None,
    ) -> None:
        self.reconstruction = autoencoder.reconstruction
        if self.reconstruction not in ("softplus-quadratic", "sigmoid-cross-entropy"):
            raise OptionError(f"PyTorch is not timed with the reconstruction {self.reconstruction!r}")
        super().__init__(
            autoencoder.network, variant, learning_rate=settings.learning_rate, l1=settings.l1,
            n_threads=n_threads, first_layer=first_layer,
        )  # fmt: skip

    def _cost(self, corrupted: Any, clean: Any) -> Any:
        functional = self.torch.nn.functional
        h = self.activation(self.layers[0](corrupted))
        r = self.layers[1](h)
        if self.reconstruction == "softplus-quadratic":
            cost = (functional.softplus(r) - clean).square().sum()
        else:
            cost = functional.binary_cross_entropy_with_logits(r, clean, reduction="sum")
        if self.l1 > 0:
            cost = cost + self.l1 * h.abs().sum()
        return cost / len(clean)

    def contestant(self, batches: Sequence[Any], n_threads: int) -> Contestant:
        """Return what trains over the minibatches on so many threads; its gradients are not kept."""

        def run() -> float:
            self.n_threads = n_threads
            seconds = self.train(batches)
            self.optimizer.zero_grad(set_to_none=True)
            return seconds

        return run


def noisy_batches(
    rows: Unlabeled,
    order: NDArray[np.int64],
    settings: AutoencoderSettings,
    *,
    layer: int,
    epoch: int,
    seed: int,
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Minibatches as (corrupted, clean) dense rows: the same noise that our engine adds by itself."""
    batches = []
    for start in range(0, len(order), settings.batch_size):
        batch = order[start : start + settings.batch_size]
        clean = rows.features.X[batch]
        clean = clean.toarray() if hasattr(clean, "toarray") else clean
        corrupted = settings.corruption.apply(clean, rows.ids[batch], layer=layer, epoch=epoch, seed=seed)
        batches.append((corrupted, clean))
    return batches


def as_tensors(batches: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> list[tuple[Any, Any]]:
    """The same minibatches for PyTorch."""
    import torch

    return [(torch.tensor(corrupted), torch.tensor(clean)) for corrupted, clean in batches]


def torch_contestants(
    autoencoder: Autoencoder,
    settings: AutoencoderSettings,
    batches: Sequence[Any],
    check: Callable[[TorchAutoencoder, str], float],
    threads: int,
    on_progress: Progress,
    note: str,
) -> tuple[dict[str, Contestant], dict[str, Any]]:
    """Make a contestant of every variant that does the same work here.

    Parameters
    ----------
    autoencoder : Autoencoder
    settings : AutoencoderSettings
    batches : sequence
        As `as_tensors` makes them.
    check : callable
        Trains a fresh model for some steps and returns how far its weights are from ours.
    threads : int
        The most anybody may use.
    on_progress : callable
    note : str

    Returns
    -------
    contestants : dict
    facts : dict
        `n_threads`, `disagreement` and, with the reason, `left_out`.
    """
    import torch

    contestants: dict[str, Contestant] = {}
    chosen: dict[str, int] = {}
    checked: dict[str, float] = {}
    left_out: dict[str, str] = {}
    # What is compiled is kept by function, so that another shape would make it compile for any shape.
    torch.compiler.reset()
    for variant in peers.TORCH_VARIANTS:
        try:
            on_progress(f"{note}: {variant}: is it the same work?")
            checked[variant] = check(TorchAutoencoder(autoencoder, variant, settings), variant)
            model = TorchAutoencoder(autoencoder, variant, settings)

            def make(n: int, model: TorchAutoencoder = model) -> Contestant:
                return model.contestant(batches, n)

            chosen[variant], contestants[variant] = best_threads(
                make, threads, on_progress, f"{note}: {variant}"
            )
        except RuntimeError as error:  # no compiler for torch.compile, say
            left_out[variant] = str(error).strip().splitlines()[0]
    return contestants, {"n_threads": chosen, "disagreement": checked, "left_out": left_out}


def weights_apart(
    autoencoder: Autoencoder,
    rows: Unlabeled,
    order: NDArray[np.int64],
    settings: AutoencoderSettings,
    batches: Sequence[Any],
    *,
    layer: int,
    epoch: int,
) -> Callable[[TorchAutoencoder, str], float]:
    """Return a check: how far a model's weights are from ours after these minibatches, seed 0.

    Raises
    ------
    TruezeroError
        When called: if that is farther than rounding explains.
    """
    ours = autoencoder.copy()
    get_engine("native", ours.network).train_autoencoder(
        ours, rows, order[: len(batches) * settings.batch_size], settings,
        layer=layer, epoch=epoch, seed=0, n_threads=1,
    )  # fmt: skip

    def check(model: TorchAutoencoder, name: str) -> float:
        model.train(batches)
        apart = peers.disagreement(ours.network, model.weights(), autoencoder.network)
        return peers.check(name, apart, _CHECKED)

    return check
