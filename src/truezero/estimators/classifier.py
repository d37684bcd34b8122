"""DeepRectifierClassifier."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from truezero.core.activations import Array
from truezero.core.records import savable
from truezero.errors import DataError
from truezero.estimators.softmax import SoftmaxBase
from truezero.estimators.targets import as_labels, check_targets


@savable
class DeepRectifierClassifier(ClassifierMixin, SoftmaxBase):
    """Deep sparse rectifier network for classification (Glorot, Bordes, Bengio 2011, sections 3, 4.1).

    Softmax output and negative log-likelihood, minibatch SGD, L1 penalty on the
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
        rate · alpha / batch_size.
    dropout, input_dropout : float, default=0.0
        Probability to drop a hidden unit or an input, at least 0 and below 1.
    max_norm : float or None, default=None
        Upper bound of the norm of each hidden unit's incoming weights.
    learning_rate : {"constant", "adaptive", "linear"}, default="constant"
        Rate of every epoch. "constant": `learning_rate_init`. "adaptive", as in `MLPClassifier`: divided by 5
        whenever `n_iter_no_change` epochs in a row have brought none better by `tol`, until they do so at
        1e-6 or less. "linear": falls by the same amount from epoch to epoch, from `learning_rate_init` in the
        first towards 0 after `max_iter` of them; give ``n_iter_no_change=None`` for all of them.
    learning_rate_init : float, default=0.05
        Rate of the first epoch.
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
    tol : float, default=1e-4
        By how much "adaptive" wants the share of validation rows that are right to grow, or the training loss
        to fall where there are none.
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
        Print a line per epoch on standard output: cost, error, zeros of each layer, rows a second, time left.
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
        Fraction of exact zeros per hidden layer, 0..1, on the validation rows at the selected epoch; empty
        of a network from elsewhere.
    epoch_selected_ : int
        The epoch that was kept; the first is 1, and 0 the network from elsewhere.
    engine_ : dict
        What ran: the engine's "name", "products", "sparse" or "dense" per layer, and "blas", None:
        no library multiplies in fine-tuning.
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

    _error_unit: ClassVar[str] = "fraction"

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
        return self._predicted(self._output(X))

    def _predicted(self, output: Array) -> NDArray[Any]:
        return np.asarray(self.classes_[output.argmax(axis=1)])

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
        if y.ndim == 2 and y.shape[1] > 1:
            if type_of_target(y).startswith("multilabel"):
                raise DataError(
                    "multilabel targets are not supported; wrap the classifier in "
                    "sklearn.multioutput.MultiOutputClassifier"
                )
            raise DataError(
                f"y must be one label per row, got shape {y.shape}; for regression use "
                "DeepRectifierRegressor (--regression on the command line)"
            )
        try:
            check_classification_targets(y)
        except ValueError as error:
            if y.dtype.kind != "f":
                raise DataError(f"y holds no labels: {error}") from error
            raise DataError(
                "Unknown label type: continuous. y holds numbers that are no classes; for regression use "
                "DeepRectifierRegressor (--regression on the command line), else make them classes"
            ) from error
        return np.asarray(column_or_1d(y, warn=True))

    def _error(self, output: Array, y: NDArray[Any]) -> float:
        return float((self.classes_[output.argmax(axis=1)] != as_labels(y, self.classes_)).mean())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = False
        return tags
