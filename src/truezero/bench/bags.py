"""Bags of words, a part of `text`: pre-training with sampled outputs, its cost in error, and fine-tuning."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import markdown, peers
from truezero.bench.ours import Above, pretraining_steps, training_steps
from truezero.bench.rows import labeled, unlabeled
from truezero.bench.terminal import Table, ratio, sizes, times
from truezero.bench.timing import ONE_THREAD, OURS, Contest, Progress
from truezero.bench.topics import topic_rows
from truezero.bench.torch_autoencoder import TorchAutoencoder, as_tensors, noisy_batches
from truezero.core.autoencoder import Autoencoder
from truezero.core.corruption import Corruption
from truezero.core.draws import Purpose, permutation
from truezero.core.initial import initialize
from truezero.engines import AutoencoderSettings, StepSettings, Unlabeled, get_engine
from truezero.training import LayerPlan, Pretraining, best_reconstruction, pretrain

_NOISE = (0.8, 0.005)
# Of the layers above; λ of each layer is what `table2` pre-trains and fine-tunes with.
_MASKING, _L1, _FINE_TUNING_L1, _STARS = (0.5, 0.3), (1e-3, 1e-4, 1e-4), 1e-5, 5
_DENSITY = 0.006
_SEEDS = (0, 1, 2)
_STEPS, _PEER_STEPS, _CHECKED_STEPS = 200, 20, 5  # PyTorch's take most of a tenth of a second each
_ALL = "truezero, all outputs"


def settings(learning_rate: float, batch_size: int, sampling: float) -> AutoencoderSettings:
    """Steps of the first layer: salt-and-pepper noise, some of the outputs."""
    noise = Corruption("salt-and-pepper", _NOISE)
    return AutoencoderSettings(learning_rate, batch_size, _L1[0], noise, sampling)


def measure(
    rounds: int,
    threads: int,
    on_progress: Progress,
    sampled: AutoencoderSettings,
    n_features: int,
    n_rows: int,
    epochs: int,
) -> dict[str, Any]:
    """Compare held-out errors with and without sampling; time steps of the layer, and of fine-tuning.

    Parameters
    ----------
    rounds, threads, on_progress
        As `Contest` takes them.
    sampled : AutoencoderSettings
    n_features : int
        Words, and hidden units.
    n_rows : int
        That are trained on; a fifth as many are held out.
    epochs : int

    Returns
    -------
    dict
        See `truezero.bench.text.run`.
    """
    contest = Contest(rounds, threads, on_progress, f"{n_features} words")
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
        **_time(contest, autoencoder, train, sampled, every, sparsity, epochs + 1),
        "fine_tuning": _fine_tuning(
            Contest(rounds, threads, on_progress, f"{n_features} words, fine-tuning"),
            autoencoder, train, held_out, sampled,
        ),
    }  # fmt: skip


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
    import torch

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

    batches = [(_bag(corrupted), torch.tensor(clean)) for corrupted, clean in noisy]
    peers.enter_torch(contest, peers.EMBEDDING, with_bag, batches, all_outputs, checked_steps=_CHECKED_STEPS)
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


def _fine_tuning(
    contest: Contest,
    first: Autoencoder,
    train: Unlabeled,
    held_out: Unlabeled,
    below: AutoencoderSettings,
) -> dict[str, Any]:
    """Pre-train two layers above the first, fine-tune all for an epoch, and time further steps."""
    import torch

    n_units = first.network.layer_sizes[1]
    native, batch_size = get_engine("native"), below.batch_size
    plans = [
        LayerPlan(
            n_units, "rectifier",
            AutoencoderSettings(
                below.learning_rate, batch_size, l1, noise, None if layer else below.sampling
            ),
            reconstruction="sigmoid-cross-entropy", max_epochs=1,
        )
        for layer, (l1, noise) in enumerate(
            zip(_L1, (below.corruption, *(Corruption("masking", level) for level in _MASKING)), strict=True)
        )
    ]  # fmt: skip
    contest.on_progress("pre-training the layers above")
    stack = pretrain(
        train, held_out, Pretraining(tuple(plans)), engine=native, n_threads=contest.most_threads,
        callbacks=[Above([first])],
    ).stack  # fmt: skip
    network = initialize((first.network.layer_sizes[0], *[n_units] * len(plans), _STARS), seed=0)
    stack.hand_over(network)
    X = train.features.X
    pulls = X @ np.random.default_rng(0).normal(size=X.shape[1])
    stars = np.digitize(pulls, np.quantile(pulls, np.arange(1, _STARS) / _STARS)).astype(np.int64)
    examples = labeled(X, stars)
    settings = StepSettings(below.learning_rate, batch_size, (_FINE_TUNING_L1,) * len(plans))
    contest.on_progress("fine-tuning")
    order = permutation(0, Purpose.ORDER, examples.ids, epoch=1)
    native.train(network, examples, order, settings, epoch=1, seed=0, n_threads=contest.most_threads)
    sparsity = native.evaluate(network, held_out.features, n_threads=contest.most_threads).sparsity
    density = (train.features.density(), *(1 - zeros for zeros in sparsity))
    ours = training_steps(network, examples, order[: _STEPS * batch_size], settings, density)
    contest.enter_ours(ours.contestant)
    few = order[: _PEER_STEPS * batch_size]
    dense = partial(peers.TorchTraining, network, learning_rate=settings.learning_rate, l1=_FINE_TUNING_L1)
    peers.enter_torch_variants(
        contest, dense, peers.torch_batches(X.toarray(), stars, few, batch_size), ours,
        checked_steps=_CHECKED_STEPS,
    )  # fmt: skip

    def with_bag() -> peers.TorchTraining:
        return dense("torch eager", first_layer=peers.sparse_first_layer(network, bag=True))

    batches = [
        (_bag(X[rows]), torch.tensor(stars[rows])) for rows in np.split(few, len(few) // batch_size)
    ]  # fmt: skip
    peers.enter_torch(contest, peers.EMBEDDING, with_bag, batches, ours, checked_steps=_CHECKED_STEPS)
    contest.hold()
    facts = contest.facts()
    return {
        "network": list(network.layer_sizes),
        "learning_rate": settings.learning_rate,
        "l1_activation": _FINE_TUNING_L1,
        "sparsity": list(sparsity),
        "input_density": density[0],
        **facts,
        "seconds_per_epoch": facts["milliseconds_per_step"][OURS]["median"]
        * -(-len(order) // batch_size)
        / 1e3,
        **contest.ratios(
            {"": peers.TORCH_VARIANTS, "embedding_bag_": [peers.EMBEDDING], "threads_": [ONE_THREAD]}
        ),
    }


def _bag(rows: Any) -> tuple[Any, Any]:
    """Rows as an embedding bag takes them: the words that they have, and where each row's begin."""
    import torch

    present, words = rows.nonzero()
    return torch.tensor(words), torch.tensor(np.searchsorted(present, np.arange(rows.shape[0])))


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
    of = result["fine_tuning"]
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
        times(of, f"fine-tuning, {sizes(of['network'])}, {_zeros(of)} % zeros, batches of 10"),
        f"PyTorch's best, dense input / truezero: {ratio(of)}",
        f"PyTorch rewritten with an embedding bag / truezero: {ratio(of, 'embedding_bag_')}",
        f"an epoch of {result['n_rows']} rows: {of['seconds_per_epoch']:.1f} s",
    ]


