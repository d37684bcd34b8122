"""The denoising auto-encoder in PyTorch, as its users would write it, and the noise it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import peers
from truezero.core.autoencoder import Autoencoder
from truezero.engines import AutoencoderSettings, Unlabeled
from truezero.errors import OptionError


class TorchAutoencoder(peers.TorchTraining):
    """Encoder and decoder, the cost summed over units, its mean over the minibatch, plus L1 on the code.

    A minibatch is (corrupted rows, clean rows), made beforehand: the noise is not part of PyTorch's time.

    Parameters
    ----------
    autoencoder : Autoencoder
        Rectifier units that reconstruct their input; where the training starts.
    variant, first_layer
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
        first_layer: Any = None,
    ) -> None:
        self.reconstruction = autoencoder.reconstruction
        if self.reconstruction not in ("softplus-quadratic", "sigmoid-cross-entropy"):
            raise OptionError(f"PyTorch is not timed with the reconstruction {self.reconstruction!r}")
        super().__init__(
            autoencoder.network, variant, learning_rate=settings.learning_rate, l1=settings.l1,
            first_layer=first_layer,
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
