"""Networks that were trained elsewhere, predicting here and in the libraries that are made for it.

    python benchmarks/other_networks.py model.onnx other.pth --data mnist
    python benchmarks/other_networks.py --train 1000,1000,1000 --data mnist    # with PyTorch: Adam, dropout

Files are ONNX or PyTorch's weights of a stack of layers; rows are the data set's test rows. Everybody runs on
one thread and takes turns; milliseconds are the processor's, median of rounds, so that other work on the
machine changes little. The ratio is the fastest other library's time over ours: below 1 we lose.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero import Network, accelerate
from truezero.bench import runtimes
from truezero.bench.rows import training_rows
from truezero.datasets import Dataset, load_dataset
from truezero.engines import Features, get_engine
from truezero.runs.provenance import processor

BATCH_SIZES = (1, 16, 256)
ROUNDS, SECONDS = 7, 0.1  # of one measurement


def trained_in_torch(hidden: list[int], dataset: Dataset, epochs: int) -> Any:
    """Train a module as its users would."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    X, classes = map(torch.from_numpy, training_rows(dataset))
    sizes, layers = [X.shape[1], *hidden], []
    for n_in, n_out in pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU(), torch.nn.Dropout(0.2)]
    module = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], int(classes.max()) + 1))
    optimizer = torch.optim.Adam(module.parameters())
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(128):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(X[rows]), classes[rows]).backward()
            optimizer.step()
    return module.eval()


def milliseconds(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Time of the processor of one call of each, which take turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            call()
            started, n = time.process_time(), 0
            while (passed := time.process_time() - started) < SECONDS:
                call()
                n += 1
            taken[name].append(1e3 * passed / n)
    return {name: statistics.median(times) for name, times in taken.items()}


def compared(network: Network, module: Any, X: NDArray[Any]) -> Iterator[str]:
    """Lines of the table, one for each number of rows."""
    import torch

    torch.set_num_threads(1)
    bound, (others, left_out) = network.predictor(), runtimes.runtimes(network)
    for name, reason in left_out.items():
        print(f"left out: {name} ({reason})")
    for n in BATCH_SIZES:
        batches = [X[start : start + n] for start in range(0, min(len(X), 64 * n) - n + 1, n)]
        tensors = [torch.from_numpy(batch) for batch in batches]
        calls = {"truezero": called(bound, batches)}
        calls |= {name: called(opened(1, n), batches) for name, opened in others.items()}
        module.eval()
        calls["module"] = called(module, tensors)
        calls["accelerated"] = called(accelerate(module, tensors[0]), tensors)
        for name, opened in others.items():
            apart = np.abs(opened(1, n)(batches[0]) - bound(batches[0])).max()
            if not apart < 1e-3 * np.abs(bound(batches[0])).max():
                raise SystemExit(f"{name} computes something else: {apart:.2g}")
        with torch.inference_mode():
            took = milliseconds(calls)
        best = min(took[name] for name in others)
        figures = [f"{took[name]:.3f}" for name in ("truezero", *others)]
        ratios = [f"{best / took['truezero']:.2f}", f"{took['module'] / took['accelerated']:.2f}"]
        yield f"| {n} | {' | '.join(figures)} | {' | '.join(ratios)} |"


def called(work: Callable[[Any], Any], batches: list[Any]) -> Callable[[], Any]:
    """Work on one batch after the other."""
    turn = cycle(batches)
    return lambda: work(next(turn))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--train", metavar="SIZES", help="hidden units of a network to train with PyTorch")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()
    os.environ["TRUEZERO_NUM_THREADS"] = "1"  # of what `accelerate` puts in
    dataset = load_dataset(arguments.data, data_dir=arguments.data_dir)
    X = np.ascontiguousarray(dataset.scaled("test"), dtype=np.float32)
    networks: dict[str, tuple[Network, Any]] = {}
    for file in arguments.files:
        read = Network.from_onnx if file.suffix == ".onnx" else Network.from_torch
        network = read(file, dtype="float32")
        networks[file.name] = network, network.to_torch()
    if arguments.train:
        module = trained_in_torch([int(n) for n in arguments.train.split(",")], dataset, arguments.epochs)
        networks[f"{arguments.train}, Adam, dropout"] = Network.from_torch(module, dtype="float32"), module
    print(f"{processor()}, one thread, time of the processor")
    for name, (network, module) in networks.items():
        network.freeze()
        zeros = get_engine("native", network).evaluate(network, Features(X[:2000]), n_threads=1).sparsity
        shares = ", ".join(f"{100 * share:.0f}" for share in zeros)
        print(f"\n{name}: {network}; {shares} % zeros by layer, {100 * (X == 0).mean():.0f} % of the input\n")
        headings = ["rows", *(f"{name}, ms" for name in ("truezero", *runtimes.runtimes(network)[0]))]
        headings += ["fastest / ours", "module / accelerated"]
        print(f"| {' | '.join(headings)} |\n{'|---' * len(headings)}|")
        for line in compared(network, module, X):
            print(line, flush=True)


if __name__ == "__main__":
    main()
