"""Small trainings of every recipe, whose results are on record in `files/golden.json`.

    python tests/golden.py

records them anew. It refuses where they have moved and `NUMERICS` has not been raised.
"""

from __future__ import annotations

import inspect
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from truezero import DeepRectifierClassifier, RatingPredictor, StackedDenoisingAutoencoder
from truezero.core.draws import Purpose, uniform, words
from truezero.datasets import Dataset
from truezero.runs import NUMERICS, Data, Run, RunStore, carry_out
from truezero.runs.recipes import _NOT_GIVEN, _NOT_PART_OF_IT
from truezero.runs.run import canonical

FILE = Path(__file__).with_name("files") / "golden.json"
_MOVED = (
    "results have moved beyond rounding: raise NUMERICS in truezero/runs/run.py, then python tests/golden.py"
)


def dataset() -> Dataset:
    """Sparse rows of three classes, drawn by the library's own generator."""
    n, n_features = 150, 12
    drawn = uniform(words(7, Purpose.SPLIT, examples=np.arange(n), n_units=n_features + 1))
    y = np.floor(3 * drawn[:, -1]).astype(np.int64)
    likely = np.where(np.arange(n_features) % 3 == y[:, np.newaxis], 0.7, 0.2)
    X = np.where(drawn[:, :-1] < likely, drawn[:, :-1] + 0.25, 0.0)
    return Dataset("golden", X[:100], y[:100], X[100:125], y[100:125], X[125:], y[125:])


def runs(of: Dataset) -> dict[str, Run]:
    """One run or more of every recipe."""
    common = {"engine": "reference", "dtype": "float64", "random_state": 3}
    data = Data(of.name, of.fingerprint)

    def layer(*needs: Run, **parameters: Any) -> Run:
        given = {"learning_rate_init": 0.05, "max_iter": 3, "sign_mask": "half", **common, **parameters}
        return Run("pretrain-layer", given, data, needs)

    def network(*needs: Run, of: Data = data, **parameters: Any) -> Run:
        given = {"hidden_layer_sizes": [9, 6], "max_iter": 4, "sign_mask": "half", **common, **parameters}
        return Run("fine-tune", given, of, needs)

    first = layer(hidden_layer_sizes=9, l1_activation=1e-3)
    second = layer(
        first,
        hidden_layer_sizes=6,
        reconstruction="sigmoid-cross-entropy",
        corruption_level=0.3,
        tied_weights=True,
    )
    pepper = layer(
        hidden_layer_sizes=5, corruption="salt-and-pepper", corruption_level=[0.5, 0.1], sampling=0.5,
        activation="softplus", sign_mask=None,
    )  # fmt: skip
    gaussian = layer(
        hidden_layer_sizes=5,
        corruption="gaussian",
        reconstruction="linear-quadratic",
        activation="tanh",
        sign_mask=None,
    )
    marginalised = Run("msda", {"corruption_level": 0.5, "n_layers": 2}, data)
    return {
        "first layer": first,
        "second layer": second,
        "salt and pepper": pepper,
        "gaussian": gaussian,
        "network": network(),
        "pre-trained network": network(second),
        "dropout and norms": network(
            dropout=0.3, input_dropout=0.1, max_norm=0.8, alpha=0.1, activation=["tanh", "rectifier"]
        ),
        "linear": network(learning_rate="linear"),
        "adaptive": network(learning_rate="adaptive", n_iter_no_change=1, tol=0.1),
        "share and fold": network(of=Data(of.name, of.fingerprint, labels=0.5, fold=(1, 3), seed=5)),
        "ratings": Run(
            "fine-tune-ratings", {"hidden_layer_sizes": [9], "max_iter": 4, **common},
            Data(of.name, of.fingerprint, test=(0, 4)),
        ),
        "baseline": Run("baseline", {"estimator": "LogisticRegression", "parameters": {"C": 0.5, "random_state": 0}}, data),
        "marginalised layers": marginalised,
        "ridge on them": Run("msda-linear", {"strengths": [0.1, 1], "n_folds": 3, "ratings": True}, data, (marginalised,)),
    }  # fmt: skip


def results() -> dict[str, Any]:
    """What the runs find, without what depends on the machine."""
    of = dataset()
    asked = runs(of)

    def study() -> Any:
        return (yield list(asked.values()))

    with tempfile.TemporaryDirectory() as folder:
        found = carry_out(study(), RunStore(folder), [of], n_threads=1)
    return {name: _steady(result) for name, result in zip(asked, found, strict=True)}


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _steady(v) for k, v in value.items() if k not in ("seconds", "engine", "blas", "products")}
    return [_steady(v) for v in value] if isinstance(value, list) else value


def defaults() -> dict[str, dict[str, Any]]:
    """Defaults that a run which leaves a parameter out stands for."""
    return {
        made.__name__: {
            name: canonical(parameter.default)
            for name, parameter in inspect.signature(made).parameters.items()
            if name not in (*_NOT_PART_OF_IT, *_NOT_GIVEN)
        }
        for made in (DeepRectifierClassifier, RatingPredictor, StackedDenoisingAutoencoder)
    }


def moved(recorded: Any, now: Any, path: str = "") -> list[str]:
    """Where two records differ: numbers by more than 1e-9; what is new in the second does not count."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        return [
            place
            for name, value in recorded.items()
            for place in (
                moved(value, now[name], f"{path}/{name}") if name in now else [f"{path}/{name} is gone"]
            )
        ]
    if isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        return [
            place
            for i, (a, b) in enumerate(zip(recorded, now, strict=True))
            for place in moved(a, b, f"{path}/{i}")
        ]
    numbers = isinstance(recorded, (int, float)) and isinstance(now, (int, float))
    if (
        numbers
        and not isinstance(recorded, bool)
        and math.isclose(recorded, now, rel_tol=1e-9, abs_tol=1e-12)
    ):
        return []
    return [] if recorded == now else [f"{path}: {recorded!r} was recorded, now it is {now!r}"]


def record() -> None:
    """Write the file."""
    now = {"numerics": NUMERICS, "defaults": defaults(), "results": results()}
    if FILE.exists():
        before = json.loads(FILE.read_text(encoding="utf-8"))
        if before["numerics"] == NUMERICS and any(
            moved(before[part], now[part]) for part in ("defaults", "results")
        ):
            raise SystemExit(_MOVED)
    FILE.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
