"""Steps of pre-training: denoising auto-encoders layer by layer, and one of bags of words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from truezero.bench import peers
from truezero.bench.machine import bandwidth, machine
from truezero.bench.pretrain_text import bench_bags
from truezero.bench.timing import Contestant, Progress, interleave, milliseconds, ratio
from truezero.bench.torch_autoencoder import as_tensors, noisy_batches, torch_contestants, weights_apart
from truezero.bench.train import traffic_floor
from truezero.core.autoencoder import Autoencoder, Stack
from truezero.core.corruption import Corruption
from truezero.core.draws import Purpose, permutation
from truezero.datasets import Dataset
from truezero.engines import AutoencoderSettings, Features, Unlabeled, get_engine, resolve_threads
from truezero.errors import DivergenceError, OptionError
from truezero.training import LayerPlan, Pretraining, PretrainingState, best_reconstruction, pretrain
from truezero.training.layer_input import layer_rows

_BATCH = 10
_CHECKED_STEPS = 20


def bench_pretrain(
    dataset: Dataset,
    *,
    hidden_layer_sizes: Sequence[int] = (1000, 1000),
    learning_rate: float = 0.03,
    l1_activations: Sequence[float] = (0.0, 1e-5, 1e-4, 1e-3, 1e-2),
    corruption_level: float = 0.25,
    epochs: int = 5,
    steps: int = 1000,
    rounds: int = 7,
    text: bool = True,
    text_features: int = 5000,
    text_rows: int = 10_000,
    text_epochs: int = 3,
    text_learning_rate: float = 0.01,
    sampling: float = 0.1,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time a step of pre-training, batches of 10, layer by layer (section 3.2, strategy 1, masking noise).

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
    learning_rate : float
    l1_activations : sequence of float
        λs to choose from, for each layer anew.
    corruption_level : float
        Share of the input that masking noise sets to 0.
    epochs : int
        Trained with each λ.
    steps : int
        Of one measurement; other libraries make a fifth of them.
    rounds : int
        Measurements of each contestant, interleaved.
    text : bool
        Also time an auto-encoder of bags of words, whose outputs are sampled.
    text_features, text_rows, text_epochs : int
        Its features and hidden units; training rows; epochs after which errors are compared.
    text_learning_rate : float
    sampling : float
        Share of the outputs that are not always reconstructed; see `AutoencoderSettings`.
    n_threads : int, optional
        The most anybody may use.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        `layers`, each with `l1_by_error`, what every λ gave, and the one chosen, `l1_activation`;
        `sparsity` of the code and `input_density`; `milliseconds_per_step` of each contestant; `ratio`
        and `spread` against PyTorch's best variant; `threads_ratio`, our time on one thread over that
        on all; `floor` as in `bench_train`. `text`, or None, the same for bags of words, with
        `reconstruction_error` of each seed with and without sampling, `error_ratio`, and for comparison
        `error_of_frequencies`, of giving every word its frequency. `ratio` and `spread` of the layer with
        the least ratio.

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
    if not l1_activations:
        raise OptionError("there must be at least one l1_activation")
    AutoencoderSettings(text_learning_rate, _BATCH, sampling=sampling)  # refused now, not after the layers
    threads = resolve_threads(n_threads)
    train, held_out = (_unlabeled(dataset.scaled(part)) for part in ("train", "validation"))
    corruption = Corruption("masking", corruption_level)
    plans: list[LayerPlan] = []
    finished: list[Autoencoder] = []
    layers = []
    for layer, n_units in enumerate(hidden_layer_sizes):
        tried = [
            LayerPlan(
                n_units, "rectifier", AutoencoderSettings(learning_rate, _BATCH, l1, corruption),
                max_epochs=epochs,
            )
            for l1 in l1_activations
        ]  # fmt: skip
        result, chosen, autoencoder = _choose(plans, tried, finished, train, held_out, threads, on_progress)
        below = Stack(finished, (None,) * layer)
        settings = Pretraining((*plans, chosen))
        rows = layer_rows(below, settings, train, get_engine("native"), threads)
        layers.append(
            result | _time_layer(autoencoder, rows, chosen.step, layer, epochs + 1, result["sparsity"],
                                 steps, rounds, threads, on_progress)
        )  # fmt: skip
        plans.append(chosen)
        finished.append(autoencoder)
    timed = [layer for layer in layers if layer["ratio"] is not None]
    least = min(timed, key=lambda layer: layer["ratio"]) if timed else {"ratio": None, "spread": None}
    return {
        "benchmark": "pretrain",
        "data": dataset.name,
        "batch_size": _BATCH,
        "learning_rate": learning_rate,
        "corruption": ["masking", corruption_level],
        "reconstruction": "softplus-quadratic",
        "l1_activations": list(l1_activations),
        "epochs": epochs,
        "layers": layers,
        "text": bench_bags(
            n_features=text_features, n_rows=text_rows, epochs=text_epochs,
            learning_rate=text_learning_rate, sampling=sampling, rounds=rounds, threads=threads,
            on_progress=on_progress,
        ) if text else None,
        "rounds": rounds,
        "ratio": least["ratio"],
        "spread": least["spread"],
        "machine": machine(threads),
    }  # fmt: skip


def _unlabeled(X: Any) -> Unlabeled:
    return Unlabeled(Features(X), np.arange(X.shape[0], dtype=np.int64))


class _Above:
    """Callback that begins pre-training above layers that are finished."""

    def __init__(self, layers: Sequence[Autoencoder]) -> None:
        self.layers = layers

    def on_train_begin(self, state: PretrainingState) -> None:
        state.stack.layers[:] = self.layers

    def __call__(self, state: PretrainingState) -> None:
        return None


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
                callbacks=[_Above(finished)],
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


def _time_layer(
    autoencoder: Autoencoder,
    rows: Unlabeled,
    settings: AutoencoderSettings,
    layer: int,
    epoch: int,
    sparsity: float,
    steps: int,
    rounds: int,
    threads: int,
    on_progress: Progress,
) -> dict[str, Any]:
    note = f"layer {layer + 1}"
    native = get_engine("native", autoencoder.network)
    order = permutation(0, Purpose.ORDER, rows.ids, layer=layer + 1, epoch=epoch)
    stretch = np.resize(order, steps * _BATCH)
    density = (rows.features.density(), 1 - sparsity)
    products: tuple[str, ...] = ()

    def ours(n: int) -> Contestant:
        trained = autoencoder.copy()

        def run() -> float:
            nonlocal products
            started = time.perf_counter()
            products = native.train_autoencoder(
                trained, rows, stretch, settings,
                layer=layer, epoch=epoch, seed=0, n_threads=n, density=density,
            ).products  # fmt: skip
            return (time.perf_counter() - started) / steps

        return run

    contestants, chosen = {"truezero": ours(threads)}, {"truezero": threads}
    if threads > 1:
        contestants["truezero, 1 thread"], chosen["truezero, 1 thread"] = ours(1), 1
    on_progress(f"{note}: noise for PyTorch")
    noisy = noisy_batches(
        rows, stretch[: max(steps // 5, 1) * _BATCH], settings, layer=layer, epoch=epoch, seed=0
    )
    batches = as_tensors(noisy)
    check = weights_apart(
        autoencoder, rows, stretch, settings, batches[:_CHECKED_STEPS], layer=layer, epoch=epoch
    )
    theirs, facts = torch_contestants(autoencoder, settings, batches, check, threads, on_progress, note)
    contestants |= theirs
    contestants["truezero"]()
    seconds = interleave(contestants, rounds, on_progress, f"{note}:")
    speed = bandwidth(4 * sum(w.size for w in autoencoder.network.weights), threads)
    corrupted = np.concatenate([corrupted for corrupted, _ in noisy])
    floor = traffic_floor(autoencoder.network, corrupted, np.arange(len(corrupted)), speed)
    per_step = milliseconds(seconds)
    floor["ratio"] = per_step["truezero"]["median"] / floor["milliseconds"]
    median, spread = ratio(seconds, "truezero", list(peers.TORCH_VARIANTS))
    scaling, scaling_spread = ratio(seconds, "truezero", ["truezero, 1 thread"])
    return {
        "input_density": density[0],
        "milliseconds_per_step": per_step,
        **facts,
        "n_threads": chosen | facts["n_threads"],
        "ratio": median,
        "spread": spread,
        "threads_ratio": scaling,
        "threads_spread": scaling_spread,
        "floor": floor,
        "bandwidth": speed,
        "engine": {"name": native.name, "products": list(products)},
    }
