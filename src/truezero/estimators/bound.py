"""A fitted model bound for many small predictions."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import Array
from truezero.core.predictor import Predictor
from truezero.errors import OptionError


class BoundModel:
    """A fitted model bound for prediction; `predictor` of the estimators makes one.

    It goes on answering what the model answered then, or would have with rounded weights, whatever is fitted
    later. Any number of threads may call it at once.

    Attributes
    ----------
    output : Predictor
        Of the model's network.
    """

    def __init__(self, model: Any, output: Predictor) -> None:
        self._model = copy.copy(model)  # a fit makes new arrays, and leaves these alone
        self.output = output

    def predict(self, X: Array, out: Array | None = None) -> NDArray[Any]:
        """Predict dense rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            C-contiguous, in the network's dtype, all finite: that is not checked.
        out : ndarray of shape (n_samples, n_outputs), optional
            Room for the network's output, so that none is made at every call.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            What the estimator's `predict` gives, with weights rounded if they were to be.

        Raises
        ------
        DataError
            If X or `out` is another kind of array, or has another shape.
        """
        predicted: NDArray[Any] = self._model._predicted(self.output(X, out))
        return predicted

    def predict_proba(self, X: Array, out: Array | None = None) -> NDArray[np.floating]:
        """Probabilities of the classes of dense rows.

        Parameters
        ----------
        X, out
            See `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            What the estimator's `predict_proba` gives, likewise.

        Raises
        ------
        OptionError
            If the model has no classes.
        DataError
            As for `predict`.
        """
        if not hasattr(self._model, "_probabilities"):
            raise OptionError(f"{type(self._model).__name__} has no classes, and so no probabilities")
        probabilities: NDArray[np.floating] = self._model._probabilities(self.output(X, out))
        return probabilities
