"""Steps of pre-training: denoising auto-encoders of images, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from truezero.bench import markdown, peers
from truezero.bench.benchmark import at_least
from truezero.bench.machine import machine
from truezero.bench.ours import Above, pretraining_steps
from truezero.bench.rows import unlabeled
from truezero.bench.terminal import Table, ratio, sizes, times
from truezero.bench.timing import ONE_THREAD, OURS, Contest, Progress
from truezero.bench.torch_autoencoder import TorchAutoencoder, as_tensors, noisy_batches
from truezero.bench.traffic import against_floor
from truezero.core.autoencoder import Autoencoder, Stack
from truezero.core.corruption import Corruption
from truezero.core.draws import Purpose, permutation
from truezero.datasets import Dataset
from truezero.engines import AutoencoderSettings, Unlabeled, get_engine, resolve_threads
from truezero.errors import DivergenceError, OptionError
from truezero.training import LayerPlan, Pretraining, best_reconstruction, pretrain
from truezero.training.layer_input import layer_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH = 10


def run(
    dataset: Dataset,
    *,
    hidden_layer_sizes: Sequence[int] = (1000, 1000),
    learning_rate_init: float = 0.03,
    l1_activation: Sequence[float] = (0.0, 1e-5, 1e-4, 1e-3, 1e-2),
    corruption_level: float = 0.25,
    epochs: int = 5,
    steps: int = 1000,
    rounds: int = 7,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time a step of pre-training, layer by layer, against PyTorch.

    Batches of 10, strategy 1 with masking noise (section 3.2). Bags of words are timed by `bench text`.

    For every layer the λ with the lowest reconstruction error on the validation rows, λ itself not
    counted, is chosen first; its auto-encoder, trained, is what the steps start from, and its code
    what the next layer learns from. Everybody has the same weights, rows and noise; that they do the same
    work is checked on the weights after twenty steps. The noise is made beforehand for PyTorch, which
    is not timed; ours is made in the step.

    Parameters
    ----------
    dataset : Dataset
        Features in [0, 1]; its training and validation rows are used.
    hidden_layer_sizes : sequence of int
        Units of each layer.
    learning_rate_init : float
        Rate of SGD.
    l1_activation : sequence of float
        λs to choose from, for each layer anew.
    corruption_level : float
        Share of the input that masking noise sets to 0.
    epochs : int
        Epochs trained with each λ.
    steps : int
        Steps of one measurement; other libraries make a fifth of them.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        The most threads anybody may use.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        `layers`, each with `l1_by_error`, what every λ gave, and the one chosen, `l1_activation`;
        `sparsity` of the code and `input_density`; `milliseconds_per_step` of each contestant; `ratio`
        and `spread` against PyTorch's best variant; `threads_ratio`, our time on one thread over that
        on all; `floor` as in `bench_train`. `ratio` and `spread` of the layer with the least ratio.

    Raises
    ------
    OptionError
        If PyTorch is not installed, the data have no validation rows, or a number is out of range.
    DivergenceError
        If a layer cannot be trained with any of the λs.
    TruezeroError
        If another library's weights come out differently.
    """
    peers.require_torch()
    if dataset.X_validation is None:
        raise OptionError(f"{dataset.name} has no validation rows")
    if not l1_activation:
        raise OptionError("there must be at least one l1_activation")
    at_least(1, epochs=epochs, steps=steps, rounds=rounds)
    threads = resolve_threads(n_threads)
    train, held_out = (unlabeled(dataset.scaled(part)) for part in ("train", "validation"))
    corruption = Corruption("masking", corruption_level)
    plans: list[LayerPlan] = []
    finished: list[Autoencoder] = []
    layers = []
    for number, n_units in enumerate(hidden_layer_sizes):
        tried = [
            LayerPlan(
                n_units, "rectifier", AutoencoderSettings(learning_rate_init, _BATCH, l1, corruption),
                max_epochs=epochs,
            )
            for l1 in l1_activation
        ]  # fmt: skip
        result, chosen, autoencoder = _choose(plans, tried, finished, train, held_out, threads, on_progress)
        plans.append(chosen)
        below = Stack(finished, (None,) * number)
        rows = layer_rows(below, Pretraining(tuple(plans)), train, get_engine("native"), threads)
        contest = Contest(rounds, threads, on_progress, f"layer {number + 1}")
        layers.append(
            result
            | _time(contest, autoencoder, rows, chosen.step, number, epochs + 1, steps, result["sparsity"])
        )
        finished.append(autoencoder)
    timed = [layer for layer in layers if layer["ratio"] is not None]
    least = min(timed, key=lambda layer: layer["ratio"]) if timed else {"ratio": None, "spread": None}
    return {
        "benchmark": "pretrain",
        "data": dataset.name,
        "batch_size": _BATCH,
        "learning_rate": learning_rate_init,
        "corruption": ["masking", corruption_level],
        "reconstruction": "softplus-quadratic",
        "l1_activations": list(l1_activation),
        "epochs": epochs,
        "layers": layers,
        "rounds": rounds,
        "ratio": least["ratio"],
        "spread": least["spread"],
        "machine": machine(threads),
    }


