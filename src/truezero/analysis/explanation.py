"""Which features carried a prediction, by the linear function that the network is around the row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.analysis.local_map import local_map
from truezero.core.costs import log_softmax
from truezero.core.rows import Features
from truezero.errors import OptionError
from truezero.models import estimator_of, rows_of


@dataclass(frozen=True)
class Explanation:
    """What each feature that is not 0 did for a prediction.

    Attributes
    ----------
    prediction : object
        A class, a rating, or a number.
    of : str
        What is pulled at: "log-probability", "expected rating" or "prediction".
    inputs : ndarray of int64, shape (n_inputs,)
        The features, that which pulls most first.
    pulls : ndarray of float64, shape (n_inputs,)
        Up or down. Exact for what goes into the softmax; through it, to first order.
    """

    prediction: Any
    of: str
    inputs: NDArray[np.int64]
    pulls: NDArray[np.float64]


def explain(model: Any, X: Any) -> Explanation:
    """Say which features carried a prediction.

    Parameters
    ----------
    model : classifier, predictor of ratings or regressor of truezero, or Pipeline that ends in one
        Fitted, of rectifiers, with one output or a softmax.
    X : array-like or sequence of str of one row
        As `predict` takes it.

    Returns
    -------
    Explanation

    Raises
    ------
    OptionError
        If its units are not linear by parts, or it predicts several numbers.
    DataError
        If X is not one row.
    """
    rows, estimator = rows_of(model, X), estimator_of(model)
    rows = rows.values("float64") if isinstance(rows, Features) else rows
    network, (prediction,) = estimator.network_, estimator.predict(rows)
    if network.output == "linear" and len(network.biases[-1]) > 1:
        raise OptionError(
            f"it predicts {len(network.biases[-1])} numbers: explain one at a time, by local_map"
        )
    found = local_map(network, rows)
    p = np.exp(log_softmax(found.output[np.newaxis]))[0]
    values = estimator._output_values()
    if network.output == "linear":
        of, along = "prediction", np.asarray(values)
    elif values is not None:
        of, along = "expected rating", p * (np.asarray(values) - p @ values)
    else:
        of, along = "log-probability", (estimator.classes_ == prediction) - p
    pulls = found.contributions @ along
    order = np.argsort(-np.abs(pulls), kind="stable")
    return Explanation(prediction, of, found.inputs[order], pulls[order])


def weighted_words(
    text: str, pulls: Mapping[str, float], token_pattern: str, *, lowercase: bool = True
) -> list[tuple[str, float | None]]:
    """Cut a text into its words and what is between them, each word with what its term did.

    Parameters
    ----------
    text : str
    pulls : mapping of str to float
        By terms of one word.
    token_pattern : str
        Regular expression of a word, as of a `BagOfWords`.
    lowercase : bool, default=True
        Terms are in lower case.

    Returns
    -------
    list of (str, float or None)
        All of the text, in its order; None where there is no term.
    """
    pieces: list[tuple[str, float | None]] = []
    end = 0
    for word in re.finditer(token_pattern, text):
        pull = pulls.get(word.group().lower() if lowercase else word.group())
        if pull is not None:
            pieces += [(text[end : word.start()], None)] if word.start() > end else []
            pieces.append((word.group(), pull))
            end = word.end()
    return [*pieces, (text[end:], None)] if end < len(text) else pieces
