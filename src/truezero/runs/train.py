"""A training outside a store: data in, a model's file out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from truezero.analysis import error_unit, measure, sparsity_of_layers
from truezero.core.atomic import check_not_input, check_writable, is_written_through
from truezero.datasets import Dataset, load_dataset
from truezero.errors import DataError, OptionError
from truezero.estimators import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
)
from truezero.models import save
from truezero.runs.rows import training_rows
from truezero.training import Checkpoint


def train_to_file(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    regression: bool = False,
    pretrain: str | None = None,
    unlabeled: str | os.PathLike[str] | None = None,
    resume: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    pretraining_parameters: Mapping[str, Any] | None = None,
    verbose: bool = False,
    n_features: int | None = None,
    zero_based: bool | Literal["auto"] = "auto",
    target: str | os.PathLike[str] | None = None,
) -> tuple[DeepRectifierClassifier | DeepRectifierRegressor, dict[str, Any]]:
    """Train a network, and save it: what `truezero train` does, whose options messages name.

    While it trains, all that a killed training needs to go on from its last epoch lies beside `out`; see
    `unfinished_files`; not beside a device or a pipe. A second training to the same file is refused then.

    Parameters
    ----------
    data : str or path-like
        A data set's name or a file: its training rows are trained on, its validation rows select, its
        test rows are measured.
    out : str or path-like
        File for the model, safetensors.
    regression : bool, default=False
        Predict numbers, not classes.
    pretrain : str, optional
        Pre-train the hidden layers (section 3.2) with this reconstruction; "auto" chooses one.
    unlabeled : str or path-like, optional
        A data set or file whose training rows are pre-trained on as well.
    resume : bool, default=False
        Go on where a killed training of the same kind stopped.
    data_dir : path-like, optional
        Folder of the named data sets.
    parameters : mapping, optional
        Of the estimator; `random_state` is 0 if it is not among them.
    pretraining_parameters : mapping, optional
        Of the `StackedDenoisingAutoencoder`, without `reconstruction`.
    verbose : bool, default=False
        Show a progress bar, or a line per epoch where there is no terminal.
    n_features, zero_based, target
        How the data are read; see `load_dataset`.

    Returns
    -------
    model : DeepRectifierClassifier or DeepRectifierRegressor
        As it was saved. Ctrl-C ends fine-tuning early: `interrupted_` is True then, and the files for a
        resume stay.
    result : dict
        As JSON holds it: errors and sparsity as fractions, sizes, epochs, seconds, engine.

    Raises
    ------
    TruezeroError
        If the options, the data or the files cannot be used, or training diverges.
    KeyboardInterrupt
        On Ctrl-C before there is a model, during pre-training say.
    """
    given, of_pretraining = dict(parameters or {}), dict(pretraining_parameters or {})
    check_writable(out)
    check_not_input(out, data, unlabeled, target)
    with _writing_alone(out) if _goes_on(out) else contextlib.nullcontext():
        return _train_to_file(
            data, out, regression, pretrain, unlabeled, resume, data_dir, given, of_pretraining, verbose,
            {"n_features": n_features, "zero_based": zero_based}, target,
        )  # fmt: skip


def _train_to_file(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    regression: bool,
    pretrain: str | None,
    unlabeled: str | os.PathLike[str] | None,
    resume: bool,
    data_dir: str | os.PathLike[str] | None,
    given: dict[str, Any],
    of_pretraining: dict[str, Any],
    verbose: bool,
    form: dict[str, Any],
    target: str | os.PathLike[str] | None,
) -> tuple[DeepRectifierClassifier | DeepRectifierRegressor, dict[str, Any]]:
    for path in unfinished_files(out):
        if not resume:
            raise OptionError(
                f"{path} is left from a training that did not finish: use --resume, or remove it"
            )
    dataset = load_dataset(data, data_dir=data_dir, target=target, **form)
    if dataset.y_train is None:
        raise OptionError(f"{data} has no targets to train on")
    if regression and "class_weight" in given:
        raise OptionError("class_weight is for classification")
    further = None if unlabeled is None else _further_rows(unlabeled, dataset, data, data_dir, form)
    if further is not None and dataset.endless is not None:
        raise OptionError(f"--unlabeled is for rows that stay, and {data} has new ones in every epoch")
    if pretrain is None and (of_pretraining or unlabeled is not None):
        option = "--unlabeled" if unlabeled is not None else "--pretrain-" + next(iter(of_pretraining))
        raise OptionError(f"{option.replace('_', '-')} is for pre-training: add --pretrain auto")

    fingerprint = dataset.fingerprint + ("" if further is None else further.fingerprint)
    goes_on = _goes_on(out)
    checkpoint, of_stack = ([Checkpoint(path, fingerprint)] if goes_on else [] for path in _paths(out))
    options: dict[str, Any] = {"random_state": 0, **given, "callbacks": checkpoint, "verbose": verbose}
    if pretrain is not None:
        options["pretraining"] = StackedDenoisingAutoencoder(
            reconstruction=pretrain, **of_pretraining, callbacks=of_stack
        )
    model = DeepRectifierRegressor(**options) if regression else DeepRectifierClassifier(**options)
    rows: dict[str, Any] = {}
    if further is not None:
        rows["X_unlabeled"] = [further.features("train")]
    if dataset.X_validation is not None:
        rows |= {"X_val": dataset.features("validation"), "y_val": dataset.y_validation}
    with training_rows(dataset, model.n_threads) as (X, y):
        model.fit(X, y, **rows)
    if dataset.zero_based is not None:  # of svmlight files alone
        model._data_form = {"zero_based": dataset.zero_based}
    save(model, out)
    if not model.interrupted_:
        for path in unfinished_files(out):
            path.unlink()
    return model, _result(model, dataset, out, 0 if further is None else further.X_train.shape[0])


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
    path = Path(f"{_paths(out)[0]}.lock")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
        while not path.exists():  # its holder removed it while we waited for it: it keeps nobody away
            lock.release()
            lock.acquire(timeout=0)
    except Timeout:
        raise OptionError(
            f"another training is writing {os.fspath(out)}: wait for its end, or give another file"
        ) from None
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


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


def _further_rows(
    unlabeled: str | os.PathLike[str],
    dataset: Dataset,
    data: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None,
    form: Mapping[str, Any],
) -> Dataset:
    """Load the rows that only pre-train, as those with labels were read."""
    further = load_dataset(
        unlabeled,
        data_dir=data_dir,
        n_features=dataset.X_train.shape[1],
        zero_based=form["zero_based"] if dataset.zero_based is None else dataset.zero_based,
    )
    if further.X_train.shape[1] != dataset.X_train.shape[1]:
        raise DataError(
            f"{unlabeled} has {further.X_train.shape[1]} features, {data} has {dataset.X_train.shape[1]}"
        )
    return further


def _result(
    model: DeepRectifierClassifier | DeepRectifierRegressor,
    dataset: Dataset,
    out: str | os.PathLike[str],
    n_unlabeled: int,
) -> dict[str, Any]:
    """Say how the training went, and measure it on the test rows if there are any."""
    record = model.history_[model.epoch_selected_ - 1]
    result: dict[str, Any] = {
        "test_error": None,
        "validation_error": record["validation_error"],
        "error_unit": error_unit(model),
        "sparsity": sparsity_of_layers(model.network_, record["sparsity"]),
        "dead_units": record["dead_units"],
        "n_test": 0,
    }
    if dataset.X_test is not None:
        result |= measure(model, dataset.features("test"), dataset.y_test, n_threads=model.n_threads)
    n_train, n_validation = model.n_samples_
    result |= {
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