def _choose(
    plans: Sequence[LayerPlan],
    tried: Sequence[LayerPlan],
    finished: Sequence[Autoencoder],
    train: Unlabeled,
    held_out: Unlabeled,
    threads: int,
    on_progress: Progress,
) -> tuple[dict[str, Any], LayerPlan, Autoencoder]:
    """Train a layer by each plan; return what came out, the plan of the lowest error, and its layer."""
    number, errors = len(finished) + 1, []
    candidates: list[tuple[float, dict[str, Any], LayerPlan, Autoencoder]] = []
    failed: DivergenceError | None = None
    for plan in tried:
        l1 = plan.step.l1
        on_progress(f"layer {number}: training with λ {l1:g}")
        line: dict[str, Any] = {"l1_activation": l1, "reconstruction_error": None}
        errors.append(line)
        try:
            state = pretrain(
                train, held_out, Pretraining((*plans, plan)), engine=get_engine("native"), n_threads=threads,
                callbacks=[Above(finished)],
            )  # fmt: skip
        except DivergenceError as error:
            failed, line["failed"] = error, str(error)
            continue
        records = state.of_layer(len(finished))
        best = records[best_reconstruction(records)]
        line |= {key: best[key] for key in ("reconstruction_error", "sparsity", "dead_units", "epoch")}
        candidates.append((line["reconstruction_error"], line, plan, state.stack.layers[-1]))
    if not candidates:
        assert failed is not None
        raise failed
    _, line, plan, autoencoder = min(candidates, key=lambda candidate: candidate[0])
    result = {
        "sizes": list(autoencoder.network.layer_sizes),
        "l1_by_error": errors,
        "l1_activation": line["l1_activation"],
        "reconstruction_error": line["reconstruction_error"],
        "sparsity": line["sparsity"],
    }
    return result, plan, autoencoder


