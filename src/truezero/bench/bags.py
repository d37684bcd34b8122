"""Bags of words, a part of `pretrain`: an auto-encoder whose outputs are sampled, and the cost in error."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import markdown, peers
from truezero.bench.ours import pretraining_steps
from truezero.bench.rows import unlabeled
from truezero.bench.terminal import Table, ratio, sizes, times
from truezero.bench.timing import ONE_THREAD, OURS, Contest
from truezero.bench.topics import topic_rows
from truezero.bench.torch_autoencoder import TorchAutoencoder, as_tensors, noisy_batches
from truezero.core.autoencoder import Autoencoder
from truezero.core.corruption import Corruption
from truezero.core.draws import Purpose, permutation
from truezero.engines import AutoencoderSettings, Unlabeled, get_engine
from truezero.training import LayerPlan, Pretraining, best_reconstruction, pretrain

_NOISE = (0.8, 0.005)
_DENSITY = 0.006
_SEEDS = (0, 1, 2)
_STEPS, _PEER_STEPS, _CHECKED_STEPS = 200, 20, 5  # PyTorch's take most of a tenth of a second each
_ALL = "truezero, all outputs"


def settings(learning_rate: float, batch_size: int, sampling: float) -> AutoencoderSettings:
    """What is timed: salt-and-pepper noise, some of the outputs, no L1."""
    noise = Corruption("salt-and-pepper", _NOISE)
    return AutoencoderSettings(learning_rate, batch_size, 0.0, noise, sampling)


def measure(
    contest: Contest, sampled: AutoencoderSettings, n_features: int, n_rows: int, epochs: int
) -> dict[str, Any]:
    """Compare held-out errors with and without sampling, then time steps from the trained auto-encoder.

    Parameters
    ----------
    contest : Contest
    sampled : AutoencoderSettings
    n_features : int
        Words, and hidden units.
    n_rows : int
        That are trained on; a fifth as many are held out.
    epochs : int

    Returns
    -------
    dict
        See `truezero.bench.pretrain.run`.
    """
    every = replace(sampled, sampling=None)
    contest.on_progress("making rows")
    X = topic_rows(n_rows + max(n_rows // 5, 1), n_features, _DENSITY)
    train, held_out = unlabeled(X[:n_rows]), unlabeled(X[n_rows:], n_rows)
    errors: dict[str, list[float]] = {"sampled": [], "all": []}
    start: tuple[Autoencoder, float] | None = None
    for seed in _SEEDS:
        for name, step in (("sampled", sampled), ("all", every)):
            contest.on_progress(f"training, {name} outputs, seed {seed}")
            plan = LayerPlan(
                n_features, "rectifier", step,
                reconstruction="sigmoid-cross-entropy", max_epochs=epochs,
            )  # fmt: skip
            state = pretrain(
                train, held_out, Pretraining((plan,), seed=seed), engine=get_engine("native"),
                n_threads=contest.most_threads,
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
        "sampling": sampled.sampling,
        "learning_rate": sampled.learning_rate,
        "l1_activation": sampled.l1,
        "epochs": epochs,
        "seeds": list(_SEEDS),
        "reconstruction_error": errors,
        "error_of_frequencies": _error_of_frequencies(train, held_out),
        "error_ratio": float(np.mean(ratios)),
        "error_spread": [min(ratios), max(ratios)],
        "sparsity": sparsity,
    } | _time(contest, autoencoder, train, sampled, every, sparsity, epochs + 1)


def _error_of_frequencies(train: Unlabeled, held_out: Unlabeled) -> float:
    """Held-out cost of giving every word its frequency: what an auto-encoder that learns must beat."""
    n = train.features.n_samples
    p = (np.asarray(train.features.X.sum(axis=0), dtype=np.float64).ravel() + 0.5) / (n + 1)
    of_ones = np.asarray(held_out.features.X @ (np.log1p(-p) - np.log(p)))
    return float(of_ones.mean() - np.log1p(-p).sum())


def _time(
    contest: Contest,
    autoencoder: Autoencoder,
    rows: Unlabeled,
    sampled: AutoencoderSettings,
    every: AutoencoderSettings,
    sparsity: float,
    epoch: int,
) -> dict[str, Any]:
    order = permutation(0, Purpose.ORDER, rows.ids, layer=1, epoch=epoch)
    stretch = np.resize(order, _STEPS * sampled.batch_size)
    steps = partial(
        pretraining_steps, autoencoder, rows,
        density=(rows.features.density(), 1 - sparsity), layer=0, epoch=epoch,
    )  # fmt: skip
    contest.enter_ours(steps(stretch, sampled).contestant)
    few = stretch[: max(_STEPS // 5, 1) * sampled.batch_size]
    contest.enter(_ALL, steps(few, every).contestant, contest.most_threads)
    few = stretch[: _PEER_STEPS * sampled.batch_size]
    noisy = noisy_batches(rows, few, every, layer=0, epoch=epoch, seed=0)
    all_outputs = steps(stretch, every)
    make = partial(TorchAutoencoder, autoencoder, settings=every)
    peers.enter_torch_variants(contest, make, as_tensors(noisy), all_outputs, checked_steps=_CHECKED_STEPS)

    def with_bag() -> TorchAutoencoder:
        first = peers.sparse_first_layer(autoencoder.network, bag=True)
        return make("torch eager", first_layer=first)

    peers.enter_torch(
        contest, peers.EMBEDDING, with_bag, _bags(noisy), all_outputs, checked_steps=_CHECKED_STEPS
    )
    contest.contestants[OURS]()
    contest.hold()
    return {
        **contest.facts(),
        **_listed(noisy, sampled.sampling or 1.0),
        **contest.ratios(
            {
                "": peers.TORCH_VARIANTS,
                "embedding_bag_": [peers.EMBEDDING],
                "all_outputs_": [_ALL],
                "threads_": [ONE_THREAD],
            }
        ),
    }


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


def tables(result: dict[str, Any]) -> list[Table | str]:
    """Everybody's times, and the errors with and without sampling."""
    zeros, errors = f"{100 * result['sparsity']:.1f} % zeros", result["reconstruction_error"]
    return [
        times(result, f"bags of words, {sizes(result['network'])}, {zeros}"),
        f"PyTorch's dense decoder, best / truezero: {ratio(result)}",
        "PyTorch's encoder rewritten with an embedding bag / truezero: " + ratio(result, "embedding_bag_"),
        *(
            f"seed {seed}: reconstruction error {sampled:.2f} sampled, {every:.2f} with all outputs"
            for seed, sampled, every in zip(result["seeds"], errors["sampled"], errors["all"], strict=True)
        ),
        f"sampled / all outputs: {ratio(result, 'error_')}",
        f"of giving every word its frequency: {result['error_of_frequencies']:.2f}",
    ]


