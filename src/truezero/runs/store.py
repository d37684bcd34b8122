"""The run store: every training once, kept with all that made it."""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from truezero.analysis import measure
from truezero.core.atomic import make_folder, write_text
from truezero.datasets import Dataset
from truezero.errors import DataError
from truezero.estimators import DeepRectifierClassifier, StackedDenoisingAutoencoder
from truezero.models import load, save
from truezero.runs.run import PretrainingResult, PretrainingRun, Run, RunResult, environment
from truezero.training import Checkpoint


class RunStore:
    """A folder of runs, each in a folder of its hash.

    A finished run is there as a whole, or not at all; it is never repeated. One that was killed goes
    on from its last epoch, with the same bits.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.

    Raises
    ------
    DataError
        If it cannot be written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = make_folder(folder)

    def find(self, run: Run | PretrainingRun) -> Any:
        """Result of a finished run, or None.

        Raises
        ------
        DataError
            If its files are damaged.
        """
        path = self.folder / run.key / "result.json"
        if not path.parent.exists():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"the run {path.parent} is damaged ({error}); remove its folder to run it again"
            ) from error

    def execute(
        self,
        run: Run,
        dataset: Dataset,
        *,
        n_threads: int | None = None,
        callbacks: Sequence[Callable[[Any], Any]] = (),
    ) -> RunResult:
        """Result of a run, trained now if it is not there yet; what it starts from likewise.

        Parameters
        ----------
        run : Run
        dataset : Dataset
            Its training rows are trained on, its validation rows select, its test rows are measured.
        n_threads : int, optional
        callbacks : sequence of callable
            Called after every epoch, as an estimator's.

        Returns
        -------
        RunResult

        Raises
        ------
        TruezeroError
            If the training cannot be done, or the store cannot be written.
        KeyboardInterrupt
            On Ctrl-C; the next call goes on from the last finished epoch.
        """
        found: RunResult | None = self.find(run)
        if found is not None:
            return found
        parameters: dict[str, Any] = dict(run.parameters)
        if run.pretraining is not None:
            parameters |= {
                "pretraining": self.pretrained(
                    run.pretraining, dataset, n_threads=n_threads, callbacks=callbacks
                )[0],
                "prefit": True,
            }
        checkpoint = self._checkpoint(run)
        model = DeepRectifierClassifier(
            **parameters, n_threads=n_threads, callbacks=[checkpoint, *callbacks]
        )  # fmt: skip
        started = time.perf_counter()
        X, y = dataset.scaled("train"), np.asarray(dataset.y_train)
        labeled = run.labeled(y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # an interruption is raised below instead
            model.fit(X[labeled], y[labeled], X_val=dataset.scaled("validation"), y_val=dataset.y_validation)
        if model.interrupted_:
            raise KeyboardInterrupt
        result = _result(model, run, dataset, len(labeled), time.perf_counter() - started)
        self._finish(run, result, n_threads)
        return result

    def pretrained(
        self,
        run: PretrainingRun,
        dataset: Dataset,
        *,
        n_threads: int | None = None,
        callbacks: Sequence[Callable[[Any], Any]] = (),
    ) -> tuple[StackedDenoisingAutoencoder, PretrainingResult]:
        """Pre-trained model and what is known of it, pre-trained now if it is not there yet.

        Parameters
        ----------
        run : PretrainingRun
        dataset : Dataset
            Its training rows are learned from, its validation rows select.
        n_threads, callbacks
            As in `execute`, whose exceptions it raises.

        Returns
        -------
        StackedDenoisingAutoencoder, PretrainingResult
        """
        found: PretrainingResult | None = self.find(run)
        if found is None:
            checkpoint = self._checkpoint(run)
            model = StackedDenoisingAutoencoder(
                **run.parameters, n_threads=n_threads, callbacks=[checkpoint, *callbacks]
            )
            started = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(dataset.scaled("train"), X_val=dataset.scaled("validation"))
            if model.interrupted_:
                raise KeyboardInterrupt
            model.set_params(callbacks=None)
            save(model, Path(checkpoint.path).with_name(_MODEL))
            found = _pretraining_result(model, run, dataset, time.perf_counter() - started)
            self._finish(run, found, n_threads)
        return load(self.folder / run.key / _MODEL), found

    def _checkpoint(self, run: Run | PretrainingRun) -> Checkpoint:
        partial = make_folder(self.folder / f"{run.key}.partial")
        return Checkpoint(partial / "checkpoint.safetensors", run.key)

    def _finish(self, run: Run | PretrainingRun, result: Any, n_threads: int | None) -> None:
        """Let a run's folder appear, with its result in it."""
        partial = self.folder / f"{run.key}.partial"
        for name, content in (
            ("configuration.json", run.configuration),
            ("environment.json", environment(n_threads)),
            ("result.json", result),
        ):
            write_text(partial / name, json.dumps(content, indent=1, sort_keys=True) + "\n")
        (partial / "checkpoint.safetensors").unlink(missing_ok=True)
        try:
            os.rename(partial, self.folder / run.key)
        except OSError as error:
            if self.find(run) is None:
                raise DataError(f"cannot write {self.folder / run.key}: {error.strerror}") from error
            shutil.rmtree(partial, ignore_errors=True)  # the same run was finished elsewhere meanwhile


_MODEL = "model.safetensors"


def _pretraining_result(
    model: StackedDenoisingAutoencoder, run: PretrainingRun, dataset: Dataset, seconds: float
) -> PretrainingResult:
    selected = []
    for layer, epoch in enumerate(model.epochs_selected_):
        records = [record for record in model.history_ if record["layer"] == layer]
        selected.append(records[epoch - 1])
    return {
        "reconstruction_errors": [record["reconstruction_error"] or 0.0 for record in selected],
        "sparsity": model.sparsity_,
        "epochs_selected": model.epochs_selected_,
        "stuck": [record["stuck"] for record in selected],
        "score": model.score(dataset.scaled("validation")),
        "n_train": dataset.X_train.shape[0],
        "n_validation": dataset.X_validation.shape[0],
        "seed": run.parameters["random_state"],
        "seconds": seconds,
        "engine": model.engine_,
        "history": model.history_,
    }


def _result(
    model: DeepRectifierClassifier, run: Run, dataset: Dataset, n_train: int, seconds: float
) -> RunResult:
    measured = measure(model, dataset.scaled("test"), dataset.y_test, n_threads=model.n_threads)
    return {
        **measured,
        "validation_error": model.history_[model.epoch_selected_ - 1]["validation_error"],
        "n_train": n_train,
        "n_validation": dataset.X_validation.shape[0],
        "epoch_selected": model.epoch_selected_,
        "n_epochs": model.n_iter_,
        "seed": run.parameters["random_state"],
        "seconds": seconds,
        "engine": model.engine_,
        "history": model.history_,
    }
