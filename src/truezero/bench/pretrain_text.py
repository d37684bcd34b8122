"""A step of an auto-encoder of bags of words whose outputs are sampled, and what sampling costs in error."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import peers
from truezero.bench.text import EMBEDDING, first_layer
from truezero.bench.timing import Contestant, Progress, best_threads, interleave, milliseconds, ratio
from truezero.bench.topics import topic_rows
from truezero.bench.torch_autoencoder import (
    TorchAutoencoder,
    as_tensors,
    noisy_batches,
    torch_contestants,
    weights_apart,
)
from truezero.core.autoencoder import Autoencoder
from truezero.core.corruption import Corruption
from truezero.core.draws import Purpose, permutation
from truezero.engines import AutoencoderSettings, Features, Unlabeled, get_engine
from truezero.training import LayerPlan, Pretraining, best_reconstruction, pretrain

_BATCH = 10
_L1 = 0.0
_NOISE = (0.8, 0.005)
_DENSITY = 0.006
_SEEDS = (0, 1, 2)
_STEPS, _PEER_STEPS, _CHECKED_STEPS = 200, 20, 5  # PyTorch's take most of a tenth of a second each


def bench_bags(
    *,
    n_features: int,
    n_rows: int,
    epochs: int,
    learning_rate: float,
    sampling: float,
    rounds: int,
    threads: int,
    on_progress: Progress,
) -> dict[str, Any]:
    """Compare held-out errors with and without sampling, then time steps from the trained auto-encoder."""
    note = f"{n_features} words"
    sampled, every = (
        AutoencoderSettings(learning_rate, _BATCH, _L1, Corruption("salt-and-pepper", _NOISE), share)
        for share in (sampling, None)
    )
    on_progress(f"{note}: making rows")
    X = topic_rows(n_rows + max(n_rows // 5, 1), n_features, _DENSITY)
    ids = np.arange(X.shape[0], dtype=np.int64)
    train, held_out = (Unlabeled(Features(X[part]), ids[part]) for part in (ids < n_rows, ids >= n_rows))
    errors: dict[str, list[float]] = {"sampled": [], "all": []}
    start: tuple[Autoencoder, float] | None = None
    for seed in _SEEDS:
        for name, step in (("sampled", sampled), ("all", every)):
            on_progress(f"{note}: training, {name} outputs, seed {seed}")
            plan = LayerPlan(
                n_features, "rectifier", step,
                reconstruction="sigmoid-cross-entropy", max_epochs=epochs,
            )  # fmt: skip
            state = pretrain(
                train, held_out, Pretraining((plan,), seed=seed), engine=get_engine("native"),
                n_threads=threads,
            )  # fmt: skip
            last = state.history[-1]
            assert last["reconstruction_error"] is not None
            errors[name].append(last["reconstruction_error"])
            kept = state.history[best_reconstruction(state.history)]  # whose layer is in the stack
            start = start or (state.stack.layers[0], kept["sparsity"])
    assert start is not None
    autoencoder, sparsity = start
    ratios = [a / b for a, b in zip(errors["sampled"], errors["all"], strict=True)]
    return {
        "features": n_features,
        "density": float(X.nnz / X.shape[0] / n_features),
        "n_rows": n_rows,
        "network": list(autoencoder.network.layer_sizes),
        "reconstruction": autoencoder.reconstruction,
        "corruption": ["salt-and-pepper", *_NOISE],
        "sampling": sampling,
        "learning_rate": learning_rate,
        "l1_activation": _L1,
        "epochs": epochs,
        "seeds": list(_SEEDS),
        "reconstruction_error": errors,
        "error_of_frequencies": _error_of_frequencies(train, held_out),
        "error_ratio": float(np.mean(ratios)),
        "error_spread": [min(ratios), max(ratios)],
        "sparsity": sparsity,
    } | _time(autoencoder, train, sampled, every, sparsity, epochs + 1, rounds, threads, on_progress, note)


def _error_of_frequencies(train: Unlabeled, held_out: Unlabeled) -> float:
    """Held-out cost of giving every word its frequency: what an auto-encoder that learns must beat."""
    n = train.features.n_samples
    p = (np.asarray(train.features.X.sum(axis=0), dtype=np.float64).ravel() + 0.5) / (n + 1)
    of_ones = np.asarray(held_out.features.X @ (np.log1p(-p) - np.log(p)))
    return float(of_ones.mean() - np.log1p(-p).sum())


def _time(
    autoencoder: Autoencoder,
    rows: Unlabeled,
    sampled: AutoencoderSettings,
    every: AutoencoderSettings,
    sparsity: float,
    epoch: int,
    rounds: int,
    threads: int,
    on_progress: Progress,
    note: str,
) -> dict[str, Any]:
    native = get_engine("native", autoencoder.network)
    order = permutation(0, Purpose.ORDER, rows.ids, layer=1, epoch=epoch)
    stretch = np.resize(order, _STEPS * _BATCH)
    density = (rows.features.density(), 1 - sparsity)

    def ours(n: int, settings: AutoencoderSettings, steps: int) -> Contestant:
        trained, part = autoencoder.copy(), stretch[: steps * _BATCH]

        def run() -> float:
            started = time.perf_counter()
            native.train_autoencoder(
                trained, rows, part, settings,
                layer=0, epoch=epoch, seed=0, n_threads=n, density=density,
            )  # fmt: skip
            return (time.perf_counter() - started) / steps

        return run

    few = max(_STEPS // 5, 1)
    contestants = {
        "truezero": ours(threads, sampled, _STEPS),
        "truezero, all outputs": ours(threads, every, few),
    }
    chosen = dict.fromkeys(contestants, threads)
    if threads > 1:
        contestants["truezero, 1 thread"], chosen["truezero, 1 thread"] = ours(1, sampled, _STEPS), 1
    noisy = noisy_batches(rows, stretch[: _PEER_STEPS * _BATCH], every, layer=0, epoch=epoch, seed=0)
    dense, bags = as_tensors(noisy), _bags(noisy)
    checked = dense[:_CHECKED_STEPS]
    check = weights_apart(autoencoder, rows, stretch, every, checked, layer=0, epoch=epoch)
    theirs, facts = torch_contestants(autoencoder, every, dense, check, threads, on_progress, note)
    bag_check = weights_apart(autoencoder, rows, stretch, every, bags[:_CHECKED_STEPS], layer=0, epoch=epoch)

    def with_bag() -> TorchAutoencoder:
        first = first_layer(autoencoder.network, EMBEDDING)
        return TorchAutoencoder(autoencoder, "torch eager", every, first_layer=first)

    facts["disagreement"][EMBEDDING] = bag_check(with_bag(), EMBEDDING)
    model = with_bag()
    chosen[EMBEDDING], bag = best_threads(
        lambda n: model.contestant(bags, n), threads, on_progress, f"{note}: {EMBEDDING}"
    )
    contestants |= theirs | {EMBEDDING: bag}
    contestants["truezero"]()
    seconds = interleave(contestants, rounds, on_progress, f"{note}:")
    result: dict[str, Any] = {
        "milliseconds_per_step": milliseconds(seconds),
        **facts,
        "n_threads": chosen | facts["n_threads"],
        **_listed(noisy, sampled.sampling or 1.0),
    }
    for key, names in (
        ("", list(peers.TORCH_VARIANTS)),
        ("embedding_bag_", [EMBEDDING]),
        ("all_outputs_", ["truezero, all outputs"]),
        ("threads_", ["truezero, 1 thread"]),
    ):
        result[f"{key}ratio"], result[f"{key}spread"] = ratio(seconds, "truezero", names)
    return result


def _bags(noisy: list[tuple[NDArray[Any], NDArray[Any]]]) -> list[tuple[Any, Any]]:
    """Minibatches as an embedding bag takes them: the words of each corrupted row; clean rows stay dense."""
    import torch

    bags = []
    for corrupted, clean in noisy:
        rows, words = corrupted.nonzero()
        starts = np.searchsorted(rows, np.arange(len(corrupted)))
        bags.append(((torch.tensor(words), torch.tensor(starts)), torch.tensor(clean)))
    return bags


def _listed(noisy: list[tuple[NDArray[Any], NDArray[Any]]], sampling: float) -> dict[str, float]:
    """Words that a minibatch has in its corrupted rows, and outputs that it computes on average."""
    inputs = np.mean([corrupted.any(axis=0).sum() for corrupted, _ in noisy])
    always = np.mean([(corrupted.any(axis=0) | clean.any(axis=0)).sum() for corrupted, clean in noisy])
    n_features = noisy[0][1].shape[1]
    return {
        "inputs_per_step": float(inputs),
        "outputs_per_step": float(always + sampling * (n_features - always)),
    }
