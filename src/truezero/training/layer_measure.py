"""How well a layer reconstructs, whether it converges, and whether it lives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Autoencoder
from truezero.core.network import Network
from truezero.engines import Engine, Features, Tally, Unlabeled
from truezero.errors import DivergenceError
from truezero.training.history import PretrainingRecord
from truezero.training.layer_input import blocks_of
from truezero.training.settings import LayerPlan, Pretraining

# Cost above so many times that of an untrained decoder's zeros means that training has exploded.
_EXPLOSION = 1e3
# Training rows on which a layer is measured where there are no held-out ones.
EVALUATION_ROWS = 1000
# The noise that held-out rows get is that of an epoch that is never trained.
_HELD_OUT_EPOCH = 0


def corrupted_rows(rows: Unlabeled, plan: LayerPlan, layer: int, settings: Pretraining) -> Features:
    """Measured rows with the noise that they always get; CSR stays CSR."""
    blocks: list[Any] = []
    dtype, is_sparse = np.dtype(settings.dtype), sparse.issparse(rows.features.X)
    for part in blocks_of(rows.features):
        block = rows.features.take(part)
        where = {"layer": layer, "epoch": _HELD_OUT_EPOCH, "seed": settings.seed}
        ids, corruption = rows.ids[part], plan.step.corruption
        if is_sparse:
            clean = block.canonical().values(dtype)
            blocks.append(sparse.csr_array(corruption.apply_csr(clean, ids, **where)))
        else:
            blocks.append(corruption.apply(_dense(block, dtype), ids, **where))
    return Features(sparse.csr_array(sparse.vstack(blocks)) if is_sparse else np.concatenate(blocks))


def _dense(features: Features, dtype: np.dtype[np.floating]) -> Array:
    X = features.values(dtype)
    return np.asarray(X.toarray() if sparse.issparse(X) else X)


def measure_layer(
    autoencoder: Autoencoder,
    clean: Unlabeled,
    corrupted: Features,
    held_out: bool,
    engine: Engine,
    n_threads: int,
) -> PretrainingRecord:
    """Reconstruction error and zeros, as a record whose other fields are still blank."""
    n = clean.features.n_samples
    cost, zeros, stuck, targets = 0.0, 0, 0, 0
    active = np.zeros(autoencoder.network.layer_sizes[1], dtype=bool)
    for part in blocks_of(clean.features) if n else []:
        evaluation = engine.evaluate(autoencoder.network, corrupted.take(part), n_threads=n_threads)
        if clean.target is None:
            target = autoencoder.target_of(_dense(clean.features.take(part), autoencoder.dtype))
        else:
            target = clean.target[part]
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


def check_converging(
    autoencoder: Autoencoder, tally: Tally, measured: Unlabeled, plan: LayerPlan, layer: int, epoch: int
) -> None:
    """Refuse to go on where cost or weights are no longer finite, or the cost has exploded.

    Raises
    ------
    DivergenceError
    """
    total = tally.loss + tally.penalty
    clean = _dense(measured.features.take(slice(EVALUATION_ROWS)), autoencoder.dtype)
    target = autoencoder.target_of(clean) if measured.target is None else measured.target[: len(clean)]
    of_zeros, _ = autoencoder.unit.cost(np.zeros_like(target), target, autoencoder.deviation)
    limit = _EXPLOSION * (1 + abs(float(of_zeros.sum(axis=1).mean()))) if len(of_zeros) else math.inf
    if math.isfinite(total) and total <= limit and autoencoder.network.all_finite():
        return
    what = f"the cost reached {total:.3g}" if math.isfinite(total) else "the cost is no longer finite"
    if math.isfinite(total) and total <= limit:
        what = "a weight is no longer finite"
    raise DivergenceError(
        f"pre-training of layer {layer + 1} diverged in epoch {epoch}: {what}; try a "
        f"learning_rate_init below {plan.step.learning_rate:g} (a tenth of it, say)"
    )


def is_dead(network: Network, features: Features, engine: Engine, n_threads: int) -> bool:
    """Whether no hidden unit is active for any row, without noise."""
    for part in blocks_of(features):
        if engine.evaluate(network, features.take(part), n_threads=n_threads).ever_active[0].any():
            return False
    return True


def cause_of_death(plan: LayerPlan, rows: Unlabeled, layer: int, epoch: int) -> str:
    """Say why no unit of a layer is active any more."""
    if rows.features.density() == 0:
        cause = "its input is 0 everywhere"
    elif plan.step.l1 > 0:
        cause = f"its L1 coefficient {plan.step.l1:g} is too high for a rate of {plan.step.learning_rate:g}"
    else:
        cause = f"a rate of {plan.step.learning_rate:g} is too high"
    return (
        f"layer {layer + 1} died in epoch {epoch} of its pre-training: none of its {plan.n_units} "
        f"units is active for any row; {cause}"
    )
