"""Benchmarks against other libraries: the same network, rows and work, interleaved on one machine.

Every function returns what it measured as JSON holds it, with the machine and the versions; `ratio` is
always another library's time over ours, above 1 where we are faster, with its least and greatest value
over the rounds as `spread`. `report.bench_figure` draws them.
"""

from __future__ import annotations

from truezero.bench.density import bench_density
from truezero.bench.error import bench_error
from truezero.bench.predict import bench_predict
from truezero.bench.pretrain import bench_pretrain
from truezero.bench.text import bench_text
from truezero.bench.train import bench_train

__all__ = ["bench_density", "bench_error", "bench_predict", "bench_pretrain", "bench_text", "bench_train"]
