"""DeepRectifierRegressor."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d

from truezero.core.activations import Array
from truezero.core.constraints import one_of
from truezero.core.network import Network, Output
from truezero.core.records import savable
from truezero.core.schema import Fields, flag
from truezero.core.tensors import Path
from truezero.core.values import ValueReader, ValueWriter
from truezero.errors import ModelFileError, OptionError
from truezero.estimators.adopted import adopted, check_network
from truezero.estimators.base import DeepRectifierBase
from truezero.estimators.given import Given
from truezero.estimators.target_scale import TargetMoments, TargetScale
from truezero.estimators.targets import as_columns, as_values, check_targets

# What 1 of the network's output is: "scaled" by the targets' shift and scale; older versions do not say it.
_TARGETS = Fields({"matrix_target": flag}, {"output": one_of("scaled")})


@savable
class DeepRectifierRegressor(RegressorMixin, DeepRectifierBase):
    """Deep sparse rectifier network for regression, with one output or several.

    Linear output and squared error; everything else as in `DeepRectifierClassifier`.

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
        Rate of every epoch. "constant": `learning_rate_init`. "adaptive", as in `MLPRegressor`: divided by 5
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
        Share of the rows.
    n_iter_no_change : int or None, default=10
        Stop after so many epochs without a better validation epoch; None never stops. The best epoch
        is kept either way.
    tol : float, default=1e-4
        By how much "adaptive" wants the validation loss to fall, or the training loss where there are no
        validation rows; of targets as trained on.
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
        None: TRUEZERO_NUM_THREADS, else OMP_NUM_THREADS, else all. The result does not depend on it.
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
        The trained network; it takes raw rows, and gives (y − shift) / scale, see `target_shift_`.
    target_shift_, target_scale_ : ndarray of shape (n_outputs,), float64
        The mean of the training targets, and the power of two nearest to their deviation.
    history_ : list of EpochRecord
        One record per epoch; its validation error is the mean squared error in y's own units.
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
    n_samples_ : (int, int)
        Rows trained on, and rows held out.
    interrupted_ : bool
        Ctrl-C ended the training.
    coefs_, intercepts_, loss_curve_, loss_, best_loss_, n_iter_, t_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn's `MLPRegressor`; losses are of the targets as trained on.
    validation_scores_, best_validation_score_
        R² on the validation rows, as there.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Notes
    -----
    A network learns targets from which the mean is taken and which are divided by a power of two near their
    deviation. Both are kept beside it in float64, so that what is told apart does not depend on how far
    from 0 the targets are. With `use_biases=False` no mean is taken.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from truezero import DeepRectifierRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> DeepRectifierRegressor(max_iter=5, random_state=0).fit(X, y).predict(X[:2]).shape
    (2,)
    """

    _targets_output: ClassVar[Output] = "linear"
    _error_unit: ClassVar[str] = "squared units of y"

    @classmethod
    def from_network(cls, network: Network, **parameters: Any) -> Self:
        """Make a fitted estimator of a network that was trained elsewhere.

        It can be saved, scored, put into a pipeline, and trained further: by `partial_fit`, or by `fit` with
        ``warm_start=True``, which learn the scales of input and targets first and leave what the model says
        as it is.

        Parameters
        ----------
        network : Network
            Copied. It gives y itself; targets are a matrix if it has several outputs.
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
            If the network has a softmax output, or a parameter is the network's own or unknown.
        DataError
            If a weight is NaN or infinite.
        """
        check_network(network)
        if network.output != cls._targets_output:
            raise OptionError(
                f"a {cls.__name__} has a linear output, this network a {network.output}: "
                "DeepRectifierClassifier.from_network takes it"
            )
        model = adopted(cls, network, parameters)
        n_outputs = network.layer_sizes[-1]
        model._matrix_target = n_outputs > 1
        model._target_scale = TargetScale(np.zeros(n_outputs), np.ones(n_outputs))
        return model

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on some rows; nothing is split off.

        Each call draws an order and noise of its own. The scales of input and targets are learned from the
        first thousand rows of a stream, and from later ones of what was 0 or constant until then, or has gone
        far away; what is predicted stays the same by it. Weights are relative to the mean of all
        rows so far. Pre-training learns, an epoch a call, from rows that come before the first labels; if
        those are in the first call, it is fitted on that call's rows.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Where no row has a label, or all weights are 0, the network is left as it is.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self

        Raises
        ------
        TruezeroError
            As `fit`; the estimator is left as it was.
        """
        return self._partial_fit(X, y, sample_weight, None)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predicted values.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_outputs) if fitted on a matrix
            float64, in y's own units.

        Raises
        ------
        DataError
            If rows have another number of features, or a value that is no finite number in the network's
            dtype.
        """
        check_is_fitted(self)
        return self._predicted(self._output(X))

    def _predicted(self, output: Array) -> NDArray[np.float64]:
        values = self._target_scale.decode(output)
        return values if self._matrix_target else values[:, 0]

    @property
    def target_shift_(self) -> NDArray[np.float64]:
        """What is added to the network's outputs times `target_scale_`, shape (n_outputs,)."""
        return self._target_scale.shift

    @property
    def target_scale_(self) -> NDArray[np.float64]:
        """What the network's outputs are multiplied by, powers of two, shape (n_outputs,)."""
        return self._target_scale.scale

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
        y = check_targets(y, numeric=True)
        return np.asarray(y if y.ndim == 2 else column_or_1d(y, warn=True), dtype=np.float64)

    def _learn_targets(self, given: Given) -> None:
        self._matrix_target = given.target.ndim == 2
        moments = TargetMoments.of(as_columns(given.target), given.weight)
        self._target_scale = TargetScale.learn(moments, centre=bool(self.use_biases))

    def _scale_targets(self, given: Given, network: Network) -> None:
        columns = as_columns(given.target, self._n_outputs())
        moments = TargetMoments.of(columns, given.weight)
        self._target_scale = TargetScale.learn(moments, centre=bool(self.use_biases))
        self._target_scale.scale_output(network)

    def _follow_targets(self, given: Given, network: Network) -> NDArray[np.float64] | None:
        columns = as_columns(given.target, self._n_outputs())
        self._target_scale = self._target_scale.go_on(
            columns, given.weight, network, centre=bool(self.use_biases)
        )
        return self._target_scale.row_weights(columns)

    def _n_outputs(self) -> int:
        return len(self._target_scale.scale)

    def _encode_targets(self, y: NDArray[Any]) -> NDArray[np.floating]:
        return self._target_scale.encode(as_columns(y, self._n_outputs()), self.dtype)

    def _error(self, output: Array, y: NDArray[Any]) -> float:
        return float(np.mean((self._target_scale.decode(output) - as_values(y, output.shape[1])) ** 2))

    def _output_values(self) -> tuple[float, ...]:
        return tuple(self._target_scale.scale.tolist())

    def _write_learned(self, record: dict[str, Any], writer: ValueWriter) -> None:
        super()._write_learned(record, writer)
        writer.tensors |= self._target_scale.to_tensors()
        record["fitted"] |= {"matrix_target": self._matrix_target, "output": "scaled"}

    def _read_learned(self, record: dict[str, Any], reader: ValueReader, path: Path) -> None:
        super()._read_learned(record, reader, path)
        _TARGETS.check("the record", record["fitted"])
        self._matrix_target = record["fitted"]["matrix_target"]
        self._target_scale = TargetScale.from_tensors(reader.tensors, self.n_outputs_)
        if self.n_outputs_ > 1 and not self._matrix_target:
            raise ModelFileError(f"{self.n_outputs_} outputs, and targets that are no matrix, disagree")
        if "output" not in record["fitted"]:  # networks of older versions gave y itself
            network = self.network_.copy()
            self._target_scale.scale_output(network)
            self.network_ = network.freeze()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
