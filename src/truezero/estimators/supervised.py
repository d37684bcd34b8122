"""How classifier and regressor learn: from what is given to a trained network."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from truezero.core.activations import Array
from truezero.core.constraints import whole_number
from truezero.core.initial import initialize
from truezero.core.network import Network, network_from_tensors, network_to_tensors
from truezero.core.schema import Fields, Items, anything, measured
from truezero.core.tensors import Path
from truezero.core.values import ValueReader, ValueWriter
from truezero.engines import Examples, Features, get_engine, resolve_threads
from truezero.errors import DataError, ModelFileError, OptionError
from truezero.estimators.given import Given, split, why_whole
from truezero.estimators.input_scale import InputScale
from truezero.estimators.mlp_attributes import MLPAttributes
from truezero.estimators.parameters import check_parameters, check_still_describes, per_layer
from truezero.estimators.pretraining import (
    pretrain_on_stream,
    pretrained_stack,
    unlabeled_rows,
)
from truezero.estimators.seen import SEEN, Seen
from truezero.estimators.streams import as_trained_on, given_piece, naming, refuse_with_stream
from truezero.estimators.targets import as_target_array, as_weights, labeled_rows
from truezero.training import EpochLines, FineTuning, Stream, TrainingState, fine_tune
from truezero.training.history import check_epochs

# What a record must have for `_read_learned`.
_LEARNED = Fields(
    {
        "network": anything,
        "fitted": Fields(
            {"history": anything, "epoch_selected": whole_number(0)},
            {
                "n_samples": Items(whole_number(0), 2, 2),
                "epochs_before": whole_number(0),
                "rows_trained_on": whole_number(0),
                "seen": SEEN,
                "validation_variance": measured | None,
            },
        ),
    }
)


class SupervisedMixin(MLPAttributes):
    """Trains the network of a classifier or regressor; not for direct use.

    `_fit` and `_fit_further` change the estimator while they go on: they are for drafts of it (`at_once`).
    """

    sparsity_: list[float]
    t_: int = 0
    n_samples_: tuple[int, int]
    _input_scale: InputScale
    _epochs_before: int = 0
    _seen: Seen = Seen()
    activation: str | Sequence[str]
    softplus_scale: float
    sign_mask: str | None
    use_biases: bool
    early_stopping: bool
    validation_fraction: float
    pretraining: Any
    prefit: bool
    unlabeled_label: object
    warm_start: bool
    callbacks: Sequence[Any] | None
    verbose: bool

    # ---- what classifier and regressor do differently -------------------------------------------

    @abstractmethod
    def _settings(self, epochs: int | None = None, epochs_before: int = 0) -> FineTuning:
        """Put the parameters together, each of which is checked; `epochs` instead of `max_iter`."""

    @abstractmethod
    def _check_target(self, y: NDArray[Any]) -> NDArray[Any]:
        """Targets of labelled rows, checked; (n_samples,), or (n_samples, n_outputs) for regression."""

    @abstractmethod
    def _learn_targets(self, given: Given) -> None:
        """Learn all there is to know of the targets: the classes, or their shift and scale."""

    def _scale_targets(self, given: Given, network: Network) -> None:
        """Learn the scale of the targets of a network from elsewhere, and let it follow."""

    def _learn_classes(self, classes: Any) -> None:
        """Learn the classes of a stream, or check that they are the same."""

    def _add_classes(self, y: NDArray[Any]) -> None:
        """Learn the classes that validation rows have besides."""

    def _follow_targets(self, given: Given, network: Network) -> NDArray[np.float64] | None:
        """Let what is known of targets, and the network, follow a stream's; weights of rows far out."""
        return None

    @abstractmethod
    def _encode_targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Targets as the engines take them."""

    @abstractmethod
    def _n_outputs(self) -> int: ...

    @abstractmethod
    def _error(self, output: Array, y: NDArray[Any]) -> float:
        """Error of the network's output for labelled rows; see `measured_error`."""

    def _strata(self, y: NDArray[Any]) -> NDArray[np.int64] | None:
        """Class of each row to split by, or None."""
        return None

    def _output_values(self) -> tuple[float, ...] | None:
        """What each output stands for in y's units, see `FineTuning`; None of classes."""
        return None

    def _weigh_classes(self, y: NDArray[Any]) -> NDArray[np.float64] | None:
        """Weight of each row by its class, of which note is taken; None if all count the same."""
        return None

    # ---- fitting --------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any, X_unlabeled: Any, X_val: Any, y_val: Any) -> None:
        check_parameters(self)
        if (X_val is None) != (y_val is None):
            raise OptionError("X_val and y_val must be given together")
        fresh = not (self.warm_start and hasattr(self, "network_"))
        settings = self._settings(epochs_before=0 if fresh else self._epochs_before)
        stream = X if isinstance(X, Stream) else None
        if stream is not None:
            refuse_with_stream(self, y, X_val, sample_weight=sample_weight, X_unlabeled=X_unlabeled)
            piece = stream.first_piece()
            with naming(piece):
                given, unlabeled = given_piece(self, piece, reset=fresh)
        else:
            given, unlabeled = self._given(X, y, sample_weight, reset=fresh)
        all_rows = [*unlabeled_rows(self, X_unlabeled), *unlabeled]
        if not given.rows.n_samples:
            where = "y" if stream is None else "the stream's first piece"
            raise DataError(
                f"no row has a label: all of {where} is unlabeled_label={self.unlabeled_label!r}; fit a "
                "StackedDenoisingAutoencoder to learn from unlabelled rows alone"
            )
        if stream is not None and fresh and self._targets_output == "linear" and given.rows.n_samples < 2:
            raise DataError(
                "one row of the stream's first piece has a target, and the targets' scale comes from it: "
                "make it larger"
            )
        if fresh:
            self._learn_targets(given)
        elif X_unlabeled is not None:
            raise OptionError("pre-training is over when warm_start goes on; leave X_unlabeled out")
        all_rows = [given.rows, *all_rows]
        held_out: Given | None = None
        if X_val is not None:
            held_out, _ = self._given(X_val, y_val, None, reset=False)
            if not held_out.rows.n_samples:
                raise DataError("no validation row has a label; give some that have, or leave X_val out")
            if fresh and stream is not None:
                self._add_classes(held_out.target)
        elif self.early_stopping:
            given, held_out = self._split(given, settings.seed)
        self._seen = Seen()
        if fresh:
            self._epochs_before = 0
            for of_before in ("pretraining_", "_data_form"):
                self.__dict__.pop(of_before, None)
            rows = all_rows if stream is None else stream
            network = self._begin(given.rows, rows, settings.seed, held_out)
        else:
            network = self._going_on(given)
        state = self._train(network, given, held_out, settings, stream)
        if state is None:
            raise DataError("Sample weights must contain at least one non-zero number, and class weights too")
        n = given.rows.n_samples if stream is None else state.history[-1]["n_rows"]
        self.n_samples_ = (n, 0 if held_out is None else held_out.rows.n_samples)
        self._keep(state, further=False)
        self._warn_of(state, settings, held_out is not None)

    def _fit_further(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> None:
        check_parameters(self)
        first, fresh = not hasattr(self, "n_features_in_"), not hasattr(self, "network_")
        settings = self._settings(epochs=1, epochs_before=self._epochs_before)
        given, unlabeled = self._given(X, y, sample_weight, reset=first)
        self._learn_classes(classes)
        n = given.rows.n_samples
        if unlabeled and self.pretraining is not None and (not fresh or self.prefit):
            warnings.warn(
                f"{unlabeled[0].n_samples} rows have no label and are left out: pre-training is over when "
                "the first labels come",
                UserWarning,
                stacklevel=4,
            )
        if not n or (given.weight is not None and not given.weight.any()):
            if fresh and self.pretraining is not None:
                pretrain_on_stream(self, [given.rows, *unlabeled] if n else unlabeled, settings.seed)
            return
        if fresh:
            if not hasattr(self, "classes_"):
                self._learn_targets(given)
            network = self._begin(given.rows, [given.rows, *unlabeled], settings.seed)
        else:
            network = self._going_on(given)
            if self.history_:
                self._input_scale = self._input_scale.go_on(given.rows, network)
                given = given.weighted(self._follow_targets(given, network))
        state = self._train(network, given, None, settings)
        if state is None:  # of nothing but weights of 0 nothing is learned
            return
        self.n_samples_ = (n, 0)
        self._keep(state, further=not fresh)

    def _given(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, ids: NDArray[np.int64] | None = None
    ) -> tuple[Given, list[Features]]:
        """Rows that have a label, with what belongs to them, and those that have none, if there are any."""
        rows = self._features(X, reset=reset)
        targets = as_target_array(y, rows.n_samples, type(self).__name__)
        weight = as_weights(sample_weight, rows.n_samples)
        labeled = labeled_rows(targets, self.unlabeled_label)
        if labeled is None:
            return Given(rows, self._check_target(targets), weight, ids), []
        with_label = Given(rows, targets, weight, ids).take(labeled)
        if with_label.rows.n_samples:
            with_label = replace(with_label, target=self._check_target(with_label.target))
        return with_label, [rows.take(~labeled)]

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
            stacklevel=4,
        )
        return given, None

    def _begin(self, rows: Features, all_rows: Any, seed: int, held_out: Given | None = None) -> Network:
        """Make the network that training starts from, and learn the scale of its input; pre-train it."""
        self._input_scale = InputScale.learn(rows)
        sizes = self._hidden_sizes()
        network = initialize(
            (rows.n_features, *sizes, self._n_outputs()),
            per_layer("activation", self.activation, len(sizes)),
            sign_mask=self.sign_mask,  # type: ignore[arg-type] # checked there
            softplus_scale=self.softplus_scale,
            use_biases=bool(self.use_biases),
            output=self._targets_output,
            dtype=self.dtype,
            seed=seed,
        )
        if self.pretraining is not None:
            if hasattr(self, "pretraining_"):  # by `partial_fit` until now
                pretrain_on_stream(self, all_rows, seed)
            else:
                measured = None if held_out is None else held_out.rows
                self.pretraining_ = pretrained_stack(self, all_rows, seed, measured)
            self.pretraining_.stack_.hand_over(network)
            self._input_scale.take_out_of(network)
        else:
            self._input_scale.begin(network)
        return network

    def _going_on(self, given: Given) -> Network:
        """Copy of the fitted network as it is trained, on divided input; one from elsewhere gets scales."""
        network = self.network_.copy()
        check_still_describes(self, network)
        if not self.history_:
            self._input_scale = InputScale.learn(given.rows)
            self._scale_targets(given, network)
        self._input_scale.take_out_of(network)
        return network

    def _train(
        self,
        network: Network,
        given: Given,
        held_out: Given | None,
        settings: FineTuning,
        stream: Stream[Any] | None = None,
    ) -> TrainingState | None:
        """Train a network, which is changed, on rows, or on a stream; None where all weights are 0."""
        weight = self._combined_weight(given)  # of a stream the first piece stands for what was seen
        if weight is not None and not weight.any():
            return None
        train = self._examples(given, weight) if stream is None else as_trained_on(self, stream)
        validation = None if held_out is None else self._examples(held_out, held_out.weight)
        self._validation_variance = None
        if held_out is not None and self._error_unit != "fraction":
            self._validation_variance = held_out.variance()
        engine = get_engine(self.engine, network)
        callbacks = [*(self.callbacks or ()), *([EpochLines()] if self.verbose else [])]
        state = fine_tune(
            network, train, validation, replace(settings, output_values=self._output_values()),
            engine=engine, n_threads=resolve_threads(self.n_threads), callbacks=callbacks, in_place=True,
            sparsity=self.sparsity_ if self._epochs_before else (),
        )  # fmt: skip
        last = state.history[-1]
        self.engine_ = {"name": engine.name, "products": last.get("products", []), "blas": last.get("blas")}
        return state

    def _warn_of(self, state: TrainingState, settings: FineTuning, held_out: bool) -> None:
        """Say that training ended before its time, if it did."""
        n, patience = len(state.history), settings.n_iter_no_change
        if state.interrupted:
            message = f"training was interrupted after epoch {n}; the best epoch so far is kept"
        elif (
            held_out
            and patience is not None
            and not state.ended
            and settings.schedule != "linear"  # as many are meant
            and n >= settings.max_epochs
            and n - state.epoch_selected < patience
        ):
            message = (
                f"max_iter={settings.max_epochs} epochs are over, and epoch {state.epoch_selected} was the "
                "best: training may not have converged; raise max_iter, or set n_iter_no_change=None if so "
                "many are meant"
            )
        else:
            return
        warnings.warn(message, ConvergenceWarning, stacklevel=4)

    def _keep(self, state: TrainingState, further: bool) -> None:
        """Set the fitted attributes."""
        network = state.best_network
        self._input_scale.fold_into(network)
        self.network_ = network.freeze()
        before = list(self.history_) if further else []
        self.epoch_selected_ = len(before) + state.epoch_selected
        self.history_ = before + state.history
        for epoch, record in enumerate(self.history_, start=1):
            record["epoch"] = epoch
        self.t_ = self.t_ if self._epochs_before else 0
        self.t_ += sum(record.get("n_rows", self.n_samples_[0]) for record in state.history)
        self._epochs_before += len(state.history)
        self.sparsity_ = self.history_[self.epoch_selected_ - 1]["sparsity"]
        self.interrupted_ = state.interrupted

    def _combined_weight(self, given: Given) -> NDArray[np.float64] | None:
        """Class weight × sample weight, scaled to mean 1 over the rows seen so far."""
        by_row = self._input_scale.row_weights(given.rows, np.dtype(self.dtype))
        parts = [given.weight, by_row, self._weigh_classes(given.target)]
        found = [np.asarray(part, dtype=np.float64) for part in parts if part is not None]
        weight = np.asarray(np.prod(np.stack(found), axis=0)) if found else None
        self._seen, scaled = self._seen.weigh(weight, given.rows.n_samples)
        return scaled

    def _examples(self, given: Given, weight: NDArray[np.float64] | None) -> Examples:
        n = given.rows.n_samples
        ids = np.arange(n, dtype=np.int64) if given.ids is None else given.ids
        return Examples(self._input_scale.apply(given.rows), self._encode_targets(given.target), weight, ids)

    def _write_learned(self, record: dict[str, Any], writer: ValueWriter) -> None:
        arrays, record["network"] = network_to_tensors(self.network_)
        writer.tensors |= arrays
        record["fitted"] |= {
            "epoch_selected": self.epoch_selected_,
            "epochs_before": self._epochs_before,
            "rows_trained_on": self.t_,
            "n_samples": list(self.n_samples_),
            "seen": self._seen.to_json(),
            "validation_variance": self._validation_variance,
        }

    def _read_learned(self, record: dict[str, Any], reader: ValueReader, path: Path) -> None:
        _LEARNED.check("the record", record)
        fitted = record["fitted"]
        self.network_ = network_from_tensors(reader.tensors, record["network"], "", path).freeze()
        if self.network_.output != self._targets_output:
            raise ModelFileError(f"a {type(self).__name__} has no {self.network_.output} output")
        check_epochs(fitted["history"], self.network_.n_hidden, fewest=0)  # from elsewhere it has none
        self.history_ = fitted["history"]
        self.epoch_selected_ = fitted["epoch_selected"]
        selected, n_epochs = self.epoch_selected_, len(self.history_)
        if not min(n_epochs, 1) <= selected <= n_epochs:
            raise ModelFileError(f"epoch {selected} is selected, of {n_epochs} in the history")
        self.sparsity_ = list(self.history_[selected - 1]["sparsity"]) if n_epochs else []
        # Files of older versions have none of these.
        if "n_samples" in fitted:
            self.n_samples_ = (fitted["n_samples"][0], fitted["n_samples"][1])
        self._epochs_before = fitted.get("epochs_before", len(self.history_))
        self.t_ = fitted.get("rows_trained_on", 0)
        self._validation_variance = fitted.get("validation_variance")
        if "seen" in fitted:
            self._seen = Seen.from_json(fitted["seen"])
