"""Results for people: tables in a terminal, and a report that is one HTML file."""

from __future__ import annotations

from truezero.report.html import percent, write_report
from truezero.report.terminal import study_table

__all__ = ["percent", "study_table", "write_report"]
