"""What classifier and regressor share: options, input rows, the training itself, codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_is_fitted

from truezero.core.activations import Array
from truezero.core.constraints import Constraints, layerwise, number, truth_value, whole_number
from truezero.engines import Features, StepSettings, get_engine, resolve_threads
from truezero.errors import DataError
from truezero.estimators.bound import BoundModel
from truezero.estimators.codes import check_computed
from truezero.estimators.drafts import at_once
from truezero.estimators.parameters import LABEL, per_layer
from truezero.estimators.pretraining import PRETRAINING
from truezero.estimators.supervised import SupervisedMixin
from truezero.estimators.targets import as_target_array, as_weights, labeled_rows
from truezero.training import FineTuning


class DeepRectifierBase(SupervisedMixin):
    """Base of the estimators; not for direct use."""

    _parameter_constraints: ClassVar[Constraints] = {
        **SupervisedMixin._parameter_constraints,
        **FineTuning.constraints,
        "hidden_layer_sizes": layerwise(whole_number(1)),
        "early_stopping": truth_value,
        "validation_fraction": number(above=0, below=1),
        "pretraining": PRETRAINING,
        "prefit": truth_value,
        "unlabeled_label": LABEL,
        "warm_start": truth_value,
    }

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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.softplus_scale = softplus_scale
        self.sign_mask = sign_mask
        self.use_biases = use_biases
        self.l1_activation = l1_activation
        self.alpha = alpha
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_norm = max_norm
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.pretraining = pretraining
        self.prefit = prefit
        self.unlabeled_label = unlabeled_label
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.engine = engine
        self.n_threads = n_threads
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose
        self.code_layer = code_layer
        self.sparse_output = sparse_output

    # ---- fitting --------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_unlabeled: Any = None,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Train the network and keep its best validation epoch (section 4.1).

        A fit that fails or is interrupted before it has a network leaves the estimator as it was.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features), or Stream
            Sparse input stays sparse, and uint8 stays uint8. `Features` have a scale and an offset. A
            `truezero.training.Stream` of `Examples` gives rows that may be new in every epoch (see Notes).
        y : array-like of shape (n_samples,) or, for regression, (n_samples, n_outputs)
            Rows that are marked by `unlabeled_label` only pre-train. None where X is a stream, whose pieces
            have as targets what y would have.
        sample_weight : array-like of shape (n_samples,), optional
            Scaled to mean 1, with the class weights, over the training rows. Not for a stream.
        X_unlabeled : array-like, sparse matrix or Features, or a list of them, optional
            Rows (n_unlabeled, n_features) without labels for `pretraining`, which learns from X as well.
            Cross-validation splits whatever is as long as X: hand in a list, ``[U]``, there, which it
            leaves whole. Not for a stream.
        X_val, y_val : array-likes as X and y, optional
            Validation rows, of which those without a label are left out; otherwise `validation_fraction` of X
            is split off if `early_stopping`. A stream cannot be split.

        Returns
        -------
        self

        Raises
        ------
        TruezeroError
            A ValueError, if a parameter or the data cannot be used, or training diverges.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` epochs were over before `n_iter_no_change` of them had brought nothing, or on
            Ctrl-C.
        UserWarning
            If no validation rows can be split off.

        Notes
        -----
        Of a stream one piece at a time is in memory. The scales of input and targets are learned from the
        first piece of its first epoch; classes are those of this piece and of `y_val`, and a later row of
        another class is an error. Rows that are far out are weighed within their piece. One piece that is
        always the same, with ids from 0 on, trains to the same bits as its rows do as arrays. `pretraining`
        learns from the stream as well, and X_val measures it if its `validation_fraction` is above 0. A
        training can be resumed from a `Checkpoint`, whose fingerprint should be of what makes the rows.
        """
        with at_once(self) as draft:
            draft._fit(X, y, sample_weight, X_unlabeled, X_val, y_val)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Self:
        """Train one epoch on the rows; never splits off validation rows."""
        with at_once(self) as draft:
            draft._fit_further(X, y, sample_weight, classes)
        return self

    def _settings(self, epochs: int | None = None, epochs_before: int = 0) -> FineTuning:
        """Put the parameters together, each of which is checked."""
        n_hidden = len(self._hidden_sizes())
        per_layer("activation", self.activation, n_hidden)
        if n_hidden:
            self._check_code_layer(n_hidden)
        step = StepSettings(
            learning_rate=float(self.learning_rate_init),
            batch_size=int(self.batch_size),
            l1=tuple(map(float, per_layer("l1_activation", self.l1_activation, n_hidden))),
            dropout=float(self.dropout),
            input_dropout=float(self.input_dropout),
            max_norm=None if self.max_norm is None else float(self.max_norm),
            # scikit-learn divides its L2 term by the minibatch's number of rows.
            weight_decay=float(self.alpha) / int(self.batch_size),
        )
        return FineTuning(
            step,
            max_epochs=int(self.max_iter) if epochs is None else epochs,
            n_iter_no_change=None if self.n_iter_no_change is None else int(self.n_iter_no_change),
            shuffle=bool(self.shuffle),
            seed=self._seed(),
            epochs_before=epochs_before,
            schedule=str(self.learning_rate),
            tol=float(self.tol),
        )

    # ---- what a fitted estimator does -----------------------------------------------------------

    def measured_error(self, output: Array, y: Any) -> float | None:
        """Error of the network's output for rows with these targets; those without a label are left out.

        Parameters
        ----------
        output : ndarray of shape (n_samples, n_outputs)
            What `network_` gives.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            A column is the same as a vector.

        Returns
        -------
        float or None
            Fraction wrong; for regression, the mean squared error in y's own units. None if no row has a
            label.

        Raises
        ------
        DataError
            If the targets do not fit the output.
        """
        targets = as_target_array(y, len(output), type(self).__name__)
        labeled = labeled_rows(targets, self.unlabeled_label)
        if labeled is not None:
            output, targets = output[labeled], targets[labeled]
        return self._error(output, targets) if len(targets) else None

    def _labeled_only(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Leave out rows that have no label; for scoring.

        Raises
        ------
        DataError
            If none has.
        """
        if self.unlabeled_label is None:
            return X, y, sample_weight
        n = X.n_samples if isinstance(X, Features) else _num_samples(X)
        y = as_target_array(y, n, type(self).__name__)
        sample_weight = as_weights(sample_weight, n)
        labeled = labeled_rows(y, self.unlabeled_label)
        if labeled is not None:
            rows = np.flatnonzero(labeled)
            if not len(rows):
                raise DataError("no row has a label, so there is no score")
            X = X.take(rows) if isinstance(X, Features) else _safe_indexing(X, rows)
            y = y[rows]
            sample_weight = None if sample_weight is None else sample_weight[rows]
        return X, y, sample_weight

    def _output(self, X: Any) -> Array:
        check_is_fitted(self)
        features = self._features(X)
        engine = get_engine(self.engine, self.network_)
        output = engine.forward(self.network_, features, n_threads=resolve_threads(self.n_threads))
        check_computed(output)
        return output

    def predictor(
        self, n_threads: int | None = 1, *, weights: Literal["bfloat16"] | None = None
    ) -> BoundModel:
        """Bind the model, as it is fitted now, for many small predictions.

        Parameters
        ----------
        n_threads : int or None, default=1
            Of a call; None as for `predict`.
        weights : "bfloat16", optional
            Round the weights, and read half the memory; answers are no longer quite the model's. See
            `Network.predictor`.

        Returns
        -------
        BoundModel
            With `predict`, and with `predict_proba` where there are classes, for dense rows of the network's
            dtype; any number of threads may call them.

        Raises
        ------
        OptionError
            If `weights` is something else, or the network is not in float32.
        DataError
            If a weight is not finite, or too large for bfloat16.
        """
        check_is_fitted(self)
        return BoundModel(self, self.network_.predictor(n_threads, weights=weights))

    def fit_transform(self, X: Any, y: Any, **fit_params: Any) -> Any:
        """Fit, then `transform` the same rows.

        Parameters
        ----------
        X, y, **fit_params
            See `fit`.

        Returns
        -------
        CSR or ndarray of shape (n_samples, n_units)
            See `transform`.
        """
        return self.fit(X, y, **fit_params).transform(X)
