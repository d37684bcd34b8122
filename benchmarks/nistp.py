"""Distorted characters: how fast they are made, what a network learns from them, and what they look like.

    python benchmarks/nistp.py
    python benchmarks/nistp.py --transformations shape --epochs 10
    python benchmarks/nistp.py --sheet docs/images/nistp.png

A rectifier network of 3 × 1000 is trained on the stream of UNIPEN-62, no row of which comes twice; the epoch
with the lowest error on distorted validation rows is measured on clean and on distorted characters of the
test's writers. Training goes on where it was stopped. Before, makers and trainer are timed, in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from truezero.core.initial import initialize
from truezero.core.rows import Examples
from truezero.datasets.distortions import SHAPE, TRANSFORMATIONS, first_words
from truezero.datasets.distortions.draws import Draws
from truezero.datasets.glyphs import CHARACTERS, Glyphs, unipen62
from truezero.datasets.nistp import Layout, Nistp, examples, nistp_of
from truezero.datasets.registry import data_folder
from truezero.datasets.rows_ahead import Epochs
from truezero.engines import StepSettings, get_engine
from truezero.plots.images import contact_sheet
from truezero.runs import environment
from truezero.training import Checkpoint, FineTuning, Stream, fine_tune

SIZES = (1024, 1000, 1000, 1000, len(CHARACTERS))
L1 = (1e-5,) * 3
SETS = {"all": TRANSFORMATIONS, "shape": SHAPE}
COMPLEXITIES = (0.3, 0.7, 1.0)


class Waiting:
    """Epochs that note for how long their rows were waited for."""

    def __init__(self, epochs: Epochs) -> None:
        self._epochs, self.seconds = epochs, 0.0

    def __call__(self, epoch: int) -> Iterator[Examples]:
        pieces = self._epochs(epoch)
        while True:
            started = time.perf_counter()
            piece = next(pieces, None)
            self.seconds += time.perf_counter() - started
            if piece is None:
                return
            yield piece


def speeds(nistp: Nistp, n_processes: int, n_threads: int, rounds: int) -> dict[str, float]:
    """Rows per second of makers and trainer, in turn; and per second of one processor, however busy."""
    engine, network = get_engine("auto"), initialize(SIZES, seed=0)
    step = StepSettings(0.03, 10, L1)
    piece = nistp.examples(np.arange(5120))
    density = (piece.features.density(),)
    seconds: dict[str, list[float]] = {
        name: [] for name in ("made", "trained", "made, processor", "trained, processor")
    }

    def train(threads: int) -> None:
        engine.train(
            network, piece, np.arange(5120), step, epoch=1, seed=0, n_threads=threads, density=density
        )

    def note(name: str, clock: Callable[[], float], n: int, work: Callable[[], Any]) -> None:
        started = clock()
        work()
        seconds[name].append((clock() - started) / n)

    with Epochs(nistp, Layout(2**30), n_processes) as epochs:
        pieces = epochs(1)

        def take() -> None:
            for _ in range(2 * n_processes):
                next(pieces)

        for _ in range(rounds):
            take()  # what was made while others were timed
            note("made", time.perf_counter, 2 * n_processes * 5120, take)
            note("trained", time.perf_counter, 5120, lambda: train(n_threads))
    for number in range(rounds):
        ids = np.arange(2560) + 2560 * number
        note("made, processor", time.process_time, 2560, lambda ids=ids: nistp.rows(ids))
        note("trained, processor", time.process_time, 5120, lambda: train(1))
    return {f"{what}, rows per second": 1 / statistics.median(taken) for what, taken in seconds.items()}


def error(network: Any, X: Any, y: Any) -> float:
    """Fraction of rows that are taken for another character."""
    output = network(examples(X, y, np.arange(len(y))).features)
    return float((output.argmax(axis=1) != y).mean())


def train(parts: dict[Any, Glyphs], given: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Train on the stream and measure."""
    makers = nistp_of(parts, given.seed, 0.7, SETS[given.transformations])
    places = np.arange(len(parts["validation"]))[: given.validation]
    X, y = makers[1].rows(places, places)
    settings = FineTuning(
        StepSettings(given.rate, 10, L1), max_epochs=given.epochs, n_iter_no_change=None, seed=given.seed
    )
    checkpoint = Checkpoint(out / f"{given.transformations}.checkpoint", makers[0].fingerprint)
    started = time.perf_counter()
    with Epochs(makers[0], Layout(given.epoch_rows), given.processes) as epochs:
        waiting = Waiting(epochs)
        state = fine_tune(
            initialize(SIZES, seed=given.seed), Stream(waiting), examples(X, y, places), settings,
            engine=get_engine("auto"), n_threads=given.threads, callbacks=[checkpoint, progress],
        )  # fmt: skip
    seconds, network = time.perf_counter() - started, state.best_network
    places = np.arange(len(parts["test"]))
    tested = {
        "clean": (parts["test"].rows, parts["test"].labels),
        "distorted": makers[2].rows(places, places),
    }
    record = state.history[state.epoch_selected - 1]
    return {
        "stand_in_for": "NISTP",
        "data": "unipen62",
        "transformations": given.transformations,
        "layer_sizes": SIZES,
        "l1_activation": L1[0],
        "learning_rate": given.rate,
        "seed": given.seed,
        "rows_trained_on": len(state.history) * given.epoch_rows,
        "epoch_rows": given.epoch_rows,
        "epoch_selected": state.epoch_selected,
        "validation_errors": [epoch["validation_error"] for epoch in state.history],
        "sparsity": record["sparsity"],
        "test_error": {kind: error(network, *rows) for kind, rows in tested.items()},
        "n_test": len(places),
        "seconds_of_this_call": seconds,
        "seconds_waited_for_rows": waiting.seconds,
        "processes": given.processes,
        "threads": given.threads,
    }


