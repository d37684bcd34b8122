"""Rows or texts for a model, read as options say, else as the model knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from truezero.core.text import printable
from truezero.datasets import are_texts, column_names, load_dataset, load_texts
from truezero.errors import OptionError
from truezero.models import data_form, takes_text


def read_rows(
    loaded: Any,
    model: Path,
    data: str,
    *,
    data_dir: str | None,
    labelled: bool,
    target: str | None = None,
    text: str | None = None,
    encoding: str | None = None,
    n_features: int | None = None,
    zero_based: bool | None = None,
) -> tuple[Any, Any]:
    """Read what a model shall be used on: the test rows of a named data set, or all rows of a file.

    Parameters
    ----------
    loaded : Network, an estimator of truezero, or Pipeline
    model : Path
        Its file, for messages.
    data : str
        A data set's name or a file.
    data_dir : str or None
    labelled : bool
        Whether targets are wanted. Of a table they are in the column that `target` names, else in that of the
        model's training, if there is one of that name.
    target, text, encoding, n_features, zero_based
        What the options say.

    Returns
    -------
    X : Features, or sequence of str
    y : ndarray or None

    Raises
    ------
    OptionError
        If a model of text is given numbers, or the other way round.
    DataError
        If they cannot be read.
    """
    form = data_form(loaded)
    columns = column_names(data, encoding)
    if labelled and target is None and form.get("target") in columns:
        target = form["target"]
    if not takes_text(loaded):
        if text is not None or are_texts(data):
            raise OptionError(
                f"{model} was trained on numbers; it cannot take the texts of {printable(data, 300)}"
            )
        form = {name: form[name] for name in ("n_features", "zero_based", "columns") if name in form}
        said = {"n_features": n_features, "zero_based": zero_based, "target": target if labelled else None}
        form |= {name: value for name, value in said.items() if value is not None}
        return load_dataset(data, data_dir=data_dir, encoding=encoding, **form).rows_to_measure()
    if not (columns or are_texts(data)):
        raise OptionError(
            f"{model} was trained on text; it cannot take the numbers of {printable(data, 300)}"
        )
    if text is None and columns and not are_texts(data):
        text = form.get("text")
    texts = load_texts(
        data,
        data_dir=data_dir,
        text=text,
        target=target if labelled else None,
        encoding=encoding,
        labelled=labelled,
    )
    return texts.texts_to_measure()