def _zeros(fine_tuning: dict[str, Any]) -> str:
    """Write the zeros of each hidden layer, in per cent."""
    return ", ".join(f"{100 * zeros:.0f}" for zeros in fine_tuning["sparsity"])


def panels(result: dict[str, Any], batch_size: int) -> list[tuple[str, dict[str, Any]]]:
    """Everybody's times of pre-training and fine-tuning, each with a title."""
    share, of = f"{100 * result['sampling']:g} % of the zeros sampled", result["fine_tuning"]
    zeros = f"{100 * result['sparsity']:.1f} % zeros, batch {batch_size}"
    return [
        (
            f"Pre-training, {sizes(result['network'])}, {share}, {zeros}",
            result["milliseconds_per_step"],
        ),
        (
            f"Fine-tuning, {sizes(of['network'])}, {_zeros(of)} % zeros, batch {batch_size}",
            of["milliseconds_per_step"],
        ),
    ]


def page(result: dict[str, Any], batch_size: int) -> str:
    """Write the part of the section."""
    t, errors, of = result, result["reconstruction_error"], result["fine_tuning"]
    kind, zeros, ones = t["corruption"]
    rows = (
        (str(seed), f"{sampled:.2f}", f"{every:.2f}", f"{sampled / every:.4f}")
        for seed, sampled, every in zip(t["seeds"], errors["sampled"], errors["all"], strict=True)
    )
    return "\n".join(
        (
            "## Bags of words\n",
            f"### Pre-training: {sizes(t['network'])}\n",
            f"`truezero bench text`: {t['n_rows']} binary rows of a topic model, {t['features']} words "
            f"(`--bag-features {t['features']} --n-rows {t['n_rows']} --epochs {t['epochs']} "
            f"--learning-rate-init {t['learning_rate']:g} --sampling {t['sampling']:g}`), "
            f"{100 * t['density']:.1f} % not zero; {t['reconstruction']}, {kind} ({zeros:g}, {ones:g}), "
            f"rate {t['learning_rate']:g}, λ {t['l1_activation']:g}, batches of {batch_size}. A minibatch "
            f"has {t['inputs_per_step']:.0f} words after the noise; with {100 * t['sampling']:g} % of the "
            f"other outputs sampled {t['outputs_per_step']:.0f} are computed. "
            f"{100 * t['sparsity']:.1f} % zeros.\n",
            *markdown.against_pytorch(t),
            "A PyTorch encoder rewritten with an embedding bag and sparse gradients: "
            f"{markdown.ratio(t, 'embedding_bag_')}; our own step with all outputs: "
            f"{markdown.ratio(t, 'all_outputs_')}; one thread over all: {markdown.ratio(t, 'threads_')}.\n",
            f"Reconstruction error of all outputs on held-out rows after {t['epochs']} epochs, trained by us "
            "both times:\n",
            markdown.table(("seed", "sampled", "all outputs", "sampled / all"), rows),
            f"On average {t['error_ratio']:.4f} ({t['error_spread'][0]:.4f}–{t['error_spread'][1]:.4f}); "
            f"giving every word its frequency costs {t['error_of_frequencies']:.2f}.\n",
            f"### Fine-tuning: {sizes(of['network'])}\n",
            f"Five classes; from that layer and two pre-trained above it, after an epoch: {_zeros(of)} % "
            f"zeros in the hidden layers, {100 * of['input_density']:.1f} % of the input not zero; rate "
            f"{of['learning_rate']:g}, λ {of['l1_activation']:g}, batches of {batch_size}. An epoch of "
            f"{t['n_rows']} rows takes {of['seconds_per_epoch']:.1f} s.\n",
            *markdown.against_pytorch(of),
            "An embedding bag and sparse gradients in PyTorch's first layer: "
            f"{markdown.ratio(of, 'embedding_bag_')}; one thread over all: "
            f"{markdown.ratio(of, 'threads_')}.\n",
        )
    )
