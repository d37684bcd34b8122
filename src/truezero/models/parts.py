"""Parts of a loaded model, be it a pipeline or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from truezero.core.network import Network
from truezero.core.rows import Features
from truezero.errors import DataError


def estimator_of(model: Any) -> Any:
    """Estimator at the end of a pipeline, or of one in one; anything else is given back as it is."""
    while hasattr(model, "steps"):
        model = model.steps[-1][1]
    return model


def data_form(model: Any) -> dict[str, Any]:
    """How a file must be read for a model to take its rows, as far as the model knows.

    Parameters
    ----------
    model : Network, an estimator of truezero, or Pipeline

    Returns
    -------
    dict
        Of a model of numbers, for `load_dataset`: "n_features", the width that it takes; "zero_based",
        whether the svmlight file that it was trained from counts features from 0; "columns", the features of
        the table that it was trained from. Of a model of text, for `load_texts`: "text", the column. "target"
        is the column of the targets. What is not known is left out.
    """
    if isinstance(model, Network):
        return {"n_features": model.layer_sizes[0]}
    form: dict[str, Any] = {}
    for step in _steps(model):
        if hasattr(step, "n_features_in_"):
            form["n_features"] = int(step.n_features_in_)
            break
        if step not in (None, "passthrough"):  # what comes first takes text, or does not say what it takes
            break
    return form | (getattr(estimator_of(model), "_data_form", None) or {})


def takes_text(model: Any) -> bool:
    """Whether a model takes raw text, and not numbers."""
    first: Any = next((step for step in _steps(model) if step not in (None, "passthrough")), None)
    if not hasattr(first, "__sklearn_tags__"):
        return False
    tags = first.__sklearn_tags__().input_tags
    return bool(tags.string and not tags.two_d_array)


def _steps(model: Any) -> Iterator[Any]:
    """Steps of a pipeline and of those in it, in the order in which rows meet them; else the model itself."""
    if not hasattr(model, "steps"):
        yield model
        return
    for _, step in model.steps:
        yield from _steps(step)


def step_names(model: Any) -> list[str]:
    """Classes of a pipeline's steps in their order, "passthrough" as it is; of anything else, none."""
    steps = [step for _, step in getattr(model, "steps", ())]
    return [type(step).__name__ if hasattr(step, "fit") else "passthrough" for step in steps]


def rows_of(model: Any, X: Any) -> Any:
    """Rows as `estimator_of` a pipeline takes them; X itself where there is no pipeline."""
    if not hasattr(model, "steps"):
        return X
    X = _values(X)
    for _, step in model.steps[:-1]:
        if step not in (None, "passthrough"):
            X = step.transform(X)
    last = model.steps[-1][1]
    return rows_of(last, X) if hasattr(last, "steps") else last._features(X)


def check_rows(model: Any, X: Any) -> None:
    """Refuse rows of numbers that a model cannot take: of another width, or where it takes text.

    Raises
    ------
    DataError
        Saying what does not fit.
    """
    if not hasattr(model, "steps"):
        rows = X if isinstance(X, Features) else Features(X)
        rows.check_width(model if isinstance(model, Network) else model.network_)
        return
    try:
        rows_of(model, _values(X)[:1])
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise DataError(f"the pipeline cannot take these rows: {error}") from error


def predict(model: Any, X: Any) -> Any:
    """What a model predicts for rows, `Features` too, which steps of a pipeline do not know."""
    return model.predict(_values(X) if hasattr(model, "steps") else X)


def _values(X: Any) -> Any:
    if not isinstance(X, Features):
        return X
    if X.plain and X.X.dtype != np.uint8:
        return X.X
    return X.values("float64" if X.X.dtype == np.float64 else "float32")
