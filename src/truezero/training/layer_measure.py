"""How well a layer reconstructs, whether it converges, and whether it lives."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Autoencoder
from truezero.core.network import Network
from truezero.engines import Engine, Features, Unlabeled
from truezero.training.codes import MAX_KEPT, n_bytes
from truezero.training.history import PretrainingRecord
from truezero.training.settings import LayerPlan, Pretraining
from truezero.training.sources import Source, blocks_of

# Training rows on which a layer is measured where there are no held-out ones.
EVALUATION_ROWS = 1000
# The noise that held-out rows get is that of an epoch that is never trained.
_HELD_OUT_EPOCH = 0


class Measured:
    """Rows a layer is measured on, each clean and with the noise that it always gets.

    Both are kept if they take `codes.MAX_KEPT` bytes at most, else made anew in every pass.

    Parameters
    ----------
    source : Source of Unlabeled
    layer : int
    settings : Pretraining
    """

    def __init__(self, source: Source[Unlabeled], layer: int, settings: Pretraining) -> None:
        self._source, self._layer, self._settings = source, layer, settings
        self._kept: list[tuple[Unlabeled, Features]] | None = None

    def __iter__(self) -> Iterator[tuple[Unlabeled, Features]]:
        """Blocks of rows, clean and corrupted; CSR stays CSR where noise leaves zeros."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[tuple[Unlabeled, Features]] | None = []
        size = 0
        for clean in self._source.blocks():
            if not clean.features.n_samples:
                continue
            corrupted = self._corrupted(clean)
            size += n_bytes(clean.features.X) + n_bytes(corrupted.X)
            if size > MAX_KEPT:
                kept = None
            if kept is not None:
                kept.append((clean, corrupted))
            yield clean, corrupted
        self._kept = kept

    def first(self, n: int) -> Unlabeled:
        """The first n rows, clean, or all where there are fewer."""
        return self._source.first(n)

    def _corrupted(self, clean: Unlabeled) -> Features:
        corruption = self._settings.layers[self._layer].step.corruption
        where = {"layer": self._layer, "epoch": _HELD_OUT_EPOCH, "seed": self._settings.seed}
        dtype = np.dtype(self._settings.dtype)
        if sparse.issparse(clean.features.X):
            rows = clean.features.canonical().values(dtype)
            return Features(sparse.csr_array(corruption.apply_csr(rows, clean.ids, **where)))
        return Features(corruption.apply(_dense(clean.features, dtype), clean.ids, **where))


def _dense(features: Features, dtype: np.dtype[np.floating]) -> Array:
    X = features.values(dtype)
    return np.asarray(X.toarray() if sparse.issparse(X) else X)


def measure_layer(
    autoencoder: Autoencoder,
    measured: Measured,
    held_out: bool,
    engine: Engine,
    n_threads: int,
) -> PretrainingRecord:
    """Reconstruction error and zeros, as a record whose other fields are still blank."""
    cost, n, zeros, stuck, targets = 0.0, 0, 0, 0, 0
    active = np.zeros(autoencoder.network.layer_sizes[1], dtype=bool)
    for clean, corrupted in measured:
        evaluation = engine.evaluate(autoencoder.network, corrupted, n_threads=n_threads)
        target = _target(autoencoder, clean)
        n += len(target)
        value, _ = autoencoder.unit.cost(evaluation.output, target, autoencoder.deviation)
        cost += float(value.sum(dtype=np.float64))
        zeros += evaluation.zeros[0]
        active |= evaluation.ever_active[0]
        wanted = target != 0
        targets += int(wanted.sum())
        if autoencoder.reconstruction == "rectifier-quadratic":
            stuck += int(((autoencoder.unit.output(evaluation.output) == 0) & wanted).sum())
    return PretrainingRecord(
        layer=0,
        epoch=0,
        loss=math.nan,
        penalty=math.nan,
        reconstruction_error=cost / max(n, 1) if held_out else None,
        sparsity=zeros / max(n * len(active), 1),
        dead_units=int((~active).sum()),
        stuck=stuck / max(targets, 1),
        seconds=0.0,
        products=[],
        blas=None,
    )


def cost_of_zeros(autoencoder: Autoencoder, measured: Measured) -> float:
    """Mean cost of an untrained decoder's zeros; infinite without rows."""
    rows, total = measured.first(EVALUATION_ROWS), 0.0
    for part in blocks_of(rows.features.X.shape):
        target = _target(autoencoder, rows.take(part))
        with np.errstate(over="ignore", invalid="ignore"):
            value, _ = autoencoder.unit.cost(np.zeros_like(target), target, autoencoder.deviation)
            total += float(value.sum(dtype=np.float64))
    return abs(total / rows.features.n_samples) if rows.features.n_samples else math.inf


def _target(autoencoder: Autoencoder, clean: Unlabeled) -> Array:
    if clean.target is not None:
        return clean.target
    return autoencoder.target_of(_dense(clean.features, autoencoder.dtype))


def is_dead(network: Network, source: Source[Unlabeled], engine: Engine, n_threads: int) -> bool:
    """Whether no hidden unit is active for any row, without noise."""
    return not any(
        engine.evaluate(network, block.features, n_threads=n_threads).ever_active[0].any()
        for block in source.blocks()
    )


def cause_of_death(plan: LayerPlan, source: Source[Unlabeled], layer: int, epoch: int) -> str:
    """Say why no unit of a layer is active any more."""
    if not any(block.features.density() > 0 for block in source.blocks()):
        cause = "its input is 0 everywhere"
    elif plan.step.l1 > 0:
        cause = f"its L1 coefficient {plan.step.l1:g} is too high for a rate of {plan.step.learning_rate:g}"
    else:
        cause = f"a rate of {plan.step.learning_rate:g} is too high"
    return (
        f"layer {layer + 1} died in epoch {epoch} of its pre-training: none of its {plan.n_units} "
        f"units is active for any row; {cause}"
    )
