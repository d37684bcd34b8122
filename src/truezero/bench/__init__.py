"""Benchmarks against other libraries: the same network, rows and work, interleaved on one machine.

Each is a module with four functions (`Benchmark`): `run` measures, `tables` shows the result on a terminal,
`figure` draws it, `page` writes its section of the page of benchmarks. A result is what JSON holds, with the
machine and the versions; `ratio` is always another library's time over ours, above 1 where we are faster,
with its least and greatest value over the rounds as `spread`. Other libraries and matplotlib are imported
when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping

from truezero.bench import busy, density, error, predict, pretrain, text, train
from truezero.bench.benchmark import Benchmark
from truezero.bench.terminal import Table

BENCHMARKS: Mapping[str, Benchmark] = {
    "train": train,
    "busy": busy,
    "error": error,
    "predict": predict,
    "text": text,
    "density": density,
    "pretrain": pretrain,
}
"""All benchmarks by name, in the order of the page."""

bench_train = train.run
bench_busy = busy.run
bench_error = error.run
bench_predict = predict.run
bench_text = text.run
bench_density = density.run
bench_pretrain = pretrain.run

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "Table",
    "bench_busy",
    "bench_density",
    "bench_error",
    "bench_predict",
    "bench_pretrain",
    "bench_text",
    "bench_train",
]
