"""Fitted attributes by the names that scikit-learn's `MLPClassifier` gives them."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from truezero.core.network import Output
from truezero.estimators.codes import CodesMixin
from truezero.training import EpochRecord


class MLPAttributes(CodesMixin, ABC):
    """What `MLPClassifier` has, from the network and the history; not for direct use."""

    history_: list[EpochRecord]
    _targets_output: ClassVar[Output]
    _error_unit: ClassVar[str]
    """What errors are: "fraction" of rows that are wrong, or "squared units of y"."""
    _validation_variance: float | None

    @property
    def coefs_(self) -> list[NDArray[np.floating]]:
        """Weights, shapes (n_in, n_out), as `MLPClassifier` names them; read-only.

        Prediction keeps what it prepares of them. Replace `network_` by a `network_.copy()` to change any.
        """
        return self.network_.weights

    @property
    def intercepts_(self) -> list[NDArray[np.floating]]:
        """Biases, shapes (n_out,); read-only, see `coefs_`."""
        return self.network_.biases

    @property
    def n_layers_(self) -> int:
        """Layers, those of inputs and outputs counted."""
        return len(self.network_.layer_sizes)

    @property
    def n_outputs_(self) -> int:
        """Outputs: classes, or targets of a regression."""
        return self.network_.layer_sizes[-1]

    @property
    def out_activation_(self) -> str:
        """The output's function: "softmax", with two classes too, or "identity"."""
        check_is_fitted(self)
        return "softmax" if self._targets_output == "softmax" else "identity"

    @property
    def n_iter_(self) -> int:
        """Epochs run."""
        return len(self.history_)

    @property
    def loss_curve_(self) -> list[float]:
        """Training loss per epoch, without the penalty."""
        return [record["loss"] for record in self.history_]

    @property
    def loss_(self) -> float | None:
        """Training loss of the last epoch; None of a network that was trained elsewhere."""
        return self.loss_curve_[-1] if self.history_ else None

    @property
    def best_loss_(self) -> float | None:
        """Least training loss; None where validation rows chose the epoch, as in `MLPClassifier`."""
        chosen = any(record["validation_error"] is not None for record in self.history_)
        return None if chosen else min(self.loss_curve_, default=None)

    @property
    def validation_scores_(self) -> list[float] | None:
        """Score on the validation rows after each epoch: accuracy, or R²; None without them.

        R² of several outputs is weighted by their variance. A model from a file of an older version has it
        only of classes.
        """
        errors = [record["validation_error"] for record in self.history_]
        unit = 1.0 if self._error_unit == "fraction" else getattr(self, "_validation_variance", None)
        if unit is None or unit == 0 or not errors:
            return None
        scores = [1 - error / unit for error in errors if error is not None]
        return scores if len(scores) == len(errors) else None

    @property
    def best_validation_score_(self) -> float | None:
        """Greatest of `validation_scores_`; None without them."""
        scores = self.validation_scores_
        return None if scores is None else max(scores)
