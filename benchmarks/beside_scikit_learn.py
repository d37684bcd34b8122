"""truezero's estimators beside scikit-learn's, each with its defaults, on digits, tables and text.

    python benchmarks/beside_scikit_learn.py --out results/beside-scikit-learn
    python benchmarks/beside_scikit_learn.py --only wine friedman
    python benchmarks/beside_scikit_learn.py --show    # tables, as on docs/getting-started.md

Rows are split into 75 and 25 % anew for each of five seeds, which are the models' as well; Yelp's reviews,
which take longer, have three, a9a its official split and one. Features are as they come, and standardised
where it says so. Seconds are those of one processor, on one thread, of `fit` alone. a9a and Yelp's reviews
are looked for in --data-dir, else in $TRUEZERO_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_friedman1,
    make_hastie_10_2,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor
from truezero.datasets import load_dataset, load_texts
from truezero.runs import environment

N_WORDS = 5000
CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "truezero": lambda seed: DeepRectifierClassifier(n_threads=1, random_state=seed),
    "truezero, standardised": lambda seed: make_pipeline(
        StandardScaler(), DeepRectifierClassifier(n_threads=1, random_state=seed)
    ),
    "MLP": lambda seed: MLPClassifier(random_state=seed),
    "MLP, standardised": lambda seed: make_pipeline(StandardScaler(), MLPClassifier(random_state=seed)),
    "linear": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
}
REGRESSORS: dict[str, Callable[[int], Any]] = {
    "truezero": lambda seed: DeepRectifierRegressor(n_threads=1, random_state=seed),
    "truezero, standardised": lambda seed: make_pipeline(
        StandardScaler(), DeepRectifierRegressor(n_threads=1, random_state=seed)
    ),
    "MLP": lambda seed: MLPRegressor(random_state=seed),
    "MLP, standardised": lambda seed: make_pipeline(StandardScaler(), MLPRegressor(random_state=seed)),
    "linear": lambda seed: make_pipeline(StandardScaler(), Ridge()),
    "boosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
}
# Words that are there or not: as they come, and sparse; boosting takes no sparse rows.
WORDS: dict[str, Callable[[int], Any]] = {
    "truezero": lambda seed: RatingPredictor(n_threads=1, random_state=seed),
    "truezero, classes": lambda seed: DeepRectifierClassifier(n_threads=1, random_state=seed),
    "MLP": lambda seed: MLPClassifier(random_state=seed),
    "linear": lambda seed: LogisticRegression(max_iter=1000),
}
SPARSE = {  # without MLPClassifier, which would take longer than all else together
    "truezero": CLASSIFIERS["truezero"],
    "linear": WORDS["linear"],
    "boosting": CLASSIFIERS["boosting"],
}


def wrong(model: Any, X: Any, y: Any) -> float:
    return float((model.predict(X) != y).mean())


def rmse(model: Any, X: Any, y: Any) -> float:
    return float(root_mean_squared_error(y, model.predict(X)))


def rmse_of_stars(model: Any, X: Any, y: Any) -> float:
    """Of the expected number of stars."""
    known = isinstance(model, RatingPredictor)
    stars = model.predict(X) if known else model.predict_proba(X) @ model.classes_
    return float(root_mean_squared_error(y, stars))


def splits_of(X: Any, y: Any, n: int) -> list[tuple[Any, Any, Any, Any]]:
    return [tuple(train_test_split(X, y, random_state=seed)) for seed in range(n)]


def a9a(folder: Path) -> list[tuple[Any, Any, Any, Any]]:
    """The official split, one seed."""
    data = load_dataset("a9a", data_dir=folder)
    X = sparse.vstack([data.X_train, data.X_validation]).tocsr()
    y = np.concatenate([data.y_train, data.y_validation])
    return [(X, data.X_test, y, data.y_test)]


def yelp(folder: Path) -> list[tuple[Any, Any, Any, Any]]:
    data = load_texts("yelp10k", data_dir=folder)
    texts, y = list(data.texts_train), np.asarray(data.y_train, float)
    found = []
    for seed in range(3):
        train, test, y_train, y_test = train_test_split(texts, y, random_state=seed)
        words = CountVectorizer(binary=True, max_features=N_WORDS, dtype=np.float32).fit(train)
        found.append((words.transform(train), words.transform(test), y_train, y_test))
    return found


# Name -> splits, models, error and its unit.
TASKS: dict[str, tuple[Callable[[Path], Any], dict[str, Callable[[int], Any]], Any, str]] = {
    "digits": (lambda _: splits_of(*load_digits(return_X_y=True), 5), CLASSIFIERS, wrong, "share wrong"),
    "breast cancer": (
        lambda _: splits_of(*load_breast_cancer(return_X_y=True), 5), CLASSIFIERS, wrong, "share wrong",
    ),
    "wine": (lambda _: splits_of(*load_wine(return_X_y=True), 5), CLASSIFIERS, wrong, "share wrong"),
    "hastie": (
        lambda _: splits_of(*make_hastie_10_2(4000, random_state=0), 5), CLASSIFIERS, wrong, "share wrong",
    ),
    "diabetes": (lambda _: splits_of(*load_diabetes(return_X_y=True), 5), REGRESSORS, rmse, "RMSE"),
    "friedman": (
        lambda _: splits_of(*make_friedman1(4000, n_features=10, noise=1.0, random_state=0), 5),
        REGRESSORS, rmse, "RMSE",
    ),
    "yelp": (yelp, WORDS, rmse_of_stars, "RMSE of the expected stars"),
    "a9a": (a9a, SPARSE, wrong, "share wrong"),
}  # fmt: skip


def fitted(
    made: Callable[[int], Any], seed: int, X: Any, y: Any, X_test: Any
) -> tuple[Any, Any, float, float]:
    """Model, its test rows, processor's seconds and seconds of the fit."""
    model = made(seed)
    if isinstance(model, HistGradientBoostingClassifier) and sparse.issparse(X):
        X, X_test = X.toarray(), X_test.toarray()
    started, clock = time.process_time(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return model, X_test, time.process_time() - started, time.perf_counter() - clock


COLUMNS = ("truezero", "truezero, standardised", "MLP", "MLP, standardised", "linear", "boosting")


def tables(folder: Path) -> str:
    """Errors and seconds of the results in a folder, as the page shows them."""
    found = {task: folder / f"{task.replace(' ', '-')}.json" for task in TASKS}
    results = [json.loads(path.read_text()) for path in found.values() if path.exists()]
    lines = ["| test error | rows × features | " + " | ".join(COLUMNS) + " |", "|---" * 8 + "|"]
    for result in results:
        size = f"{result['n_train']:,} × {result['n_features']:,}"
        cells = " | ".join(_error(result["models"].get(name), result["error"]) for name in COLUMNS)
        lines.append(
            f"| {result['data']}: {UNITS.get(result['error'], result['error'])} | {size} | {cells} |"
        )
    lines += ["", "| seconds | " + " | ".join(COLUMNS) + " |", "|---" * 7 + "|"]
    for result in results:
        models = [result["models"].get(name) for name in COLUMNS]
        cells = " | ".join("" if m is None else f"{np.mean(m['processor_seconds']):.2f}" for m in models)
        lines.append(f"| {result['data']} | {cells} |")
    return "\n".join(lines) + "\n"


UNITS = {"share wrong": "wrong, %", "RMSE of the expected stars": "RMSE of stars"}


def _error(model: Any, unit: str) -> str:
    if model is None:
        return ""
    errors = np.array(model["errors"]) * (100 if unit == "share wrong" else 1)
    digits = 1 if unit == "share wrong" or errors.mean() > 10 else 2
    spread = f" ± {errors.std(ddof=1):.{digits}f}" if len(errors) > 1 else ""
    return f"{errors.mean():.{digits}f}{spread}"


def main() -> None:
    """Measure, print a table, write the result after every task."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("TRUEZERO_DATA", ".")))
    parser.add_argument("--out", type=Path, default=Path("results/beside-scikit-learn"))
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    if options.show:
        print(tables(options.out), end="")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    for task in options.only:
        make, models, error, unit = TASKS[task]
        splits = make(options.data_dir)
        result: dict[str, Any] = {
            "data": task, "error": unit, "n_train": splits[0][0].shape[0],
            "n_test": splits[0][1].shape[0], "n_features": splits[0][0].shape[1],
            "environment": environment() | {"n_threads": 1}, "models": {},
        }  # fmt: skip
        for name, made in models.items():
            errors, processor, clock = [], [], []
            with threadpool_limits(1):
                for seed, (X, X_test, y, y_test) in enumerate(splits):
                    model, rows, used, took = fitted(made, seed, X, y, X_test)
                    errors.append(error(model, rows, y_test))
                    processor.append(used)
                    clock.append(took)
            result["models"][name] = {"errors": errors, "processor_seconds": processor, "seconds": clock}
            print(
                f"{task:<14}{name:<24}{np.mean(errors):9.4f} ± {np.std(errors):.4f}"
                f"{np.mean(processor):9.2f} s of a processor {np.mean(clock):9.2f} s",
                flush=True,
            )
        (options.out / f"{task.replace(' ', '-')}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
