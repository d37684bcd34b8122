"""How well networks learn from features as they come, beside the same features standardised.

    python benchmarks/input_scale.py --out results/input-scale/sets.jsonl

First, examples: rows of norm 1 and a column far from 0; rows and entries far outside. Then random data sets,
in two readings of "scales from 1e-6 to 1e6": one scale for a whole data set, and one for each column. Half of
them have one to five rows or entries 10 to 1000 deviations out. Accuracy is on 2000 further rows, the mean of
some seeds. "noise" is what other seeds make of the standardised data. Finished sets are kept in the file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler, normalize

from truezero import DeepRectifierClassifier, DivergenceError
from truezero.runs.provenance import processor

NETWORK: dict[str, Any] = {"hidden_layer_sizes": (64, 64), "max_iter": 40, "n_threads": 1}
N_TEST = 2000
TOLERANCE = 0.02
READINGS = ("one scale", "a scale per column")
Array = NDArray[Any]


def accuracy(X: Array, y: Array, X_test: Array, y_test: Array, seeds: range) -> float:
    """Mean over the seeds; a training that diverges has 0."""
    reached = []
    for seed in seeds:
        model = DeepRectifierClassifier(**NETWORK, random_state=seed)
        try:
            reached.append(model.fit(X, y).score(X_test, y_test))
        except DivergenceError:
            reached.append(0.0)
    return float(np.mean(reached))


def compared(X: Array, y: Array, clean: Array, X_test: Array, y_test: Array, n: int) -> dict[str, float]:
    """Accuracies by what the features are when they come to the network.

    Outliers are in X alone; with "standardised" neither network nor scaler sees them.
    """
    of_clean, of_all = StandardScaler().fit(clean), StandardScaler().fit(X)
    linear = LogisticRegression(max_iter=1000).fit(of_all.transform(X), y)
    return {
        "as they come": accuracy(X, y, X_test, y_test, range(n)),
        "standardised": accuracy(of_clean.transform(clean), y, of_clean.transform(X_test), y_test, range(n)),
        "noise": accuracy(
            of_clean.transform(clean), y, of_clean.transform(X_test), y_test, range(100, 100 + n)
        ),
        "outliers standardised": accuracy(of_all.transform(X), y, of_all.transform(X_test), y_test, range(n)),
        "logistic regression": float(linear.score(of_all.transform(X_test), y_test)),
    }


def examples() -> Iterator[tuple[str, Array, Array, Array, Array, Array]]:
    """Name, X, y, X without outliers, and rows to measure on."""
    X, y = make_classification(
        1000 + N_TEST, 30, n_informative=10, n_classes=3, class_sep=1.2, random_state=0
    )
    random = np.random.default_rng(0)
    unit = normalize(X)
    beside = np.hstack([unit, random.normal(6, 0.5, (len(X), 1))])
    cut = beside.copy()
    cut[:, -1] = np.minimum(cut[:, -1], 7.9)
    above = cut.copy()
    above[0, -1] = 8.2
    for name, rows in (
        ("rows of norm 1", unit),
        ("and a column N(6, 0.5)", beside),
        ("  at most 7.9", cut),
        ("  at most 8.2", above),
    ):
        yield name, rows[:1000], y[:1000], rows[:1000], rows[1000:], y[1000:]
    for size in (10, 100, 1000):
        for n_rows in (1, 20):
            far = X[:1000].copy()
            far[:n_rows] = X.std(axis=0) * size * random.choice([-1, 1], (n_rows, 30))
            yield f"{n_rows} rows at {size} deviations", far, y[:1000], X[:1000], X[1000:], y[1000:]
            far = X[:1000].copy()
            far[:n_rows, 0] = X[:, 0].std() * size
            yield f"{n_rows} entries at {size} deviations", far, y[:1000], X[:1000], X[1000:], y[1000:]


def random_set(seed: int, per_column: bool) -> tuple[Array, Array, Array, Array, Array]:
    """X, y, X without outliers, and rows to measure on, of a random kind and scale."""
    random = np.random.default_rng(1000 + seed)
    n_classes, n_features = int(random.integers(2, 6)), int(random.integers(10, 51))
    n = int(random.integers(300, 2001))
    n_informative = min(int(random.integers(max(5, n_features // 4), n_features // 2 + 4)), n_features)
    X, y = make_classification(
        n + N_TEST, n_features,
        n_informative=n_informative, n_redundant=min(n_features - n_informative, n_features // 5),
        n_classes=n_classes, n_clusters_per_class=int(random.integers(1, 3)),
        class_sep=float(random.uniform(0.5, 1.5)), flip_y=0.02, random_state=seed,
    )  # fmt: skip
    X *= 10.0 ** random.uniform(-6, 6, n_features if per_column else 1)
    clean, given = X[:n], X[:n].copy()
    if random.random() < 0.5:
        whole, m, size = random.random() < 0.5, int(random.integers(1, 6)), 10 ** random.uniform(1, 3)
        rows = random.choice(n, m, replace=False)
        columns = (
            np.arange(n_features)[np.newaxis] if whole else random.integers(0, n_features, m)[:, np.newaxis]
        )
        sign = random.choice([-1, 1], (m, columns.shape[1]))
        given[rows[:, np.newaxis], columns] = (
            clean.mean(axis=0)[columns] + sign * size * clean.std(axis=0)[columns]
        )
    return given, y[:n], clean, X[n:], y[n:]


def measured(reading: str, name: str, n_seeds: int) -> dict[str, Any]:
    """What came of an example or a random set, as the file keeps it."""
    if reading == "example":
        data: Any = next(rest for title, *rest in examples() if title == name)
    else:
        data = random_set(int(name), reading == READINGS[1])
    X, y, clean, X_test, y_test = data
    found = compared(X, y, clean, X_test, y_test, n_seeds)
    return {
        "reading": reading,
        "name": name,
        "outliers": not np.array_equal(X, clean),
        **{title: round(value, 5) for title, value in found.items()},
    }


def table(rows: dict[str, dict[str, Any]]) -> None:
    """Print accuracies, a line each."""
    names = [name for name in next(iter(rows.values())) if name not in ("reading", "name", "outliers")]
    print(" " * 30, *[f"{name:>22s}" for name in names])
    for title, values in rows.items():
        print(f"{title:30s}", *[f"{values[name]:22.3f}" for name in names])


def summary(name: str, sets: list[dict[str, Any]]) -> None:
    """Print what share of the sets is within the tolerance of the standardised ones."""
    print(f"\n{name}: {len(sets)} sets, share whose accuracy is at most {TOLERANCE} below standardised")
    for title, part in (
        ("all", sets),
        ("without outliers", [s for s in sets if not s["outliers"]]),
        ("with outliers", [s for s in sets if s["outliers"]]),
    ):
        print(f"  {title} ({len(part)}):")
        for of in ("as they come", "outliers standardised", "noise"):
            lost = np.array([s[of] - s["standardised"] for s in part])
            if len(lost):
                share = (lost >= -TOLERANCE).mean()
                print(f"    {of:22s}{share:6.3f}   mean {lost.mean():+.3f}, least {lost.min():+.3f}")


def main() -> None:
    """Run what is not in the file yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="Begin with this one.")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("results/input-scale/sets.jsonl"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    kept = options.out.read_text().splitlines() if options.out.exists() else []
    done = {(entry["reading"], entry["name"]): entry for entry in map(json.loads, kept)}
    names = [name for name, *_ in examples()]
    wanted = [("example", name) for name in names] + [
        (reading, str(seed))
        for reading in READINGS
        for seed in range(options.first, options.first + options.sets)
    ]
    tasks = (delayed(measured)(*key, options.seeds) for key in wanted if key not in done)
    with options.out.open("a") as file:
        for entry in Parallel(options.jobs, return_as="generator_unordered")(tasks):
            done[entry["reading"], entry["name"]] = entry
            file.write(json.dumps(entry) + "\n")
            file.flush()
    print(f"{processor()}; means of {options.seeds} seeds")
    table({name: done["example", name] for name in names})
    for reading in READINGS:
        summary(reading, [entry for key, entry in done.items() if key[0] == reading])


if __name__ == "__main__":
    main()