def progress(state: Any) -> None:
    """Say where training stands."""
    print(*state.progress, flush=True)


def sheet(parts: dict[Any, Glyphs], path: Path, n: int = 8) -> None:
    """Draw every transformation at three complexities."""
    glyphs = parts["test"]
    ids = np.arange(n)
    chosen = glyphs.take(
        np.array([np.flatnonzero(glyphs.labels == label)[7] for label in np.arange(n) * 8 % 62])
    )
    clean = chosen.images.astype(np.float32) / 255
    drawn = first_words(1, 0, ids)
    rows = {}
    for transformation in TRANSFORMATIONS:
        draws = Draws(1, 0, transformation.number, ids, drawn[:, transformation.number], glyphs.images)
        rows[transformation.name] = np.stack(
            [clean]
            + [transformation.apply(clean.copy(), np.full(n, c, np.float32), draws) for c in COMPLEXITIES]
        )
    for name, transformations in SETS.items():
        made = [clean]
        for complexity in COMPLEXITIES:
            nistp = Nistp(chosen, 1, complexity, transformations)
            made.append(nistp.rows(ids, ids)[0].reshape(-1, 32, 32).astype(np.float32) / 255)
        rows[{"shape": "first five together", "all": "all together"}[name]] = np.stack(made)
    titles = ["clean", *(f"complexity {c}" for c in COMPLEXITIES[:-1]), f"complexity {COMPLEXITIES[-1]}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(titles, **rows).savefig(path, dpi=140)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="the folder that holds unipen62/")
    parser.add_argument("--transformations", choices=SETS, default="all")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--epoch-rows", type=int, default=51_200)
    parser.add_argument("--validation", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/nistp"))
    parser.add_argument(
        "--sheet", type=Path, help="draw the transformations into this file, and nothing else"
    )
    given = parser.parse_args()
    parts = unipen62(data_folder(given.data_dir) / "unipen62")
    if given.sheet:
        sheet(parts, given.sheet)
        return
    given.out.mkdir(parents=True, exist_ok=True)
    makers = nistp_of(parts, given.seed, 0.7, SETS[given.transformations])
    speed = speeds(makers[0], given.processes, given.threads, given.rounds)
    made, trained, *alone = speed.values()
    print(
        f"{given.processes} processes make {made:,.0f} rows/s, the trainer takes {trained:,.0f} on "
        f"{given.threads} threads; per second of one processor {alone[0]:,.0f} and {alone[1]:,.0f}: "
        f"{alone[0] / alone[1]:.2f} for one",
        flush=True,
    )
    result = {**train(parts, given, given.out), "speed": speed, "environment": environment(given.threads)}
    (given.out / f"{given.transformations}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: result[key] for key in ("test_error", "sparsity", "rows_trained_on")}, indent=1))


if __name__ == "__main__":
    main()
