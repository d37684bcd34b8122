"""DeepRectifierClassifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from truezero.core.activations import Array
from truezero.core.constraints import Constraints
from truezero.core.costs import log_softmax
from truezero.core.records import savable
from truezero.core.schema import Fields, Items, label, text
from truezero.core.tensors import Path
from truezero.core.values import ValueReader, ValueWriter, plain_dtype
from truezero.errors import DataError, ModelFileError, OptionError
from truezero.estimators.base import DeepRectifierBase
from truezero.estimators.given import Given
from truezero.estimators.parameters import CLASS_WEIGHT
from truezero.estimators.targets import (
    as_labels,
    as_target_array,
    check_targets,
    data_errors,
    labeled_rows,
)

_LARGEST_CLASSES = 2**24  # bytes; a damaged dtype such as <U99999999 must not take all memory
_CLASSES = Fields({"classes": Items(label), "classes_dtype": text})


@savable
class DeepRectifierClassifier(ClassifierMixin, DeepRectifierBase):
    """Deep sparse rectifier network for classification (Glorot, Bordes, Bengio 2011, sections 3, 4.1).

    Softmax output and negative log-likelihood, minibatch SGD at a constant rate, L1 penalty on the
    activations; the best validation epoch is kept.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 256, 256)
        Units per hidden layer.
    activation : str or sequence of str, default="rectifier"
        One name or one per hidden layer: rectifier (relu), softplus, tanh, sigmoid (logistic), lif,
        rectified-tanh, abs-tanh, linear (identity).
    softplus_scale : float, default=1.0
        α of (1/α) softplus(αx).
    sign_mask : {None, "random", "half"}, default=None
        Multiply units by a fixed ±1: none, each at random, or exactly half of them.
    use_biases : bool, default=True
        Without, a rectifier network is intensity equivariant: f(ax) = a f(x) for a > 0.
    l1_activation : float or sequence of float, default=1e-4
        λ of λ · mean over examples of Σ_units |h|; one, or one per hidden layer.
    alpha : float, default=0.0
        L2 penalty on the weights, as in `MLPClassifier`: each step decays them by
        learning_rate_init · alpha / batch_size.
    dropout, input_dropout : float, default=0.0
        Probability to drop a hidden unit or an input, at least 0 and below 1.
    max_norm : float or None, default=None
        Upper bound of the norm of each hidden unit's incoming weights.
    learning_rate_init : float, default=0.05
        The constant rate.
    batch_size : int, default=10
        Rows per step.
    max_iter : int, default=100
        Epochs at most.
    shuffle : bool, default=True
        Draw a new order every epoch.
    early_stopping : bool, default=True
        Split off `validation_fraction` of the rows where no validation rows are given.
    validation_fraction : float, default=0.1
        Share of the rows, of every class. A class with a single row stays in training.
    n_iter_no_change : int or None, default=10
        Stop after so many epochs without a better validation epoch; None never stops. The best epoch
        is kept either way.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, 1 where a dict has none; "balanced" is inverse to their numbers of rows.
        Multiplies `sample_weight`.
    pretraining : StackedDenoisingAutoencoder or None, default=None
        Pre-trains the hidden layers on X and `X_unlabeled` (section 3.2): a clone of it is fitted, which
        takes over the network's shape from here.
    prefit : bool, default=False
        `pretraining` is fitted already and used as it is. In a search, which clones everything, wrap it
        in scikit-learn's `FrozenEstimator` instead.
    unlabeled_label : str, number, NaN, bool or None, default=None
        Value of y that means "no label": such rows only pre-train, and are left out of every error. NaN means
        every missing value. None: every value is a label.
    warm_start : bool, default=False
        Go on from the fitted network.
    callbacks : sequence of callable, optional
        Called with the `TrainingState` after each epoch; a true result ends training.
    engine : {"auto", "native", "reference"}, default="auto"
        What does the arithmetic.
    n_threads : int or None, default=None
        None: TRUEZERO_NUM_THREADS, else OMP_NUM_THREADS, else all cores; −1: all, −2: all but one, as joblib
        counts. Never are there more than cores. The result does not depend on it.
    dtype : {"float32", "float64"}, default="float32"
        Of the network and all arithmetic.
    random_state : int, RandomState or None, default=None
        Seed of weights, order, split and dropout.
    verbose : bool or int, default=False
        Show a progress bar, or a line per epoch where there is no terminal.
    code_layer : int, default=-1
        Hidden layer that `transform` gives; -1 is the last.
    sparse_output : bool, default=True
        `transform` gives CSR.

    Attributes
    ----------
    network_ : Network
        The trained network; it takes raw rows.
    history_ : list of EpochRecord
        One record per epoch.
    sparsity_ : list of float
        Fraction of exact zeros per hidden layer, 0..1, on the validation rows at the selected epoch.
    epoch_selected_ : int
        The epoch that was kept; the first is 1.
    engine_ : dict
        What ran: the engine's "name", "products", "sparse" or "dense" per layer, and the "blas" that
        multiplied the dense ones, if one did.
    pretraining_ : StackedDenoisingAutoencoder
        What pre-trained the network, with its own history; only with `pretraining`.
    classes_ : ndarray of shape (n_classes,)
    n_samples_ : (int, int)
        Rows trained on, and rows held out.
    interrupted_ : bool
        Ctrl-C ended the training.
    coefs_, intercepts_, loss_curve_, loss_, best_loss_, n_iter_, t_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn's `MLPClassifier`; two classes are two outputs here.
    validation_scores_, best_validation_score_
        Accuracy on the validation rows, as there.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Notes
    -----
    A feature whose root mean square is above 1 is divided by the power of two nearest to it while
    training, and the first layer's weights take the division over afterwards, exactly; plain SGD would
    diverge. Smaller features are left as they are where all have about one size, as pixels and words do;
    in a table of many units they are brought to 1, too, and rows that are tiny as a whole to a norm of 1.
    A row with a value far beyond those of others, divided, counts less in training.
    An empty row gives z = b = 0 in the first layer at the start, and so no gradient there.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from truezero import DeepRectifierClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DeepRectifierClassifier(max_iter=5, random_state=0).fit(X / 16, y)
    >>> model.predict(X[:1] / 16)
    array([0])
    """

    _targets_output: ClassVar[str] = "softmax"
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
        learning_rate_init: float = 0.05,
        batch_size: int = 10,
        max_iter: int = 100,
        shuffle: bool = True,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 10,
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
            input_dropout=input_dropout, max_norm=max_norm, learning_rate_init=learning_rate_init,
            batch_size=batch_size, max_iter=max_iter, shuffle=shuffle, early_stopping=early_stopping,
            validation_fraction=validation_fraction, n_iter_no_change=n_iter_no_change,
            pretraining=pretraining, prefit=prefit, unlabeled_label=unlabeled_label,
            warm_start=warm_start, callbacks=callbacks, engine=engine, n_threads=n_threads, dtype=dtype,
            random_state=random_state, verbose=verbose, code_layer=code_layer, sparse_output=sparse_output,
        )  # fmt: skip
        self.class_weight = class_weight

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train one epoch on some rows; nothing is split off.

        Each call draws an order and noise of its own. The scale of the input is learned from the first
        thousand rows of a stream, and from later ones of features that were 0 until then; weights are
        relative to the mean of all rows so far, and "balanced" to the classes of all rows so far.
        Pre-training learns, an epoch a call, from rows that come before the first labels; if those are in the
        first call, it is fitted on that call's rows.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Where no row has a label, or all weights are 0, the network is left as it is.
        sample_weight : array-like of shape (n_samples,), optional
        classes : array-like of shape (n_classes,), optional
            All classes there will be; the first call needs them, unless `fit` came before.

        Returns
        -------
        self

        Raises
        ------
        OptionError
            If the first call names no classes, or a later one others.
        TruezeroError
            As `fit`; the estimator is left as it was.
        """
        return self._partial_fit(X, y, sample_weight, classes)

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
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict(self, X: Any) -> NDArray[Any]:
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Of the dtype of `classes_`; the first of equally probable ones.

        Raises
        ------
        DataError
            If rows have another number of features, or a value that is no finite number in the network's
            dtype.
        """
        check_is_fitted(self)
        return np.asarray(self.classes_[self._output(X).argmax(axis=1)])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy, the share of rows whose class is predicted; rows without a label are left out.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
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
        if y.dtype.kind == "S" or (y.dtype.kind == "O" and any(isinstance(v, bytes) for v in y.ravel())):
            raise DataError("y holds bytes, no labels: decode them, y.astype(str) say")
        y = check_targets(y, numeric=False)
        kind = type_of_target(y)
        if kind.startswith("multilabel"):
            raise DataError(
                "multilabel targets are not supported; wrap the classifier in "
                "sklearn.multioutput.MultiOutputClassifier"
            )
        if kind.startswith("continuous"):
            raise DataError(
                f"Unknown label type: {kind}. y holds numbers that are no classes; for regression use "
                "DeepRectifierRegressor (--regression on the command line), else make them classes"
            )
        with data_errors():
            check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] > 1:
            raise DataError(f"y must be one label per row, got shape {y.shape}")
        return np.asarray(column_or_1d(y, warn=True))

    def _learn_targets(self, given: Given) -> None:
        self.classes_ = np.unique(given.target)

    def _learn_classes(self, classes: Any) -> None:
        if classes is not None:
            with data_errors():
                given = column_or_1d(as_target_array(list(classes), len(classes), "partial_fit"))
            labeled = labeled_rows(given, self.unlabeled_label)
            given = given if labeled is None else given[labeled]
            if not len(given):
                raise OptionError("classes must name one class at least")
            named = np.unique(check_targets(given, numeric=False))
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
        labels = as_labels(y, self.classes_)
        places = np.minimum(np.searchsorted(self.classes_, labels), len(self.classes_) - 1)
        unknown = labels[self.classes_[places] != labels]
        if len(unknown):
            few = np.unique(unknown)[:5].tolist()
            raise DataError(f"y has labels that are not among the classes: {few}")
        return places.astype(np.int64)

    def _error(self, output: Array, y: NDArray[Any]) -> float:
        return float((self.classes_[output.argmax(axis=1)] != as_labels(y, self.classes_)).mean())

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = False
        return tags


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
