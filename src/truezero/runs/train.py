"""A training outside a store: data in, a model's file out."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from truezero.analysis import error_unit, measure, sparsity_of_layers
from truezero.core.atomic import check_not_input, check_writable, is_written_through
from truezero.core.locks import locked
from truezero.datasets import Dataset, are_texts, column_names, load_dataset, load_texts
from truezero.datasets.formats.tables import listed
from truezero.errors import DataError, OptionError
from truezero.estimators import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    RatingPredictor,
    StackedDenoisingAutoencoder,
)
from truezero.models import estimator_of, save
from truezero.runs.rows import training_rows
from truezero.runs.texts import Busy, estimator_kind, fit_texts
from truezero.training import Checkpoint, ProgressBar, log_to


def train_to_file(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    regression: bool = False,
    ratings: bool | None = None,
    pretrain: str | None = None,
    unlabeled: str | os.PathLike[str] | None = None,
    resume: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    pretraining_parameters: Mapping[str, Any] | None = None,
    verbose: bool = False,
    log: str | os.PathLike[str] | None = None,
    n_features: int | None = None,
    zero_based: bool | Literal["auto"] = "auto",
    target: str | os.PathLike[str] | None = None,
    text: str | None = None,
    encoding: str | None = None,
    words: Mapping[str, Any] | None = None,
    busy: Busy = contextlib.nullcontext,
    note: Callable[[str], Any] = lambda note: None,
) -> tuple[Any, dict[str, Any]]:
    """Train a network, and save it: what `truezero train` does, whose options messages name.

    While it trains, all that a killed training needs to go on from its last epoch lies beside `out`; see
    `unfinished_files`; not beside a device or a pipe. A second training to the same file is refused then.

    Parameters
    ----------
    data : str or path-like
        A data set's name or a file: its training rows are trained on, its validation rows select, its
        test rows are measured. A table (CSV, JSON lines, Parquet) needs `target`: its columns of numbers are
        the features, unless `text` names one of raw text.
    out : str or path-like
        File for the model, safetensors.
    regression : bool, default=False
        Predict numbers, not classes.
    ratings : bool or None, default=None
        Predict the expected one of a few ordered numbers (`RatingPredictor`), not classes. None: where texts
        have three different numbers or more as targets.
    pretrain : str, optional
        Pre-train the hidden layers (section 3.2) with this reconstruction; "auto" chooses one.
    unlabeled : str or path-like, optional
        A data set or file whose training rows are pre-trained on as well; of a table the columns of the
        features, or of the text, are enough.
    resume : bool, default=False
        Go on where a killed training of the same kind stopped.
    data_dir : path-like, optional
        Folder of the named data sets.
    parameters : mapping, optional
        Of the estimator; `random_state` is 0 if it is not among them.
    pretraining_parameters : mapping, optional
        Of the `StackedDenoisingAutoencoder`, without `reconstruction`.
    verbose : bool, default=False
        Show a live line on a terminal, or print a line per epoch where there is none.
    log : path-like, optional
        A CSV file, or a folder for TensorBoard, that keeps the figures of every epoch; see `log_to`.
    n_features, zero_based, target, encoding
        How the data are read; see `load_dataset`.
    text : str, optional
        Column of a table that holds raw text; see `load_texts`. The model takes raw text then, as it does if
        `data` are texts by their name or kind.
    words : mapping, optional
        Parameters of the `BagOfWords`, for text.
    busy : callable
        See `Busy`.
    note : callable
        Called with what is tried, in words, where settings are chosen: of text, if neither rate, epochs nor
        pre-training are given. `choose_settings` says how.

    Returns
    -------
    model : DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor, or Pipeline that ends in one
        As it was saved. Ctrl-C ends fine-tuning early: `interrupted_` is True then, and the files for a
        resume stay.
    result : dict
        As JSON holds it: errors and sparsity as fractions, sizes, epochs, seconds, engine; "tried", the
        settings that were, with their errors.

    Raises
    ------
    TruezeroError
        If the options, the data or the files cannot be used, or training diverges.
    KeyboardInterrupt
        On Ctrl-C before there is a model, during pre-training say.
    """
    asked = _Asked(
        data, out, regression, ratings, pretrain, unlabeled, data_dir, dict(parameters or {}),
        dict(pretraining_parameters or {}), dict(words or {}), verbose, log, n_features, zero_based, target,
        text, encoding, busy, note,
    )  # fmt: skip
    check_writable(out)
    check_not_input(out, data, unlabeled, target)
    if log is not None:
        if os.path.realpath(log) == os.path.realpath(out):
            raise OptionError(f"{os.fspath(out)} is to be the model: give another name for the log")
        check_not_input(log, data, unlabeled, target)
        log_to(log).check()
    with _writing_alone(out) if _goes_on(out) else contextlib.nullcontext():
        for path in unfinished_files(out):
            if not resume:
                raise OptionError(
                    f"{path} is left from a training that did not finish: use --resume, or remove it"
                )
        return _train_to_file(asked)


@dataclass(frozen=True)
class _Asked:
    """What `train_to_file` was asked for, by the names it has there."""

    data: str | os.PathLike[str]
    out: str | os.PathLike[str]
    regression: bool
    ratings: bool | None
    pretrain: str | None
    unlabeled: str | os.PathLike[str] | None
    data_dir: str | os.PathLike[str] | None
    parameters: Mapping[str, Any]
    of_pretraining: Mapping[str, Any]
    words: Mapping[str, Any]
    verbose: bool
    log: str | os.PathLike[str] | None
    n_features: int | None
    zero_based: bool | Literal["auto"]
    target: str | os.PathLike[str] | None
    text: str | None
    encoding: str | None
    busy: Busy
    note: Callable[[str], Any]

    @property
    def settled(self) -> bool:
        """Whether it is said how to train, so that nothing is left to be chosen."""
        said = {"learning_rate_init", "max_iter"} & set(self.parameters)
        return bool(said) or self.regression or self.pretrain is not None or bool(self.of_pretraining)

    def network(self, fingerprint: str) -> dict[str, Any]:
        """Parameters of the network, with checkpoints of data that have a fingerprint."""
        checkpoint, of_stack = (
            [*self._reports(), *([Checkpoint(path, fingerprint)] if _goes_on(self.out) else [])]
            for path in _paths(self.out)
        )
        found = {"random_state": 0, **self.parameters, "callbacks": checkpoint}
        if self.pretrain is not None:
            found["pretraining"] = StackedDenoisingAutoencoder(
                reconstruction=self.pretrain, **self.of_pretraining, callbacks=of_stack
            )
        return found

    def _reports(self) -> list[Any]:
        """Callbacks that tell how it goes; each training has its own."""
        logs = [] if self.log is None else [log_to(self.log)]
        return [*logs, *([ProgressBar()] if self.verbose else [])]


def _train_to_file(asked: _Asked) -> tuple[Any, dict[str, Any]]:
    if asked.regression and "class_weight" in asked.parameters:
        raise OptionError("class_weight is for classification")
    of_texts = asked.text is not None or are_texts(asked.data)
    chosen = of_texts and not asked.settled
    if of_texts and asked.settled and asked.unlabeled is not None and asked.pretrain is None:
        asked = replace(asked, pretrain="auto")
    if asked.pretrain is None and (asked.of_pretraining or asked.unlabeled is not None) and not chosen:
        option = (
            "--unlabeled" if asked.unlabeled is not None else "--pretrain-" + next(iter(asked.of_pretraining))
        )
        raise OptionError(f"{option.replace('_', '-')} is for pre-training: add --pretrain auto")
    model, X_test, y_test, n_unlabeled, tried = (_of_texts if of_texts else _of_rows)(asked)
    save(model, asked.out)
    if not estimator_of(model).interrupted_:
        for path in unfinished_files(asked.out):
            path.unlink()
    result = _result(model, X_test, y_test, asked.out, n_unlabeled)
    return model, {**result, "tried": tried} if tried else result


_Trained = tuple[Any, Any, Any, int, list[dict[str, Any]]]
"""A model, rows and targets of the test, how many rows without labels there were, and what was tried."""


def _of_rows(asked: _Asked) -> _Trained:
    """Train on rows of numbers."""
    if asked.words:
        option = next(iter(asked.words)).replace("_", "-")
        raise OptionError(f"--{option} is for text: say with --text which column it is in")
    form: dict[str, Any] = {
        "n_features": asked.n_features,
        "zero_based": asked.zero_based,
        "encoding": asked.encoding,
    }
    with asked.busy(f"reading {asked.data}"):
        dataset = load_dataset(asked.data, data_dir=asked.data_dir, target=asked.target, **form)
        if dataset.y_train is None:
            raise _no_targets(asked)
        further = None if asked.unlabeled is None else _further_rows(asked, dataset)
    if further is not None and dataset.endless is not None:
        raise OptionError(f"--unlabeled is for rows that stay, and {asked.data} has new ones in every epoch")
    options = asked.network(dataset.fingerprint + ("" if further is None else further.fingerprint))
    kind = estimator_kind(dataset.y_train, regression=asked.regression, ratings=asked.ratings, of_texts=False)
    model = kind(**options)
    rows: dict[str, Any] = {}
    if further is not None:
        rows["X_unlabeled"] = [further.features("train")]
    if dataset.X_validation is not None:
        rows |= {"X_val": dataset.features("validation"), "y_val": dataset.y_validation}
    with training_rows(dataset, model.n_threads) as (X, y):
        model.fit(X, y, **rows)
    if dataset.columns is not None:
        model._data_form = {"columns": list(dataset.columns), "target": str(asked.target)}
    elif dataset.zero_based is not None:  # of svmlight files alone
        model._data_form = {"zero_based": dataset.zero_based}
    X_test = None if dataset.X_test is None else dataset.features("test")
    return model, X_test, dataset.y_test, 0 if further is None else further.X_train.shape[0], []


def _no_targets(asked: _Asked) -> OptionError:
    columns = column_names(asked.data, asked.encoding)
    named = f": name one of its columns with --target: {listed(columns)}" if columns else ""
    return OptionError(f"{asked.data} has no targets to train on{named}")


def _of_texts(asked: _Asked) -> _Trained:
    """Train on raw text."""
    target = None if asked.target is None else os.fspath(asked.target)
    with asked.busy(f"reading {asked.data}"):
        data = load_texts(
            asked.data, data_dir=asked.data_dir, text=asked.text, target=target, encoding=asked.encoding
        )
        if data.y_train is None:
            raise _no_targets(asked)
        further = None
        if asked.unlabeled is not None:
            further = load_texts(
                asked.unlabeled,
                data_dir=asked.data_dir,
                text=asked.text if os.path.isfile(asked.unlabeled) else None,
                encoding=asked.encoding if os.path.exists(asked.unlabeled) else None,
                labelled=False,
            )
    kind = estimator_kind(data.y_train, regression=asked.regression, ratings=asked.ratings, of_texts=True)
    known = [
        data.fingerprint,
        "" if further is None else further.fingerprint,
        repr(sorted(asked.words.items())),
    ]
    texts = [] if further is None else [*further.texts_train, *further.unlabeled]
    model, tried = fit_texts(
        data, texts, kind=kind, words=asked.words, network=asked.network(" ".join(known)),
        chosen=not asked.settled, busy=asked.busy, note=asked.note,
    )  # fmt: skip
    form = {name: said for name, said in (("text", asked.text), ("target", target)) if said is not None}
    estimator_of(model)._data_form = form or None
    return model, data.texts_test, data.y_test, len(data.unlabeled) + len(texts), tried


@contextmanager
def _writing_alone(out: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a lock of the operating system's beside the checkpoints, which ends when the process does.

    Raises
    ------
    OptionError
        If another training holds it.
    DataError
        If there can be no file for it.
    """
    with locked(Path(f"{_paths(out)[0]}.lock"), wait=False) as ours:
        if not ours:
            raise OptionError(
                f"another training is writing {os.fspath(out)}: wait for its end, or give another file"
            )
        yield