def page(result: dict[str, Any], batch_size: int) -> str:
    """Write the part of the section."""
    t, errors = result, result["reconstruction_error"]
    kind, zeros, ones = t["corruption"]
    rows = (
        (str(seed), f"{sampled:.2f}", f"{every:.2f}", f"{sampled / every:.4f}")
        for seed, sampled, every in zip(t["seeds"], errors["sampled"], errors["all"], strict=True)
    )
    return "\n".join(
        (
            f"### Bags of words: {sizes(t['network'])}\n",
            f"{t['n_rows']} binary rows of a topic model, {t['features']} words (`--text-features "
            f"{t['features']} --n-rows {t['n_rows']} --text-epochs {t['epochs']} --text-learning-rate-init "
            f"{t['learning_rate']:g} --sampling {t['sampling']:g}`), {100 * t['density']:.1f} % not zero; "
            f"{t['reconstruction']}, {kind} ({zeros:g}, {ones:g}), rate {t['learning_rate']:g}, λ "
            f"{t['l1_activation']:g}, batches of {batch_size}. A minibatch has {t['inputs_per_step']:.0f} "
            f"words after the noise; with {100 * t['sampling']:g} % of the other outputs sampled "
            f"{t['outputs_per_step']:.0f} are computed. {100 * t['sparsity']:.1f} % zeros.\n",
            *markdown.against_pytorch(t),
            "A PyTorch encoder rewritten with an embedding bag and sparse gradients: "
            f"{markdown.ratio(t, 'embedding_bag_')}; our own step with all outputs: "
            f"{markdown.ratio(t, 'all_outputs_')}; one thread over all: {markdown.ratio(t, 'threads_')}.\n",
            f"Reconstruction error of all outputs on held-out rows after {t['epochs']} epochs, trained by us "
            "both times:\n",
            markdown.table(("seed", "sampled", "all outputs", "sampled / all"), rows),
            f"On average {t['error_ratio']:.4f} ({t['error_spread'][0]:.4f}–{t['error_spread'][1]:.4f}); "
            f"giving every word its frequency costs {t['error_of_frequencies']:.2f}.\n",
        )
    )
