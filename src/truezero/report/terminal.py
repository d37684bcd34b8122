"""A study's rows as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from truezero.plots.studies import strategy_name
from truezero.report.html import percent


def study_table(study: dict[str, Any]) -> Table:
    """Make the table of a study.

    Parameters
    ----------
    study : dict
        As a study gives it.

    Returns
    -------
    rich.table.Table
    """
    kind = study["study"]
    table = Table(title=f"{study['title']}: {study['data']}, {'-'.join(map(str, study['network']))}")
    first = "strategy" if kind == "strategies" else "hidden units"
    columns = [first, "test error, %", "zeros, %", "rate"]
    known = any(row.get("paper_test_error") is not None for row in study["rows"])
    if kind == "table1" and not known:
        columns.insert(1, "pre-trained")
    elif kind == "table1":
        columns[1:3] = ["pre-trained", "test error, %", "paper, %", "zeros, %", "paper, %"]
    elif kind == "figure4":
        columns[1:1] = ["pre-trained", "labels, %"]
    else:
        columns.insert(3, "stuck, %")
    for number, heading in enumerate(columns):
        style = "dim" if heading == "paper, %" else None
        table.add_column(heading, justify="right" if number else "left", style=style, no_wrap=True)
    half = None
    for row in study["rows"]:
        if row.get("half") != half:
            half = row["half"]
            table.add_section()
        deviation = row["test_error_deviation"]
        values = {
            "hidden units": row["activation"],
            "pre-trained": "yes" if row["pretraining"] else "no",
            "test error, %": percent(row["test_error"])
            + ("" if deviation is None else f" ± {percent(deviation)}"),
            "zeros, %": percent(row["sparsity"]["overall"], 1),
            "rate": f"{row['learning_rate']:g}",
            "labels, %": f"{100 * row['labels']:g}",
        }
        if kind == "strategies":
            values["strategy"] = strategy_name(row)
            stuck = row["pretraining"]["stuck"] if row["pretraining"] else []
            values["stuck, %"] = " ".join(percent(share, 1) for share in stuck)
        cells = [values.get(heading, "") for heading in columns]
        if kind == "table1" and known:
            papers = [i for i, heading in enumerate(columns) if heading == "paper, %"]
            cells[papers[0]] = percent(row["paper_test_error"])
            cells[papers[1]] = percent(row["paper_sparsity"], 1)
        table.add_row(*cells)
    return table
