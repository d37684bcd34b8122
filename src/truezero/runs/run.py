"""Runs: what a training is made of, what identifies it, and what it found."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray

from truezero._version import __version__
from truezero.analysis import Sparsity
from truezero.core.draws import Purpose, permutation
from truezero.engines import core_hash, resolve_threads
from truezero.estimators import DeepRectifierClassifier, StackedDenoisingAutoencoder
from truezero.training import EpochRecord, PretrainingRecord


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


class PretrainingResult(TypedDict):
    """What a run of pre-training found; sparsity and shares are fractions."""

    reconstruction_errors: list[float]
    sparsity: list[float]
    epochs_selected: list[int]
    stuck: list[float]
    score: float
    n_train: int
    n_validation: int
    seed: int
    seconds: float
    engine: dict[str, Any]
    history: list[PretrainingRecord]


# What changes no bit of a result, or is put there by the run itself.
_NOT_PART_OF_IT = ("n_threads", "verbose", "callbacks", "pretraining", "prefit")


def _key(configuration: dict[str, Any]) -> str:
    """Hash of a canonical configuration, 20 hexadecimal digits."""
    canonical = json.dumps(configuration, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


def _configuration(model: Any, data: str, fingerprint: str) -> dict[str, Any]:
    return {
        "estimator": type(model).__name__,
        "parameters": {k: v for k, v in model.get_params(deep=False).items() if k not in _NOT_PART_OF_IT},
        "data": data,
        "data_fingerprint": fingerprint,
        "code": code_version(),
    }


@dataclass(frozen=True)
class PretrainingRun:
    """One pre-training: a StackedDenoisingAutoencoder's parameters on all rows of a data set.

    Attributes
    ----------
    parameters : dict
        As JSON holds them, `random_state` among them.
    data, fingerprint : str
        Name of the data set, and its fingerprint.
    """

    parameters: dict[str, Any]
    data: str
    fingerprint: str

    @property
    def configuration(self) -> dict[str, Any]:
        """All that the result depends on, defaults included."""
        return _configuration(StackedDenoisingAutoencoder(**self.parameters), self.data, self.fingerprint)

    @property
    def key(self) -> str:
        """Hash of the configuration."""
        return _key(self.configuration)


@dataclass(frozen=True)
class Run:
    """One training: a classifier's parameters on a data set.

    Attributes
    ----------
    parameters : dict
        Of `DeepRectifierClassifier`, as JSON holds them, `random_state` among them.
    data, fingerprint : str
        Name of the data set, and its fingerprint.
    pretraining : PretrainingRun or None
        What gives the hidden layers their first weights.
    labels : float
        Share of the training rows of each class whose labels are used, drawn by `random_state`; at least
        one row of each.
    """

    parameters: dict[str, Any]
    data: str
    fingerprint: str
    pretraining: PretrainingRun | None = None
    labels: float = 1.0

    @property
    def configuration(self) -> dict[str, Any]:
        """All that the result depends on, defaults included."""
        return {
            **_configuration(DeepRectifierClassifier(**self.parameters), self.data, self.fingerprint),
            "pretraining": None if self.pretraining is None else self.pretraining.configuration,
            "labels": self.labels,
        }

    @property
    def key(self) -> str:
        """Hash of the configuration."""
        return _key(self.configuration)

    def labeled(self, y: NDArray[Any]) -> NDArray[np.int64]:
        """Positions of the training rows whose labels are used, ascending."""
        if self.labels >= 1:
            return np.arange(len(y))
        order = permutation(self.parameters["random_state"], Purpose.SPLIT, np.arange(len(y)))
        chosen = []
        for label in np.unique(y):
            rows = order[y[order] == label]
            chosen.append(rows[: max(round(self.labels * len(rows)), 1)])
        return np.sort(np.concatenate(chosen))


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
