"""A softmax output over classes: what the classifier and the predictor of ratings share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import column_or_1d

from truezero.core.activations import Array
from truezero.core.constraints import Constraints
from truezero.core.costs import log_softmax
from truezero.core.network import Network, Output
from truezero.core.schema import Fields, Items, label, text
from truezero.core.tensors import Path
from truezero.core.values import ValueReader, ValueWriter, plain_dtype
from truezero.errors import DataError, ModelFileError, OptionError
from truezero.estimators.adopted import adopted, check_network
from truezero.estimators.base import DeepRectifierBase
from truezero.estimators.given import Given
from truezero.estimators.parameters import CLASS_WEIGHT
from truezero.estimators.targets import (
    as_labels,
    as_target_array,
    check_targets,
    comparable,
    data_errors,
    labeled_rows,
)

_LARGEST_CLASSES = 2**24  # bytes; a damaged dtype such as <U99999999 must not take all memory
_CLASSES = Fields({"classes": Items(label), "classes_dtype": text})


class SoftmaxBase(DeepRectifierBase):
    """Base of the estimators whose network gives a probability for each class; not for direct use."""

    _targets_output: ClassVar[Output] = "softmax"
    _parameter_constraints: ClassVar[Constraints] = {
        **DeepRectifierBase._parameter_constraints,
        "class_weight": CLASS_WEIGHT,
    }
    classes_: NDArray[Any]

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (256, 256, 256),
        activation: str | Sequence[str] = "rectifier",
        *,
        softplus_scale: float = 1.0,
        sign_mask: str | None = None,
        use_biases: bool = True,
        l1_activation: float | Sequence[float] = 1e-4,
        alpha: float = 0.0,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        max_norm: float | None = None,
        learning_rate: str = "constant",
        learning_rate_init: float = 0.05,
        batch_size: int = 10,
        max_iter: int = 100,
        shuffle: bool = True,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 10,
        tol: float = 1e-4,
        class_weight: Mapping[Any, float] | str | None = None,
        pretraining: Any = None,
        prefit: bool = False,
        unlabeled_label: object = None,
        warm_start: bool = False,
        callbacks: Sequence[Any] | None = None,
        engine: str = "auto",
        n_threads: int | None = None,
        dtype: str = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        code_layer: int = -1,
        sparse_output: bool = True,
    ) -> None:
        super().__init__(
            hidden_layer_sizes, activation, softplus_scale=softplus_scale, sign_mask=sign_mask,
            use_biases=use_biases, l1_activation=l1_activation, alpha=alpha, dropout=dropout,
            input_dropout=input_dropout, max_norm=max_norm, learning_rate=learning_rate,
            learning_rate_init=learning_rate_init, batch_size=batch_size, max_iter=max_iter, shuffle=shuffle,
            early_stopping=early_stopping, validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change, tol=tol,
            pretraining=pretraining, prefit=prefit, unlabeled_label=unlabeled_label,
            warm_start=warm_start, callbacks=callbacks, engine=engine, n_threads=n_threads, dtype=dtype,
            random_state=random_state, verbose=verbose, code_layer=code_layer, sparse_output=sparse_output,
        )  # fmt: skip
        self.class_weight = class_weight

    @classmethod
    def from_network(cls, network: Network, classes: Any = None, **parameters: Any) -> Self:
        """Make a fitted estimator of a network that was trained elsewhere.

        It can be saved, scored, put into a pipeline, and trained further: by `partial_fit`, or by `fit` with
        ``warm_start=True``, which learn the scale of the input first and leave what the network says.

        Parameters
        ----------
        network : Network
            Copied. Its linear output is taken for what goes into the softmax, as of a PyTorch module; one
            output with two classes for the logit of the second.
        classes : array-like of shape (n_classes,), optional
            Labels in the order of the outputs, which are put into the order of the labels; 0, 1, … if none
            are given.
        **parameters
            Parameters that the network does not have itself: ``learning_rate_init=0.01`` say. Those it has,
            as `hidden_layer_sizes`, are set by it.

        Returns
        -------
        estimator
            With an empty `history_` and no `sparsity_`, as nothing was trained or measured here.

        Raises
        ------
        OptionError
            If a parameter is the network's own or unknown, or there are not as many classes as outputs.
        DataError
            If a weight is NaN or infinite.
        """
        check_network(network)
        labels = None if classes is None else np.asarray(classes)
        n_labels = network.layer_sizes[-1] if labels is None else labels.size
        if network.layer_sizes[-1] == 1 and n_labels in (1, 2) and network.output == "linear":
            network = _two_outputs(network)
        n_outputs = network.layer_sizes[-1]
        if labels is None:
            labels = np.arange(n_outputs)
        if labels.ndim != 1 or len(labels) != n_outputs:
            raise OptionError(
                f"the network has {n_outputs} outputs, and classes must be as many labels, got "
                f"{labels.tolist()!r:.100}"
            )
        order = np.argsort(labels, kind="stable")
        model = adopted(cls, _with_outputs(network, order), parameters)
        model.classes_ = model._distinct(labels)
        if len(model.classes_) != n_outputs:
            raise OptionError(f"classes has a label twice: {labels.tolist()!r:.100}")
        return model

    def predict_log_proba(self, X: Any) -> NDArray[np.floating]:
        """Logarithm of the probabilities of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the network's dtype; columns in the order of `classes_`.

        Raises
        ------
        DataError
            If rows have another number of features, or a value that is no finite number in that dtype.
        """
        return log_softmax(self._output(X))

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Probabilities of the classes, the softmax of the network's output (section 4.1).

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the network's dtype; columns in the order of `classes_`.

        Raises
        ------
        DataError
            If rows have another number of features, or a value that is no finite number in that dtype.
        """
        return self._probabilities(self._output(X))

    def _probabilities(self, output: Array) -> NDArray[np.floating]:
        return np.asarray(np.exp(log_softmax(output)))

    def _distinct(self, y: NDArray[Any]) -> NDArray[Any]:
        """All different labels in their order, checked."""
        return np.unique(check_targets(y, numeric=False))

    def _learn_targets(self, given: Given) -> None:
        self.classes_ = self._distinct(given.target)

    def _add_classes(self, y: NDArray[Any]) -> None:
        further = np.setdiff1d(as_labels(y, self.classes_), self.classes_)
        if len(further):
            self.classes_ = self._distinct(np.concatenate([self.classes_, further]))

    def _learn_classes(self, classes: Any) -> None:
        if classes is not None:
            if np.ndim(classes) == 0:
                raise OptionError(f"classes must be a list of all classes, got {classes!r}")
            with data_errors():
                given = column_or_1d(as_target_array(list(classes), len(classes), "partial_fit"))
            labeled = labeled_rows(given, self.unlabeled_label)
            given = given if labeled is None else given[labeled]
            if not len(given):
                raise OptionError("classes must name one class at least")
            named = self._distinct(given)
            if not hasattr(self, "classes_"):
                self.classes_ = named
            elif not np.array_equal(named, self.classes_):
                raise OptionError(
                    f"classes={named.tolist()} is not the same as on the last call to partial_fit, "
                    f"{self.classes_.tolist()}: a network keeps its outputs; fit a new one"
                )
        elif not hasattr(self, "classes_"):
            raise OptionError(
                "classes must be passed on the first call to partial_fit: all there will be, not those of "
                "these rows alone"
            )

    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _encode_targets(self, y: NDArray[Any]) -> NDArray[np.int64]:
        labels = comparable(y, self.classes_)
        places = np.minimum(np.searchsorted(self.classes_, labels), len(self.classes_) - 1)
        unknown = labels[self.classes_[places] != labels]
        if len(unknown):
            few = np.unique(unknown)[:5].tolist()
            raise DataError(
                f"y has labels that are not among the classes: {few}; those are of the first fit: name all "
                "in partial_fit's first call, or have all in a stream's first piece or y_val"
            )
        return places.astype(np.int64)

    def _strata(self, y: NDArray[Any]) -> NDArray[np.int64]:
        return self._encode_targets(y)

    def _weigh_classes(self, y: NDArray[Any]) -> NDArray[np.float64] | None:
        encoded = self._encode_targets(y)
        self._seen = self._seen.with_classes(np.bincount(encoded, minlength=len(self.classes_)))
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, str):
            counts = np.array(self._seen.of_class, dtype=np.float64)
            of_class = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        else:
            labels = self.classes_.tolist()
            unknown = [label for label in self.class_weight if label not in labels]
            if unknown and not all(label in self.class_weight for label in labels):
                raise OptionError(
                    f"class_weight has {unknown[0]!r}, which is no class, and nothing for one that is: the "
                    f"classes are {', '.join(map(repr, labels[:10]))}"
                )
            of_class = np.array([self.class_weight.get(label, 1.0) for label in labels], dtype=np.float64)
        return np.asarray(of_class[encoded])

    def _write_learned(self, record: dict[str, Any], writer: ValueWriter) -> None:
        super()._write_learned(record, writer)
        record["fitted"] |= _write_classes(self.classes_, writer)

    def _read_learned(self, record: dict[str, Any], reader: ValueReader, path: Path) -> None:
        super()._read_learned(record, reader, path)
        self.classes_ = _read_classes(record["fitted"], reader)
        if self.classes_.shape != (self.n_outputs_,):
            raise ModelFileError(f"{self.classes_.shape} classes and {self.n_outputs_} outputs disagree")


