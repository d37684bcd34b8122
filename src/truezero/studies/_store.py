"""The run store: every training once, kept with all that made it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import scipy
import sklearn
from sklearn.exceptions import ConvergenceWarning

from truezero._atomic import make_folder, write_text
from truezero._version import __version__
from truezero.analysis import Sparsity, measure
from truezero.datasets import Dataset
from truezero.engines import core_hash, resolve_threads
from truezero.errors import DataError
from truezero.estimators import DeepRectifierClassifier
from truezero.training import Checkpoint, EpochRecord


class RunResult(TypedDict):
    """What a run found; errors and sparsity are fractions."""

    test_error: float | None
    validation_error: float | None
    sparsity: Sparsity
    dead_units: list[int]
    n_train: int
    n_validation: int
    n_test: int
    epoch_selected: int
    n_epochs: int
    seed: int
    seconds: float
    engine: dict[str, Any]
    history: list[EpochRecord]


@dataclass(frozen=True)
class Run:
    """One training: a classifier's parameters on a data set.

    Attributes
    ----------
    parameters : dict
        Of `DeepRectifierClassifier`, as JSON holds them, `random_state` among them.
    data : str
        Name of the data set.
    fingerprint : str
        Of the data.
    """

    parameters: dict[str, Any]
    data: str
    fingerprint: str

    @property
    def configuration(self) -> dict[str, Any]:
        """All that the result depends on, defaults included; threads, which change no bit, are not."""
        model = DeepRectifierClassifier(**self.parameters)
        parameters = {
            k: v for k, v in model.get_params().items() if k not in ("n_threads", "verbose", "callbacks")
        }
        return {
            "estimator": type(model).__name__,
            "parameters": parameters,
            "data": self.data,
            "data_fingerprint": self.fingerprint,
            "code": code_version(),
        }

    @property
    def key(self) -> str:
        """Hash of the canonical configuration, 20 hexadecimal digits."""
        canonical = json.dumps(self.configuration, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]


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

    def find(self, run: Run) -> RunResult | None:
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
            result: RunResult = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"the run {path.parent} is damaged ({error}); remove its folder to run it again"
            ) from error
        return result

    def execute(
        self,
        run: Run,
        dataset: Dataset,
        *,
        n_threads: int | None = None,
        callbacks: Sequence[Callable[[Any], Any]] = (),
    ) -> RunResult:
        """Result of a run, trained now if it is not there yet.

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
        found = self.find(run)
        if found is not None:
            return found
        partial = make_folder(self.folder / f"{run.key}.partial")
        checkpoint = Checkpoint(partial / "checkpoint.safetensors", run.key)
        model = DeepRectifierClassifier(
            **run.parameters, n_threads=n_threads, callbacks=[checkpoint, *callbacks]
        )  # fmt: skip
        started = time.perf_counter()
        y, y_val = dataset.y_train, dataset.y_validation
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # an interruption is raised below instead
            model.fit(dataset.scaled("train"), y, X_val=dataset.scaled("validation"), y_val=y_val)
        if model.interrupted_:
            raise KeyboardInterrupt
        result = _result(model, run, dataset, time.perf_counter() - started)
        for name, content in (
            ("configuration.json", run.configuration),
            ("environment.json", environment(n_threads)),
            ("result.json", result),
        ):
            write_text(partial / name, json.dumps(content, indent=1, sort_keys=True) + "\n")
        Path(checkpoint.path).unlink(missing_ok=True)
        try:
            os.rename(partial, self.folder / run.key)
        except OSError as error:
            if self.find(run) is None:
                raise DataError(f"cannot write {self.folder / run.key}: {error.strerror}") from error
            shutil.rmtree(partial, ignore_errors=True)  # the same run was finished elsewhere meanwhile
        return result


def _result(model: DeepRectifierClassifier, run: Run, dataset: Dataset, seconds: float) -> RunResult:
    measured = measure(model, dataset.scaled("test"), dataset.y_test, n_threads=model.n_threads)
    return {
        **measured,
        "validation_error": model.history_[model.epoch_selected_ - 1]["validation_error"],
        "n_train": dataset.X_train.shape[0],
        "n_validation": dataset.X_validation.shape[0],
        "epoch_selected": model.epoch_selected_,
        "n_epochs": model.n_iter_,
        "seed": run.parameters["random_state"],
        "seconds": seconds,
        "engine": model.engine_,
        "history": model.history_,
    }


@functools.cache
def code_version() -> str:
    """Version of the package with a hash of its own code, Python and C++."""
    digest = hashlib.sha256(core_hash().encode())
    root = Path(__file__).resolve().parents[1]
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:16]}"


def environment(n_threads: int | None = None) -> dict[str, Any]:
    """What a run ran on: versions, machine, threads."""
    return {
        "truezero": code_version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "n_threads": resolve_threads(n_threads),
    }
