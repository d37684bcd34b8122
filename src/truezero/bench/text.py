"""Wide sparse binary rows, the shape of text, and networks pre-trained on bags of words (section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from truezero.bench import bags, markdown, peers
from truezero.bench.benchmark import at_least
from truezero.bench.machine import machine
from truezero.bench.ours import training_steps
from truezero.bench.rows import labeled
from truezero.bench.terminal import Table, ratio, sizes, times
from truezero.bench.timing import OURS, Contest, Progress
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.engines import StepSettings, resolve_threads
from truezero.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH = 10
_RATE, _L1 = 0.1, 1e-4
_DENSE, _SPARSE = "torch, dense input", "torch, sparse input"
_PEER_STEPS, _SKLEARN_STEPS, _CHECKED_STEPS = 200, 20, 5


def binary_rows(n_rows: int, n_features: int, density: float, *, seed: int = 0) -> tuple[Any, Any]:
    """Make random binary CSR float32 rows, and classes 0 and 1 that a hyperplane tells apart."""
    random = np.random.default_rng(seed)
    X = sparse.random_array(
        (n_rows, n_features), density=density, format="csr", dtype=np.float32, random_state=random
    )
    X.data[:] = 1
    return X, (X @ random.normal(size=n_features) > 0).astype(np.int64)


def run(
    *,
    features: Sequence[int] = (5000, 50_000),
    densities: Sequence[float] = (0.006, 0.001),
    hidden_layer_sizes: Sequence[int] = (1000, 1000),
    n_rows: int = 10_000,
    bag_features: int = 5000,
    epochs: int = 3,
    learning_rate_init: float = 0.01,
    sampling: float = 0.1,
    rounds: int = 5,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time an epoch on wide sparse binary rows, CSR, against PyTorch and scikit-learn.

    Batches of 10, rows as wide and as sparse as text (section 4.2). Then the paper's network for reviews,
    with three hidden layers as wide as its bags of words: it is pre-trained, with the outputs of the first
    layer sampled (Dauphin, Glorot, Bengio, 2011); a step of that, and one of fine-tuning from there, are
    timed.

    Parameters
    ----------
    features : sequence of int
        Features of each data set.
    densities : sequence of float
        Share of ones of each data set, as many as there are features.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    n_rows : int
        Rows of an epoch; other libraries do a part of it, and their time is scaled up.
    bag_features : int
        Words of the bags, and units of each hidden layer above them; 0 leaves this part out.
    epochs : int
        Of the first layer's pre-training, after which errors are compared; the layers above take one.
    learning_rate_init : float
        Rate of SGD on bags.
    sampling : float
        Share sampled of the outputs of words that are not there; see `AutoencoderSettings.sampling`.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        The most threads anybody may use.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        `shapes`, each with `milliseconds_per_step`, `seconds_per_epoch`, `ratio` against PyTorch's best of
        dense and sparse input, `embedding_bag_ratio` against a model that its author has rewritten with an
        embedding bag and sparse gradients, `sklearn_ratio`, and `megabytes`, by how much our epoch raises
        the process's memory at its peak. `bags`, or None: the same of a step of the first layer's
        pre-training, with `reconstruction_error` of each seed with and without sampling, `error_ratio`, and
        for comparison `error_of_frequencies`, of giving every word its frequency; and `fine_tuning`, the same
        of a step of fine-tuning, with the `density` of each layer's input.

    Raises
    ------
    OptionError
        If PyTorch is not installed, or a number is out of range.
    """
    peers.require_torch()
    at_least(10, n_rows=n_rows)
    at_least(1, epochs=epochs)
    at_least(0, bag_features=bag_features)
    of_bags = bags.settings(learning_rate_init, _BATCH, sampling)  # refused now, not after the shapes
    if len(features) != len(densities):
        raise OptionError(f"features and densities must be as many, got {features} and {densities}")
    threads = resolve_threads(n_threads)
    return {
        "benchmark": "text",
        "batch_size": _BATCH,
        "learning_rate": _RATE,
        "l1_activation": _L1,
        "n_rows": n_rows,
        "rounds": rounds,
        "shapes": [
            _shape(
                Contest(rounds, threads, on_progress, f"{n} features"), n, density, hidden_layer_sizes, n_rows
            )
            for n, density in zip(features, densities, strict=True)
        ],
        "bags": bags.measure(rounds, threads, on_progress, of_bags, bag_features, n_rows, epochs)
        if bag_features
        else None,
        "machine": machine(threads),
    }


