"""Results for people: in a terminal, and as a report that is one HTML file. Knows no study's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from truezero.report.numbers import percent
from truezero.report.terminal import study_claims, study_tables, study_texts

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from truezero.studies import StudyResult

__all__ = [
    "percent",
    "study_claims",
    "study_tables",
    "study_texts",
    "write_figures",
    "write_report",
]


def write_report(result: StudyResult, path: str | os.PathLike[str]) -> None:
    """Write a study's report; see `truezero.report.html`, which is imported when one is written."""
    from truezero.report import html

    html.write_report(result, path)


def write_figures(result: StudyResult, folder: str | os.PathLike[str]) -> list[Path]:
    """Write a study's figures; see `truezero.report.pictures`, which is imported when they are written."""
    from truezero.report import pictures

    return pictures.write_figures(result.figures, folder)
