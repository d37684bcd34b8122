"""DeepRectifierRegressor."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from truezero.core.network import Network
from truezero.core.records import savable
from truezero.core.schema import Fields, flag
from truezero.core.tensors import Path
from truezero.core.values import ValueReader, ValueWriter
from truezero.errors import ModelFileError
from truezero.estimators.base import DeepRectifierBase


@savable
class DeepRectifierRegressor(RegressorMixin, DeepRectifierBase):
    """Deep sparse rectifier network for regression, with one output or several.

    Linear output and squared error; everything else as in `DeepRectifierClassifier`, whose
    parameters it has but for `class_weight`.

    Attributes
    ----------
    network_ : Network
        The trained network; it takes raw rows and gives values in y's own units.
    history_, sparsity_, epoch_selected_, engine_, coefs_, intercepts_, loss_curve_, n_iter_
        As in `DeepRectifierClassifier`; loss and errors in the history are of the targets as
        trained on, (y − mean) / 2**k.

    Notes
    -----
    Training runs on targets from which the mean is taken and which are divided by a power of two near
    their deviation; the output layer takes both over afterwards. With `use_biases=False` no mean is
    taken.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from truezero import DeepRectifierRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> DeepRectifierRegressor(max_iter=5, random_state=0).fit(X, y).predict(X[:2]).shape
    (2,)
    """

    _targets_output: ClassVar[str] = "linear"

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on some rows; nothing is split off.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight, None)

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Predicted values, float64, (n_samples,), or (n_samples, n_outputs) if fitted on a matrix."""
        output = self._output(X).astype(np.float64)
        return output if self._matrix_target else output[:, 0]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², the share of the variance that is predicted; rows without a label are left out.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float

        Raises
        ------
        DataError
            If no row has a label.
        """
        return float(super().score(*self._labeled_only(X, y, sample_weight)))

    def _check_target(self, y: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(y if y.ndim == 2 else column_or_1d(y, warn=True), dtype=np.float64)

    def _start_targets(self, y: NDArray[Any], weight: NDArray[np.float64] | None, classes: Any) -> None:
        self._matrix_target = y.ndim == 2
        columns = y.reshape(len(y), -1)
        given = weight if weight is not None and weight.sum() > 0 else None
        self._shift = (
            np.average(columns, axis=0, weights=given) if self.use_biases else np.zeros(columns.shape[1])
        )
        spread = np.sqrt(np.average((columns - self._shift) ** 2, axis=0, weights=given))
        # A power of two is folded into the output layer, and taken out again, exactly.
        self._scale = 2.0 ** np.clip(np.round(np.log2(np.where(spread > 0, spread, 1))), -60, 60)

    def _n_outputs(self) -> int:
        return len(self._scale)

    def _encode_targets(self, y: NDArray[Any]) -> NDArray[np.floating]:
        columns = y.reshape(len(y), -1)
        return np.asarray(((columns - self._shift) / self._scale).astype(self.dtype))

    def _strata(self, y: NDArray[Any]) -> None:
        return None

    def _scale_output(self, network: Network, inverse: bool) -> None:
        if inverse:
            network.biases[-1] -= self._shift.astype(network.dtype)
        factor = (1 / self._scale if inverse else self._scale).astype(network.dtype)
        network.weights[-1] *= factor
        network.biases[-1] *= factor
        if not inverse:
            network.biases[-1] += self._shift.astype(network.dtype)

    def _write_learned(self, record: dict[str, Any], writer: ValueWriter) -> None:
        super()._write_learned(record, writer)
        writer.tensors |= {"target_shift": self._shift, "target_scale": self._scale}
        record["fitted"]["matrix_target"] = self._matrix_target

    def _read_learned(self, record: dict[str, Any], reader: ValueReader, path: Path) -> None:
        super()._read_learned(record, reader, path)
        self._shift, self._scale = reader.tensors["target_shift"], reader.tensors["target_scale"]
        Fields({"matrix_target": flag}).check("the record", record["fitted"])
        self._matrix_target = record["fitted"]["matrix_target"]
        for name, numbers in (("shift", self._shift), ("scale", self._scale)):
            if (
                numbers.shape != (self.n_outputs_,)
                or numbers.dtype.kind != "f"
                or not np.isfinite(numbers).all()
                or (name == "scale" and (numbers <= 0).any())
            ):
                raise ModelFileError(f"the targets' {name} must be numbers, one per output")
        if self.n_outputs_ > 1 and not self._matrix_target:
            raise ModelFileError(f"{self.n_outputs_} outputs, and targets that are no matrix, disagree")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