def unfinished_files(out: str | os.PathLike[str]) -> list[Path]:
    """Files beside a model's that a training which did not finish has left, and can go on from.

    Parameters
    ----------
    out : path-like
        The model's file.

    Returns
    -------
    list of Path
    """
    return [path for path in _paths(out) if path.exists()] if _goes_on(out) else []


def _goes_on(out: str | os.PathLike[str]) -> bool:
    """Whether a training to this file keeps what it needs to go on; beside a device or a pipe it does not."""
    return not is_written_through(Path(out))


def _paths(out: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Where the checkpoints of fine-tuning and of pre-training lie."""
    return Path(f"{os.fspath(out)}.checkpoint"), Path(f"{os.fspath(out)}.pretraining")


def _further_rows(asked: _Asked, dataset: Dataset) -> Dataset:
    """Load the rows that only pre-train, as those with labels were read."""
    assert asked.unlabeled is not None
    further = load_dataset(
        asked.unlabeled,
        data_dir=asked.data_dir,
        n_features=dataset.X_train.shape[1],
        zero_based=asked.zero_based if dataset.zero_based is None else dataset.zero_based,
        columns=dataset.columns,
        encoding=asked.encoding,
    )
    if further.X_train.shape[1] != dataset.X_train.shape[1]:
        raise DataError(
            f"{asked.unlabeled} has {further.X_train.shape[1]} features, {asked.data} has "
            f"{dataset.X_train.shape[1]}"
        )
    return further


_PREDICTS = {
    DeepRectifierClassifier: "classes",
    DeepRectifierRegressor: "numbers",
    RatingPredictor: "ratings",
}


def _result(
    model: Any, X_test: Any, y_test: Any, out: str | os.PathLike[str], n_unlabeled: int
) -> dict[str, Any]:
    """Say how the training went, and measure it on the test rows if there are any."""
    whole, model = model, estimator_of(model)
    record = model.history_[model.epoch_selected_ - 1]
    result: dict[str, Any] = {
        "test_error": None,
        "validation_error": record["validation_error"],
        "error_unit": error_unit(model),
        "sparsity": sparsity_of_layers(model.network_, record["sparsity"]),
        "dead_units": record["dead_units"],
        "n_test": 0,
    }
    if X_test is not None:
        result |= measure(whole, X_test, y_test, n_threads=model.n_threads)
    if isinstance(model, RatingPredictor):
        given = [name for name in ("test_error", "validation_error") if result[name] is not None]
        result |= {name.replace("error", "rmse"): math.sqrt(result[name]) for name in given}
    n_train, n_validation = model.n_samples_
    result |= {
        "predicts": _PREDICTS[type(model)],
        "n_train": n_train,
        "n_validation": n_validation,
        "epoch_selected": model.epoch_selected_,
        "n_epochs": model.n_iter_,
        "seconds": sum(r["seconds"] for r in model.history_),
        "engine": model.engine_,
        "model": os.fspath(out),
    }
    if model.pretraining is not None:
        before = model.pretraining_
        result["pretraining"] = {
            "reconstruction_errors": before.reconstruction_errors_,
            "sparsity": before.sparsity_,
            "epochs_selected": before.epochs_selected_,
            "seconds": sum(r["seconds"] for r in before.history_),
            "n_unlabeled": n_unlabeled,
        }
    return result
