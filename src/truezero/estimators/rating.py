"""RatingPredictor."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import ClassifierTags
from sklearn.utils.validation import check_is_fitted, column_or_1d

from truezero.core.activations import Array
from truezero.core.costs import expected_value
from truezero.core.records import savable
from truezero.core.tensors import Path
from truezero.core.values import ValueReader
from truezero.errors import DataError, ModelFileError
from truezero.estimators.softmax import SoftmaxBase
from truezero.estimators.targets import as_values, check_targets

MOST_RATINGS = 256
"""Each is an output; numbers of which there are more are measured, not given."""


@savable
class RatingPredictor(RegressorMixin, SoftmaxBase):
    """Deep sparse rectifier network for ordered ratings: stars, marks, points (section 4.2).

    Softmax output over the ratings there are, trained by negative log-likelihood; what is predicted is the
    expected rating, and the epoch whose expected ratings have the least squared error on validation rows is
    kept. Ratings are numbers, a few different ones with any gaps: 1 to 5, half stars, 1 to 4 and 7 to 10. To
    scikit-learn it is a regressor.

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
        Share of the rows, of every rating. A rating with a single row stays in training.
    n_iter_no_change : int or None, default=10
        Stop after so many epochs without a better validation epoch, that is one whose expected ratings have
        a lower mean squared error, or the same and a greater likelihood; None never stops. The best epoch
        is kept either way.
    tol : float, default=1e-4
        By how much "adaptive" wants the squared error of validation rows to fall, or the training loss where
        there are none.
    class_weight : dict, "balanced" or None, default=None
        Weight of each rating, 1 where a dict has none; "balanced" is inverse to their numbers of rows.
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
        One record per epoch; its validation error is the mean squared error of the expected rating.
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
    classes_ : ndarray of shape (n_ratings,), float64
        The ratings there are, in their order.
    n_samples_ : (int, int)
        Rows trained on, and rows held out.
    interrupted_ : bool
        Ctrl-C ended the training.
    coefs_, intercepts_, loss_curve_, loss_, best_loss_, n_iter_, t_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn's `MLPClassifier`; two ratings are two outputs here.
    validation_scores_, best_validation_score_
        R² on the validation rows, as in `MLPRegressor`.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Notes
    -----
    Rows, their scale and their weights are treated as in `DeepRectifierClassifier`. The root mean squared
    error, which the paper reports, is scikit-learn's ``scoring="neg_root_mean_squared_error"``.

    Examples
    --------
    >>> import numpy as np
    >>> from truezero import RatingPredictor
    >>> X = np.random.default_rng(0).integers(0, 2, (200, 8))
    >>> y = 1 + X[:, 0] + X[:, 1] + 2 * X[:, 2]  # 1 to 5 stars
    >>> model = RatingPredictor((32,), max_iter=30, random_state=0).fit(X, y)
    >>> model.classes_
    array([1., 2., 3., 4., 5.])
    >>> float(model.predict(X[y == 4]).mean().round(1))
    4.0
    """

    _error_unit: ClassVar[str] = "squared units of y"

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train one epoch on some rows; nothing is split off.

        As `DeepRectifierClassifier.partial_fit`.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Where no row has a rating, or all weights are 0, the network is left as it is.
        sample_weight : array-like of shape (n_samples,), optional
        classes : array-like of shape (n_ratings,), optional
            All ratings there will be. If the first call names none, they are those of the first rows that
            have one, and a later call can bring no others.

        Returns
        -------
        self

        Raises
        ------
        OptionError
            If a later call names other ratings than the first.
        TruezeroError
            As `fit`; the estimator is left as it was.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Expected rating of each row: the mean of the ratings, weighted by their probabilities.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            ``predict_proba(X) @ classes_``, computed in float64.

        Raises
        ------
        DataError
            If rows have another number of features, or a value that is no finite number in the network's
            dtype.
        """
        check_is_fitted(self)
        return self._predicted(self._output(X))

    def _predicted(self, output: Array) -> NDArray[np.float64]:
        return expected_value(output, self.classes_)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², the share of the ratings' variance that is predicted; rows without a rating are left out.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Any numbers, also such that were never trained on.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float

        Raises
        ------
        DataError
            If no row has a rating.
        """
        return float(super().score(*self._labeled_only(X, y, sample_weight)))

    def _check_target(self, y: NDArray[Any]) -> NDArray[Any]:
        y = check_targets(y, numeric=True)
        if y.ndim == 2 and y.shape[1] > 1:
            raise DataError(f"y must be one rating per row, got shape {y.shape}")
        return np.asarray(column_or_1d(y, warn=True), dtype=np.float64)

    def _distinct(self, y: NDArray[Any]) -> NDArray[np.float64]:
        ratings = np.unique(self._check_target(y))
        if len(ratings) == 1:
            raise DataError(f"all ratings are {ratings[0]:g}: from one class alone nothing can be learned")
        if len(ratings) > MOST_RATINGS:
            raise DataError(
                f"y has {len(ratings)} different values, ratings can be {MOST_RATINGS} at most: for numbers "
                "use DeepRectifierRegressor (--regression on the command line), or round them"
            )
        return ratings

    def _learn_classes(self, classes: Any) -> None:
        if classes is not None or hasattr(self, "classes_"):
            super()._learn_classes(classes)

    def _output_values(self) -> tuple[float, ...]:
        return tuple(self.classes_.tolist())

    def _error(self, output: Array, y: NDArray[Any]) -> float:
        given = as_values(y, 1)[:, 0]
        return float(np.mean((expected_value(output, self.classes_) - given) ** 2))

    def _read_learned(self, record: dict[str, Any], reader: ValueReader, path: Path) -> None:
        super()._read_learned(record, reader, path)
        if self.classes_.dtype != np.float64 or not np.isfinite(self.classes_).all():
            raise ModelFileError("the ratings are not finite numbers")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags(multi_label=False)  # of its probabilities
        return tags
