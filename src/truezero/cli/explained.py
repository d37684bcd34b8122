"""A text with the words that carried its prediction, in colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from truezero.analysis import explain, weighted_words
from truezero.cli.terminal import out_console
from truezero.core.text import printable
from truezero.datasets.texts import WORD
from truezero.errors import DataError, OptionError
from truezero.models import takes_text

_MOST_TERMS = 12
_UP, _DOWN = "bold green", "bold red"  # with a sign beside each, for whoever sees no difference


def explained(model: Any, path: Path, text: str) -> dict[str, Any]:
    """Say which terms of a text carried its prediction, that which pulls most first.

    Raises
    ------
    OptionError
        If the model takes no text, or is not linear by parts.
    DataError
        If the text has none of its words.
    """
    if not takes_text(model):
        raise OptionError(f"{path} is a model of numbers, and takes no --text")
    found = explain(model, [text])
    if not len(found.inputs):
        raise DataError(f"{printable(repr(text), 80)} has none of the words that {path} knows")
    terms = np.asarray(model[:-1].get_feature_names_out())[found.inputs]
    prediction = found.prediction.item() if isinstance(found.prediction, np.generic) else found.prediction
    return {
        "prediction": prediction,
        "pulls_at": found.of,
        "terms": [
            {"term": term, "pull": pull}
            for term, pull in zip(terms.tolist(), found.pulls.tolist(), strict=True)
        ],
    }


def show_explained(model: Any, text: str, result: dict[str, Any]) -> None:
    """Print the text in colours, and its terms with what each did."""
    pulls = {term["term"]: term["pull"] for term in result["terms"]}
    words, shown = model[0], Text()
    strongest = max(map(abs, pulls.values()))
    for piece, pull in weighted_words(
        printable(text, 10_000), pulls, getattr(words, "token_pattern", WORD),
        lowercase=getattr(words, "lowercase", True),
    ):  # fmt: skip
        style = "" if pull is None or abs(pull) <= strongest / 10 else _UP if pull > 0 else _DOWN
        shown.append(piece, style)
    prediction = result["prediction"]
    said = f"{prediction:.3g}" if isinstance(prediction, float) else printable(prediction, 100)
    out_console.print(f"prediction: {said}")
    out_console.print(shown)
    table = Table("term", f"pull at the {result['pulls_at']}", box=None)
    for term in result["terms"][:_MOST_TERMS]:
        style = _UP if term["pull"] > 0 else _DOWN
        table.add_row(Text(printable(term["term"], 60)), Text(f"{term['pull']:+.3f}", style))
    out_console.print(table)
