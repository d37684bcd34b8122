"""What classifier and regressor share: options, input rows, the training itself, codes."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight, _check_y, check_is_fitted, validate_data

from truezero.core.activations import Array
from truezero.core.constraints import Constraints, layerwise, number, truth_value, whole_number
from truezero.core.network import Network, initialize, network_from_tensors, network_to_tensors
from truezero.core.schema import Fields, Items, anything
from truezero.core.sparse_structure import checked_rows
from truezero.core.tensors import Path
from truezero.core.values import ValueReader, ValueWriter
from truezero.engines import Engine, Examples, Features, StepSettings, get_engine, resolve_threads
from truezero.errors import DataError, ModelFileError, OptionError
from truezero.estimators.codes import DTYPES, CodesMixin
from truezero.estimators.given import Given, split, why_whole
from truezero.estimators.input_scale import InputScale
from truezero.estimators.parameters import LABEL, check_parameters, per_layer
from truezero.estimators.pretraining import PRETRAINING, pretrained_stack, unlabeled_rows
from truezero.training import EpochRecord, FineTuning, ProgressBar, TrainingState, fine_tune
from truezero.training.history import check_epochs

# What a record must have for `_read_learned`.
_LEARNED = Fields(
    {
        "network": anything,
        "fitted": Fields(
            {"history": anything, "epoch_selected": whole_number(1)},
            {"n_samples": Items(whole_number(0), 2, 2)},
        ),
    }
)


class DeepRectifierBase(CodesMixin, ABC):
    """Base of the estimators; not for direct use."""

    history_: list[EpochRecord]
    sparsity_: list[float]
    _input_scale: InputScale
    _targets_output: ClassVar[str]
    _parameter_constraints: ClassVar[Constraints] = {
        **CodesMixin._parameter_constraints,
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
        learning_rate_init: float = 0.05,
        batch_size: int = 10,
        max_iter: int = 100,
        shuffle: bool = True,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = 10,
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
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
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

    # ---- what classifier and regressor do differently -------------------------------------------

    @abstractmethod
    def _start_targets(self, y: NDArray[Any], weight: NDArray[np.float64] | None, classes: Any) -> None:
        """Learn what the targets are: classes, or their shift and scale."""

    @abstractmethod
    def _encode_targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Targets as the engines take them."""

    @abstractmethod
    def _n_outputs(self) -> int: ...

    @abstractmethod
    def _strata(self, y: NDArray[Any]) -> NDArray[np.int64] | None:
        """Class of each row to split by, or None."""

    def _class_weights(self, y: NDArray[Any]) -> NDArray[np.float64] | None:
        return None

    def _scale_output(self, network: Network, inverse: bool) -> None:
        """Fold the targets' scale into the output layer, or take it out again."""

    # ---- fitting --------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_unlabeled: Any = None,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Train the network and keep its best validation epoch (section 4.1).

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
            Sparse input stays sparse, and uint8 stays uint8. `Features` have a scale and an offset.
        y : array-like of shape (n_samples,) or, for regression, (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Scaled to mean 1, with the class weights, over the training rows.
        X_unlabeled : array-like, sparse matrix or Features, or a list of them, optional
            Rows (n_unlabeled, n_features) without labels for `pretraining`, which learns from X as well.
            Cross-validation splits whatever is as long as X: hand in a list, ``[U]``, there, which it
            leaves whole.
        X_val, y_val : as X and y, optional
            Validation rows; otherwise `validation_fraction` of X is split off if `early_stopping`.

        Returns
        -------
        self

        Raises
        ------
        TruezeroError
            A ValueError, if a parameter or the data cannot be used, or training diverges.
        """
        check_parameters(self)
        if (X_val is None) != (y_val is None):
            raise OptionError("X_val and y_val must be given together")
        fresh = not (self.warm_start and hasattr(self, "network_"))
        settings = self._settings()
        given = self._check_rows(X, y, sample_weight, reset=fresh)
        further_rows = unlabeled_rows(self, X_unlabeled)
        labeled = self._labeled(given.target)
        if labeled is not None:
            further_rows.append(given.rows.take(~labeled))
            given = given.take(labeled)
        if fresh:
            self._start_targets(given.target, given.weight, None)
        elif X_unlabeled is not None:
            raise OptionError("pre-training is over when warm_start goes on; leave X_unlabeled out")
        further_rows = [given.rows, *further_rows]
        held_out: Given | None = None
        if X_val is not None:
            held_out = self._check_rows(X_val, y_val, None, reset=False)
        elif self.early_stopping:
            given, held_out = self._split(given, settings.seed)
        self._train(given, held_out, settings, fresh, all_rows=further_rows)
        return self

    def _labeled(self, y: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Which rows have a label; None where all have.

        Raises
        ------
        DataError
            If none has.
        """
        if self.unlabeled_label is None:
            return None
        labeled: NDArray[np.bool_] = (y != self.unlabeled_label).reshape(len(y), -1).all(axis=1)
        if not labeled.any():
            raise DataError(
                f"no row has a label: all of y is unlabeled_label={self.unlabeled_label!r}; fit a "
                "StackedDenoisingAutoencoder to learn from unlabelled rows alone"
            )
        return None if labeled.all() else labeled

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Self:
        """Train one epoch on the rows; never splits off validation rows."""
        check_parameters(self)
        fresh = not hasattr(self, "network_")
        settings = self._settings(epochs=1)
        given = self._check_rows(X, y, sample_weight, reset=fresh)
        labeled, all_rows = self._labeled(given.target), [given.rows]
        if labeled is not None:
            all_rows = [given.rows.take(labeled), given.rows.take(~labeled)]
            given = given.take(labeled)
        if fresh:
            self._start_targets(given.target, given.weight, classes)
        self._train(given, None, settings, fresh, all_rows=all_rows, further=True)
        return self

    def _settings(self, epochs: int | None = None) -> FineTuning:
        """Put the parameters together, each of which is checked."""
        n_hidden = len(self._hidden_sizes())
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
        )

    def _check_rows(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Given:
        """Rows, raw targets and weights as scikit-learn checks them."""
        X = checked_rows(X)
        numeric = self._targets_output == "linear"
        if isinstance(X, Features):
            if y is None:
                raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None")
            rows, y = self._features(X, reset=reset), _check_y(y, multi_output=True, y_numeric=numeric)
            if len(y) != rows.n_samples:
                raise DataError(f"X has {rows.n_samples} rows, y {len(y)}")
        else:
            X, y = validate_data(
                self, X, y, reset=reset, accept_sparse="csr", dtype=DTYPES, multi_output=True,
                y_numeric=numeric,
            )  # fmt: skip
            rows = Features(X)
        weight = (
            None if sample_weight is None else _check_sample_weight(sample_weight, rows.X, dtype=np.float64)
        )
        return Given(rows, self._check_target(y), weight)

    @abstractmethod
    def _check_target(self, y: NDArray[Any]) -> NDArray[Any]: ...

    def _split(self, given: Given, seed: int) -> tuple[Given, Given | None]:
        """Split validation rows off, where they can be had."""
        strata = self._strata(given.target)
        reason = why_whole(given, strata)
        if reason is None:
            return split(given, strata, float(self.validation_fraction), seed)
        warnings.warn(
            f"{reason}: training without validation rows, so all max_iter epochs run and the last is "
            f"kept; give X_val and y_val, or set early_stopping=False",
            UserWarning,
            stacklevel=3,
        )
        return given, None

    def _train(
        self,
        given: Given,
        held_out: Given | None,
        settings: FineTuning,
        fresh: bool,
        *,
        all_rows: list[Features],
        further: bool = False,
    ) -> None:
        if fresh:
            self._input_scale = InputScale.learn(given.rows)
            sizes = self._hidden_sizes()
            network = initialize(
                (given.rows.n_features, *sizes, self._n_outputs()),
                per_layer("activation", self.activation, len(sizes)),
                sign_mask=self.sign_mask,  # type: ignore[arg-type] # checked there
                softplus_scale=self.softplus_scale,
                use_biases=bool(self.use_biases),
                output=self._targets_output,  # type: ignore[arg-type]
                dtype=self.dtype,
                seed=settings.seed,
            )
            self.__dict__.pop("pretraining_", None)
            if self.pretraining is not None:
                self.pretraining_ = pretrained_stack(self, all_rows, settings.seed)
                self.pretraining_.stack_.hand_over(network)
                self._input_scale.take_out_of(network)
            else:
                self._input_scale.begin(network)
            self._epochs_before = 0
        else:
            network = self.network_.copy()
            self._check_hidden_sizes(network)
            self._input_scale.take_out_of(network)
            self._scale_output(network, inverse=True)
        engine = get_engine(self.engine, network)
        given = given.weighted(self._input_scale.row_weights(given.rows))
        train = self._examples(given, self._combined_weight(given))
        validation = None if held_out is None else self._examples(held_out, held_out.weight)
        self.n_samples_ = (given.rows.n_samples, 0 if held_out is None else held_out.rows.n_samples)
        callbacks = list(self.callbacks or ())
        bar = ProgressBar(settings.max_epochs) if self.verbose else None
        if bar is not None:
            callbacks.append(bar)
        if further:
            # A new order and new noise in every call, though each is an "epoch 1" to the trainer.
            train = Examples(train.features, train.target, train.weight, train.ids + self._epochs_before)
        try:
            state = fine_tune(
                network, train, validation, settings,
                engine=engine, n_threads=resolve_threads(self.n_threads), callbacks=callbacks,
            )  # fmt: skip
        finally:
            if bar is not None:
                bar.close()
        if state.interrupted:
            warnings.warn(
                f"training was interrupted after epoch {len(state.history)}; the best epoch so far is kept",
                ConvergenceWarning,
                stacklevel=3,
            )
        self._keep(state, engine, further and not fresh)

    def _check_hidden_sizes(self, network: Network) -> None:
        """Refuse to go on with a network of other hidden layers than asked for."""
        has, asked = network.layer_sizes[1:-1], self._hidden_sizes()
        if has != asked:
            raise OptionError(
                f"training would go on with hidden layers of {has}, but hidden_layer_sizes is {asked}: "
                "set it back, or fit with warm_start=False to start anew"
            )

    def _keep(self, state: TrainingState, engine: Engine, further: bool) -> None:
        """Set the fitted attributes."""
        network = state.best_network
        self._input_scale.fold_into(network)
        self._scale_output(network, inverse=False)
        self.network_ = network.freeze()
        before = list(self.history_) if further else []
        self.epoch_selected_ = len(before) + state.epoch_selected
        self.history_ = before + state.history
        for epoch, record in enumerate(self.history_, start=1):
            record["epoch"] = epoch
        self._epochs_before = len(self.history_)
        self.sparsity_ = self.history_[self.epoch_selected_ - 1]["sparsity"]
        last = state.history[-1]
        self.engine_ = {
            "name": engine.name,
            "products": last.get("products", []),
            "blas": last.get("blas"),
        }
        self.interrupted_ = state.interrupted
        self.n_outputs_ = network.layer_sizes[-1]
        self.n_layers_ = len(network.layer_sizes)

    def _combined_weight(self, given: Given) -> NDArray[np.float64] | None:
        """Class weight × sample weight, scaled to mean 1 over the training rows."""
        parts = [part for part in (given.weight, self._class_weights(given.target)) if part is not None]
        if not parts:
            return None
        combined = np.prod(np.stack([np.asarray(part, dtype=np.float64) for part in parts]), axis=0)
        if combined.min() < 0 or combined.sum() == 0:
            raise DataError("sample weights must be at least 0, and not all of the training rows' 0")
        return np.asarray(combined / combined.mean())

    def _examples(self, given: Given, weight: NDArray[np.float64] | None) -> Examples:
        ids = np.arange(given.rows.n_samples, dtype=np.int64)
        return Examples(self._input_scale.apply(given.rows), self._encode_targets(given.target), weight, ids)

    def _write_learned(self, record: dict[str, Any], writer: ValueWriter) -> None:
        arrays, record["network"] = network_to_tensors(self.network_)
        writer.tensors |= arrays
        record["fitted"] |= {"epoch_selected": self.epoch_selected_, "n_samples": list(self.n_samples_)}

    def _read_learned(self, record: dict[str, Any], reader: ValueReader, path: Path) -> None:
        _LEARNED.check("the record", record)
        fitted = record["fitted"]
        self.network_ = network_from_tensors(reader.tensors, record["network"], "", path).freeze()
        if self.network_.output != self._targets_output:
            raise ModelFileError(f"a {type(self).__name__} has no {self.network_.output} output")
        check_epochs(fitted["history"], self.network_.n_hidden)
        self.history_ = fitted["history"]
        self.epoch_selected_ = fitted["epoch_selected"]
        if self.epoch_selected_ > len(self.history_):
            raise ModelFileError(
                f"epoch {self.epoch_selected_} is selected, of {len(self.history_)} in the history"
            )
        if "n_samples" in fitted:  # not in files of older versions
            self.n_samples_ = (fitted["n_samples"][0], fitted["n_samples"][1])
        self.sparsity_ = list(self.history_[self.epoch_selected_ - 1]["sparsity"])
        self._epochs_before = len(self.history_)
        self.n_outputs_ = self.network_.layer_sizes[-1]
        self.n_layers_ = len(self.network_.layer_sizes)

    # ---- what a fitted estimator does -----------------------------------------------------------

    def _labeled_only(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Leave out rows that have no label; for scoring."""
        labeled = None if self.unlabeled_label is None else self._labeled(np.asarray(y))
        if labeled is not None:
            rows = np.flatnonzero(labeled)
            X = X.take(rows) if isinstance(X, Features) else _safe_indexing(X, rows)
            y = np.asarray(y)[rows]
            sample_weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        return X, y, sample_weight

    def _output(self, X: Any) -> Array:
        check_is_fitted(self)
        features = self._features(X)
        engine = get_engine(self.engine, self.network_)
        return engine.forward(self.network_, features, n_threads=resolve_threads(self.n_threads))

    def fit_transform(self, X: Any, y: Any, **fit_params: Any) -> Any:
        """Fit, then `transform` the same rows; see there."""
        return self.fit(X, y, **fit_params).transform(X)

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
    def loss_curve_(self) -> list[float]:
        """Training loss per epoch, without the penalty."""
        return [record["loss"] for record in self.history_]

    @property
    def n_iter_(self) -> int:
        """Epochs run."""
        return len(self.history_)
