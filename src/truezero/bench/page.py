"""The page of the benchmarks, made from their result files alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

BENCHMARKS = ("train", "error", "predict", "text", "density", "pretrain")
"""Kinds of results, in the order of the page."""


def bench_page(results: Sequence[tuple[Path, dict[str, Any]]], folder: Path) -> str:
    """Write Markdown with every result's figures, its picture, and the machine it ran on.

    Parameters
    ----------
    results : sequence of (path, dict)
        Result files, `NAME.json` with `NAME.png` beside it, and what they hold.
    folder : path
        Where the page will lie; pictures are linked from there.

    Returns
    -------
    str
    """
    ordered = sorted(results, key=lambda item: (BENCHMARKS.index(item[1]["benchmark"]), item[0].name))
    parts = [
        "# Benchmarks\n",
        "Made by `truezero bench page` from the result files that the commands below wrote; nothing is typed in. "
        "Contestants run in turn, round after round; figures are medians, with the least and the greatest "
        "in brackets. A ratio is another library's time over ours: above 1, truezero is faster.\n",
        _machine(ordered[0][1]["machine"]),
    ]
    for path, result in ordered:
        parts.append(_WRITTEN[result["benchmark"]](result))
        picture = path.with_suffix(".png")
        if picture.exists():
            parts.append(f"![{path.stem}]({os.path.relpath(picture, folder)})\n")
        made_by = result["machine"]["truezero"]
        parts.append(f"Result file: [{path.name}]({os.path.relpath(path, folder)}), of truezero {made_by}.\n")
    return "\n".join(parts)


def _machine(m: dict[str, Any]) -> str:
    caches = ", ".join(f"{name} {size}" for name, size in m["caches"].items())
    peers = ", ".join(f"{name} {version}" for name, version in m["peers"].items())
    return (
        f"**Machine:** {m['processor']}, {m['cores']} cores, {caches}; {m['instruction_level']}; {m['platform']}. "
        f"**Software:** {m['compiler']}, Python {m['python']}, NumPy {m['numpy']}, "
        f"SciPy {m['scipy']}, {peers}.\n"
    )


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    headings = list(headings)
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _time(t: dict[str, float]) -> str:
    return f"{t['median']:.3f} ({t['least']:.3f}–{t['greatest']:.3f})"


def _ratio(value: float | None, spread: Sequence[float] | None) -> str:
    return "–" if value is None or spread is None else f"**{value:.2f}** ({spread[0]:.2f}–{spread[1]:.2f})"


def _times(timings: dict[str, dict[str, float]], threads: dict[str, int]) -> str:
    ordered = sorted(timings.items(), key=lambda item: item[1]["median"])
    return _table(
        ("", "threads", "ms a step"), ((name, str(threads.get(name, "")), _time(t)) for name, t in ordered)
    )


def _network(result: dict[str, Any]) -> str:
    return "-".join(map(str, result["network"]))


def _train(r: dict[str, Any]) -> str:
    floor, speed = r["floor"], r["bandwidth"]
    touched = ", ".join(f"{n:.0f}" for n in floor["rows_touched"])
    layers = ", ".join(f"{100 * zeros:.1f}" for zeros in r["sparsity"]["layers"])
    return "\n".join(
        (
            f"## A training step, {r['activation']}\n",
            f"`truezero bench train --data {r['data']} --activation {r['activation']} --epochs {r['epochs_before']} "
            f"--learning-rate-init {r['learning_rate']:g} --l1-activation {r['l1_activation']:g}`: {_network(r)}, "
            f"batches of {r['batch_size']}, {100 * r['sparsity']['overall']:.1f} % zeros ({layers} by layer).\n",
            _times(r["milliseconds_per_step"], r["n_threads"]),
            f"PyTorch's best over ours: {_ratio(r['ratio'], r['spread'])}. One thread over all: "
            f"{_ratio(r['threads_ratio'], r['threads_spread'])}. Layers run: {', '.join(r['engine']['products'])}.\n",
            f"Of each layer's weights {touched} rows are touched in a minibatch: {floor['bytes_read'] / 1e6:.1f} MB "
            f"read forward, as much read and written backward. At {speed['read']:.0f} GB/s read and "
            f"{speed['rewrite']:.0f} GB/s read and written, measured over {speed['bytes'] / 2**20:.0f} MB, that is "
            f"{floor['milliseconds']:.3f} ms; a step takes **{floor['ratio']:.2f}** times that.\n",
        )
    )


def _error(r: dict[str, Any]) -> str:
    peer = r["peer"]
    rows = []
    for target in r["targets"]:
        reached = (
            f"{t['seconds']:.1f} s (epoch {t['epoch']:.0f})" if t else "not reached"
            for t in (target["truezero"], target[peer])
        )
        gain = target["ratio"]
        first = (
            next((h["seconds"] for h in history if h["test_error"] <= target["test_error"]), None)
            for history in (r["histories"]["truezero"], r["histories"][peer])
        )
        rows.append(
            (
                f"{100 * target['test_error']:g} %", *reached, "–" if gain is None else f"**{gain:.2f}**",
                *("–" if seconds is None else f"{seconds:.1f} s" for seconds in first),
            )
        )  # fmt: skip
    recipe = r["recipe"][0]
    runs = ", ".join(f"{100 * run['test_error']:.2f} % in {run['seconds']:.1f} s" for run in r["recipe"])
    sizes = ", ".join(map(str, recipe["hidden_layer_sizes"]))
    return "\n".join(
        (
            "## Time to a test error\n",
            f"`truezero bench error --data {r['data']} --l1-activation {r['l1_activation']:g} --random-state "
            f"{r['seed']}`: {_network(r)}, batches of {r['batch_size']}, rate {r['learning_rate']:g}. An epoch of "
            "each in turn from the same weights in the same order; the error is that of the best validation epoch; "
            "training and validation are timed.\n",
            _table(
                (
                    "test error",
                    "truezero",
                    peer,
                    "ratio",
                    "truezero, first epoch below it",
                    f"{peer}, first epoch below it",
                ),
                rows,
            ),
            f"Epochs trained: truezero {len(r['histories']['truezero'])}, {peer} {len(r['histories'][peer])}. Selection by "
            "validation error may pass over an epoch that was below the target on the test rows: the last two columns.\n",
            f"A recipe of our own (hidden layers {sizes}, batches of {recipe['batch_size']}, {recipe['epochs']} epochs, "
            f"the rate falling from {recipe['first_rate']:g} to {recipe['last_rate']:g} in a straight line, no epoch "
            f"selected), one run per seed: {runs}.\n",
        )
    )


def _predict(r: dict[str, Any]) -> str:
    rows = (
        (
            str(c["width"]), f"{100 * c['zeros']:g}", f"{c['density']:.3f}", str(c["batch_size"]),
            _time(c["milliseconds"]["truezero"]), _time(c["milliseconds"]["torch"]),
            _ratio(c["ratio"], c["spread"]), f"{c['ratio'] * c['density']:.2f}",
            _ratio(c["dense_ratio"], c["dense_spread"]),
        )
        for c in r["cells"]
    )  # fmt: skip
    return "\n".join(
        (
            "## Prediction\n",
            f"`truezero bench predict`: {r['inputs']}-w-w-w-10, {100 * r['input_density']:g} % of the input not zero, "
            "zeros random per example, no dead units. Density is products needed over products of a dense network; "
            "ratio × density would be 1 if only products cost time. Calls of most of a second (4096 rows, 4096 wide) are left out.\n",
            _table(
                ("w", "zeros, %", "density", "batch", "ms", "PyTorch, ms", "ratio", "ratio × density",
                 "own dense path / ours"),
                rows,
            ),
        )
    )  # fmt: skip


def _text(r: dict[str, Any]) -> str:
    parts = [
        "## Wide sparse rows\n",
        f"`truezero bench text`: binary CSR rows, batches of {r['batch_size']}, {r['n_rows']} rows an epoch.\n",
    ]
    for shape in r["shapes"]:
        parts += [
            f"### {shape['features']} features, {100 * shape['density']:g} % not zero\n",
            f"{_network(shape)}; an epoch takes {shape['seconds_per_epoch']:.2f} s{_memory(shape)}.\n",
            _times(shape["milliseconds_per_step"], shape["n_threads"]),
            f"PyTorch's best of dense and sparse input over ours: {_ratio(shape['ratio'], shape['spread'])}; a PyTorch "
            "model rewritten with an embedding bag and sparse gradients: "
            f"{_ratio(shape['embedding_bag_ratio'], shape['embedding_bag_spread'])}; scikit-learn: "
            f"{_ratio(shape['sklearn_ratio'], shape['sklearn_spread'])}.\n",
        ]
    return "\n".join(parts)


def _memory(shape: dict[str, Any]) -> str:
    if shape["megabytes"] is None:
        return ""
    return f" and {shape['megabytes']:.0f} MB beside the network's {shape['network_megabytes']:.0f} MB"


def _density(r: dict[str, Any]) -> str:
    rows = []
    for c in r["cells"]:
        t = c["milliseconds_per_step"]
        chosen = t[c["chosen"]]["median"] / min(t["sparse"]["median"], t["dense"]["median"])
        rows.append(
            (
                str(c["width"]), str(c["batch_size"]), f"{c['density']:g}", _time(t["sparse"]), _time(t["dense"]),
                c["chosen"], f"{chosen:.2f}", _time(t["torch"]) if "torch" in t else "–",
                _ratio(c["ratio"], c["spread"]),
            )
        )  # fmt: skip
    return "\n".join(
        (
            "## Cost against density and width\n",
            "`truezero bench density`: a training step of 784-w-w-w-10 with hidden layers of the given density, "
            "skipping zeros and taking layers whole; losses are shown as they are.\n",
            _table(
                ("w", "batch", "density", "sparse, ms", "dense, ms", "chosen", "chosen / better", "PyTorch, ms",
                 "ratio"),
                rows,
            ),
        )
    )  # fmt: skip


def _pretrain(r: dict[str, Any]) -> str:
    grid = ",".join(f"{l1:g}" for l1 in r["l1_activations"])
    sizes = ",".join(str(layer["sizes"][1]) for layer in r["layers"])
    kind, level = r["corruption"]
    parts = [
        "## Pre-training\n",
        f"`truezero bench pretrain --data {r['data']} --hidden-layer-sizes {sizes} --learning-rate-init "
        f"{r['learning_rate']:g} --l1-activation {grid} --corruption-level {level:g} --epochs {r['epochs']}`: denoising "
        f"auto-encoders, {r['reconstruction']}, {kind} {level:g}, batches of {r['batch_size']}. Every layer is trained with "
        "each λ; what is timed starts from the one with the lowest reconstruction error on the validation rows, λ not "
        "counted. PyTorch is given the corrupted and the clean rows, made beforehand; our noise is made in the step.\n",
    ]
    for number, layer in enumerate(r["layers"], 1):
        parts += [
            f"### Layer {number}: {'-'.join(map(str, layer['sizes']))}\n",
            _table(
                ("λ", "reconstruction error", "zeros, %", "dead units", "epoch"),
                map(_lambda, layer["l1_by_error"]),
            ),
            f"λ {layer['l1_activation']:g}: {100 * layer['sparsity']:.1f} % zeros; {100 * layer['input_density']:.1f} % of the "
            "clean input is not zero.\n",
            *_against_pytorch(layer),
            f"One thread over all: {_ratio(layer['threads_ratio'], layer['threads_spread'])}. Products run: "
            f"{', '.join(layer['engine']['products'])}. {_traffic(layer)}\n",
        ]
    if r["text"]:
        parts.append(_bags(r["text"], r["batch_size"]))
    return "\n".join(parts)


def _lambda(line: dict[str, Any]) -> tuple[str, ...]:
    if line["reconstruction_error"] is None:
        return (f"{line['l1_activation']:g}", "failed", "–", "–", "–")
    return (
        f"{line['l1_activation']:g}", f"{line['reconstruction_error']:.4g}", f"{100 * line['sparsity']:.1f}",
        str(line["dead_units"]), str(line["epoch"]),
    )  # fmt: skip


def _against_pytorch(part: dict[str, Any]) -> tuple[str, str]:
    left_out = "".join(f" Left out: {name} ({reason})." for name, reason in part["left_out"].items())
    return (
        _times(part["milliseconds_per_step"], part["n_threads"]),
        f"PyTorch's best over ours: {_ratio(part['ratio'], part['spread'])}.{left_out}\n",
    )


def _traffic(layer: dict[str, Any]) -> str:
    floor, speed = layer["floor"], layer["bandwidth"]
    encoder, decoder = floor["rows_touched"]
    return (
        f"A minibatch touches {encoder:.0f} rows of the encoder and {decoder:.0f} of the decoder: "
        f"{floor['bytes_read'] / 1e6:.1f} MB read forward, as much read and written backward. At {speed['read']:.0f} GB/s read "
        f"and {speed['rewrite']:.0f} GB/s read and written that is {floor['milliseconds']:.3f} ms; a step takes "
        f"**{floor['ratio']:.2f}** times that."
    )


def _bags(t: dict[str, Any], batch_size: int) -> str:
    kind, zeros, ones = t["corruption"]
    errors = t["reconstruction_error"]
    rows = (
        (str(seed), f"{sampled:.2f}", f"{every:.2f}", f"{sampled / every:.4f}")
        for seed, sampled, every in zip(t["seeds"], errors["sampled"], errors["all"], strict=True)
    )
    return "\n".join(
        (
            f"### Bags of words: {_network(t)}\n",
            f"{t['n_rows']} binary rows of a topic model, {t['features']} words (`--text-features {t['features']} --n-rows "
            f"{t['n_rows']} --text-epochs {t['epochs']} --text-learning-rate-init {t['learning_rate']:g} --sampling "
            f"{t['sampling']:g}`), {100 * t['density']:.1f} % not zero; "
            f"{t['reconstruction']}, {kind} ({zeros:g}, {ones:g}), rate {t['learning_rate']:g}, λ {t['l1_activation']:g}, batches "
            f"of {batch_size}. A minibatch has {t['inputs_per_step']:.0f} words after the noise; with {100 * t['sampling']:g} % "
            f"of the other outputs sampled {t['outputs_per_step']:.0f} are computed. {100 * t['sparsity']:.1f} % zeros.\n",
            *_against_pytorch(t),
            f"A PyTorch encoder rewritten with an embedding bag and sparse gradients: "
            f"{_ratio(t['embedding_bag_ratio'], t['embedding_bag_spread'])}; our own step with all outputs: "
            f"{_ratio(t['all_outputs_ratio'], t['all_outputs_spread'])}; one thread over all: "
            f"{_ratio(t['threads_ratio'], t['threads_spread'])}.\n",
            f"Reconstruction error of all outputs on held-out rows after {t['epochs']} epochs, trained by us both times:\n",
            _table(("seed", "sampled", "all outputs", "sampled / all"), rows),
            f"On average {t['error_ratio']:.4f} ({t['error_spread'][0]:.4f}–{t['error_spread'][1]:.4f}); giving every word its "
            f"frequency costs {t['error_of_frequencies']:.2f}.\n",
        )
    )


_WRITTEN: dict[str, Callable[[dict[str, Any]], str]] = {
    "train": _train,
    "error": _error,
    "predict": _predict,
    "text": _text,
    "density": _density,
    "pretrain": _pretrain,
}