def _shape(
    contest: Contest, n_features: int, density: float, hidden: Sequence[int], n_rows: int
) -> dict[str, Any]:
    X, target = binary_rows(n_rows, n_features, density)
    network = initialize((n_features, *hidden, 2), seed=0)
    order = np.random.default_rng(1).permutation(n_rows).astype(np.int64)
    settings = StepSettings(_RATE, _BATCH, (_L1,) * len(hidden))
    ours = training_steps(network, labeled(X, target), order, settings)
    contest.enter(OURS, ours.contestant, contest.most_threads)
    megabytes = peak_memory(contest.contestants[OURS])
    for name in (_DENSE, _SPARSE, peers.EMBEDDING):
        if name == _DENSE and n_features > 10_000:
            continue  # a gigabyte of zeros
        batches = _batches(X, target, order[: _PEER_STEPS * _BATCH], name)
        make = partial(_model, network, name)
        peers.enter_torch(contest, name, make, batches, ours, checked_steps=_CHECKED_STEPS)
    few = order[: _SKLEARN_STEPS * _BATCH]
    sklearn = peers.sklearn_training(network, X[few], target[few], _BATCH, _RATE)
    if sklearn is not None:
        contest.contestants["scikit-learn"] = sklearn
    contest.hold()
    facts = contest.facts()
    del facts["left_out"]  # nobody
    median = facts["milliseconds_per_step"][OURS]["median"]
    return {
        "features": n_features,
        "density": density,
        "network": list(network.layer_sizes),
        "nonzeros_per_row": float(X.nnz / n_rows),
        **facts,
        "megabytes": megabytes,
        "network_megabytes": sum(w.nbytes for w in network.weights) / 2**20,
        "seconds_per_epoch": median * -(-n_rows // _BATCH) / 1e3,
        **contest.ratios(
            {"": [_DENSE, _SPARSE], "embedding_bag_": [peers.EMBEDDING], "sklearn_": ["scikit-learn"]}
        ),
    }


def _model(network: Network, name: str) -> peers.TorchTraining:
    bag = name == peers.EMBEDDING
    return peers.TorchTraining(
        network, "torch eager" if bag else "torch foreach", learning_rate=_RATE, l1=_L1,
        first_layer=None if name == _DENSE else peers.sparse_first_layer(network, bag=bag),
    )  # fmt: skip


def peak_memory(work: Callable[[], Any]) -> float | None:
    """Megabytes by which work raises the process's memory at its peak; None where that is not told."""
    status = Path("/proc/self/status")

    def kilobytes(name: str) -> int:
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is now what is in use
        before = kilobytes("VmRSS")
    except OSError:
        work()
        return None
    work()
    return (kilobytes("VmHWM") - before) / 1024


def _batches(X: Any, target: Any, order: Any, name: str) -> list[tuple[Any, Any]]:
    """Minibatches as PyTorch takes them: dense, sparse (COO), or the features of each row for a bag."""
    import torch

    batches = []
    for start in range(0, len(order), _BATCH):
        rows = X[order[start : start + _BATCH]]
        classes = torch.tensor(target[order[start : start + _BATCH]])
        given: Any
        if name == _DENSE:
            given = torch.tensor(rows.toarray())
        elif name == _SPARSE:
            coordinates = np.stack(rows.tocoo().coords)
            given = torch.sparse_coo_tensor(
                torch.tensor(coordinates), torch.tensor(rows.data), size=rows.shape, check_invariants=False
            ).coalesce()
        else:
            given = (
                torch.tensor(rows.indices.astype(np.int64)),
                torch.tensor(rows.indptr[:-1].astype(np.int64)),
            )
        batches.append((given, classes))
    return batches


def tables(result: dict[str, Any]) -> list[Table | str]:
    """Everybody's times for each shape, and the ratios."""
    shown: list[Table | str] = []
    for shape in result["shapes"]:
        shown += [
            times(shape, f"{shape['features']} features, {100 * shape['density']:g} % not zero"),
            f"PyTorch's best of dense and sparse input / ours: {ratio(shape)}",
            f"PyTorch rewritten with an embedding bag / ours: {ratio(shape, 'embedding_bag_')}",
            f"scikit-learn / ours: {ratio(shape, 'sklearn_')}",
        ]
    return shown + (bags.tables(result["bags"]) if result["bags"] else [])


def figure(result: dict[str, Any]) -> Figure:
    """Draw everybody's times, a panel per shape."""
    from truezero.plots.benchmarks import point_panels

    parts = [
        (
            f"{sizes(shape['network'])}, {shape['nonzeros_per_row']:.0f} of {shape['features']} features a "
            f"row, batch {result['batch_size']}",
            shape["milliseconds_per_step"],
        )
        for shape in result["shapes"]
    ]
    if result["bags"]:
        parts += bags.panels(result["bags"], result["batch_size"])
    return point_panels(parts, 2.6, "milliseconds a step")


def page(result: dict[str, Any]) -> str:
    """Write the sections: of shapes, of bags, or both."""
    parts = []
    if result["shapes"]:
        parts += [
            "## Wide sparse rows\n",
            f"`truezero bench text`: binary CSR rows, batches of {result['batch_size']}, {result['n_rows']} "
            "rows an epoch.\n",
        ]
    for shape in result["shapes"]:
        own, network = shape["megabytes"], shape["network_megabytes"]
        memory = "" if own is None else f" and {own:.0f} MB beside the network's {network:.0f} MB"
        parts += [
            f"### {shape['features']} features, {100 * shape['density']:g} % not zero\n",
            f"{sizes(shape['network'])}; an epoch takes {shape['seconds_per_epoch']:.2f} s{memory}.\n",
            markdown.times(shape),
            f"PyTorch's best of dense and sparse input over ours: {markdown.ratio(shape)}; a PyTorch model "
            f"rewritten with an embedding bag and sparse gradients: {markdown.ratio(shape, 'embedding_bag_')}"
            f"; scikit-learn: {markdown.ratio(shape, 'sklearn_')}.\n",
        ]
    if result["bags"]:
        parts.append(bags.page(result["bags"], result["batch_size"]))
    return "\n".join(parts)