def _time(
    contest: Contest,
    autoencoder: Autoencoder,
    rows: Unlabeled,
    settings: AutoencoderSettings,
    layer: int,
    epoch: int,
    steps: int,
    sparsity: float,
) -> dict[str, Any]:
    order = permutation(0, Purpose.ORDER, rows.ids, layer=layer + 1, epoch=epoch)
    stretch = np.resize(order, steps * _BATCH)
    density = (rows.features.density(), 1 - sparsity)
    ours = pretraining_steps(autoencoder, rows, stretch, settings, density, layer=layer, epoch=epoch)
    contest.enter_ours(ours.contestant)
    contest.on_progress("noise for PyTorch")
    few = stretch[: max(steps // 5, 1) * _BATCH]
    noisy = noisy_batches(rows, few, settings, layer=layer, epoch=epoch, seed=0)
    make = partial(TorchAutoencoder, autoencoder, settings=settings)
    peers.enter_torch_variants(contest, make, as_tensors(noisy), ours)
    contest.contestants[OURS]()
    contest.hold()
    facts = contest.facts()
    corrupted = np.concatenate([corrupted for corrupted, _ in noisy])
    return {
        "input_density": density[0],
        **facts,
        **contest.ratios({"": peers.TORCH_VARIANTS, "threads_": [ONE_THREAD]}),
        **against_floor(
            autoencoder.network, corrupted, np.arange(len(corrupted)),
            facts["milliseconds_per_step"][OURS]["median"],
            batch_size=_BATCH, n_threads=contest.most_threads,
        ),
        "engine": {"name": "native", "products": list(ours.first().products)},
    }  # fmt: skip


def tables(result: dict[str, Any]) -> list[Table | str]:
    """What each λ gave and everybody's times for each layer."""
    shown: list[Table | str] = []
    for number, layer in enumerate(result["layers"], 1):
        rows = [_lambda(line, "-", " *" if line["l1_activation"] == layer["l1_activation"] else "")
                for line in layer["l1_by_error"]]  # fmt: skip
        zeros, floor = 100 * layer["sparsity"], layer["floor"]
        shown += [
            Table(f"layer {number}, {sizes(layer['sizes'])}: λ by its error", _OF_LAMBDA, rows),
            times(
                layer,
                f"λ {layer['l1_activation']:g}, {zeros:.1f} % zeros, batches of {result['batch_size']}",
            ),
            f"PyTorch's best / truezero: {ratio(layer)}",
            f"one thread / all: {ratio(layer, 'threads_')}",
            f"traffic floor {floor['milliseconds']:.3f} ms, truezero takes {floor['ratio']:.2f} times that",
        ]
    return shown


_OF_LAMBDA = ("λ", "reconstruction error", "zeros, %", "dead units", "epoch")


def _lambda(line: dict[str, Any], nothing: str, mark: str = "") -> tuple[str, ...]:
    """A row on what a λ gave, under the headings `_OF_LAMBDA`."""
    name = f"{line['l1_activation']:g}{mark}"
    if line["reconstruction_error"] is None:
        return (name, "failed", nothing, nothing, nothing)
    return (
        name, f"{line['reconstruction_error']:.4g}", f"{100 * line['sparsity']:.1f}",
        str(line["dead_units"]), str(line["epoch"]),
    )  # fmt: skip


def figure(result: dict[str, Any]) -> Figure:
    """Draw everybody's times, a panel per layer."""
    from truezero.plots.benchmarks import point_panels

    parts = []
    for number, layer in enumerate(result["layers"], 1):
        name = f"Layer {number}, {sizes(layer['sizes'])}, λ {layer['l1_activation']:g}"
        parts.append((name, layer))
    titled = [
        (
            f"{name}, {100 * part['sparsity']:.1f} % zeros, batch {result['batch_size']}",
            part["milliseconds_per_step"],
        )
        for name, part in parts
    ]
    return point_panels(titled, 2.8, "milliseconds a step (median; line: least to greatest)")


def page(result: dict[str, Any]) -> str:
    """Write the section."""
    r = result
    grid = ",".join(f"{l1:g}" for l1 in r["l1_activations"])
    units = ",".join(str(layer["sizes"][1]) for layer in r["layers"])
    kind, level = r["corruption"]
    parts = [
        "## Pre-training\n",
        f"`truezero bench pretrain --data {r['data']} --hidden-layer-sizes {units} --learning-rate-init "
        f"{r['learning_rate']:g} --l1-activation {grid} --corruption-level {level:g} --epochs "
        f"{r['epochs']}`: denoising auto-encoders, {r['reconstruction']}, {kind} {level:g}, batches of "
        f"{r['batch_size']}. Every layer is trained with each λ; what is timed starts from the one with the "
        "lowest reconstruction error on the validation rows, λ not counted. PyTorch is given the corrupted "
        "and the clean rows, made beforehand; our noise is made in the step.\n",
    ]
    for number, layer in enumerate(r["layers"], 1):
        encoder, decoder = layer["floor"]["rows_touched"]
        parts += [
            f"### Layer {number}: {sizes(layer['sizes'])}\n",
            markdown.table(_OF_LAMBDA, (_lambda(line, "–") for line in layer["l1_by_error"])),
            f"λ {layer['l1_activation']:g}: {100 * layer['sparsity']:.1f} % zeros; "
            f"{100 * layer['input_density']:.1f} % of the clean input is not zero.\n",
            *markdown.against_pytorch(layer),
            f"One thread over all: {markdown.ratio(layer, 'threads_')}. Products run: "
            f"{', '.join(layer['engine']['products'])}. A minibatch touches {encoder:.0f} rows of the "
            f"encoder and {decoder:.0f} of the decoder: {markdown.traffic(layer)}\n",
        ]
    return "\n".join(parts)