def _with_outputs(network: Network, order: NDArray[np.intp]) -> Network:
    """Copy of a network, its outputs in another order and with a softmax above."""
    changed = network.copy()
    changed.weights[-1] = np.ascontiguousarray(changed.weights[-1][:, order])
    changed.biases[-1] = np.ascontiguousarray(changed.biases[-1][order])
    changed.output = "softmax"
    return changed


def _two_outputs(network: Network) -> Network:
    """Copy of a network with one output z, as one with −z/2 and z/2: their softmax is the sigmoid of z."""
    changed = network.copy()
    w, b = changed.weights[-1] / 2, changed.biases[-1] / 2
    changed.weights[-1], changed.biases[-1] = np.hstack([-w, w]), np.concatenate([-b, b])
    return changed


def _write_classes(classes: NDArray[Any], writer: ValueWriter) -> dict[str, Any]:
    """Labels as a list with their dtype where JSON can hold them, else as an array is kept."""
    labels = [label.item() if isinstance(label, np.generic) else label for label in classes.tolist()]
    if (
        all(isinstance(label, (str, bool, int, float)) for label in labels)
        and classes.nbytes <= _LARGEST_CLASSES
    ):
        return {
            "classes": labels,
            "classes_dtype": classes.dtype.str if classes.dtype.kind != "O" else "object",
        }
    return {"classes": writer.write(classes, "a class label")}


def _read_classes(fitted: dict[str, Any], reader: ValueReader) -> NDArray[Any]:
    labels: Any = fitted.get("classes")
    if isinstance(labels, dict):
        classes = reader.read(labels)
    else:
        _CLASSES.check("the record", fitted)
        dtype = plain_dtype(fitted["classes_dtype"])
        if dtype.itemsize * len(labels) > _LARGEST_CLASSES:
            raise ModelFileError(f"{len(labels)} classes of {dtype.itemsize} bytes are too large")
        classes = np.asarray(labels, dtype=dtype)
        if classes.tolist() != labels:
            raise ModelFileError(f"the classes are not of the dtype {dtype}")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        raise ModelFileError("the classes are no list of labels")
    if not (classes[:-1] < classes[1:]).all():
        raise ModelFileError("the classes are not sorted, or one is there twice")
    return classes
