"""Results for people: figures, and a report that is one HTML file."""

from __future__ import annotations

from truezero.report._bench import bench_figure
from truezero.report._bench_page import BENCHMARKS, bench_page
from truezero.report._figures import learning_curves
from truezero.report._html import percent, write_report
from truezero.report._table import study_table

__all__ = [
    "BENCHMARKS",
    "bench_figure",
    "bench_page",
    "learning_curves",
    "percent",
    "study_table",
    "write_report",
]
