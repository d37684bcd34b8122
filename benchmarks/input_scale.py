"""What unscaled, tiny, huge and absurd data cost beside the same data standardised.

    python benchmarks/input_scale.py --sets 200

Random data sets of 2 to 5 classes, 10 to 50 features, 300 to 2,000 rows, half of them with 1 to 5 absurd
rows or entries of 10 to 1,000 standard deviations. Their scale is 10 to the power of −6 to 6: one for the
whole set, or one per feature (`--each`). Compared are test accuracies, means over seeds, with those of the
clean data standardised.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler

from truezero import DeepRectifierClassifier, DivergenceError
from truezero.runs.provenance import processor


def made(seed: int, each: bool) -> tuple[Any, Any, Any, Any, Any, str]:
    """Training rows and labels, test rows and labels, training rows as they were clean, and what was done."""
    random = np.random.default_rng(1000 + seed)
    k, p, n = int(random.integers(2, 6)), int(random.integers(10, 51)), int(random.integers(300, 2001))
    informative = min(int(random.integers(max(5, p // 4), p // 2 + 4)), p)
    X, y = make_classification(
        n + 2000, p, n_informative=informative, n_redundant=min(p - informative, p // 5), n_classes=k,
        n_clusters_per_class=int(random.integers(1, 3)), class_sep=float(random.uniform(0.5, 1.5)),
        flip_y=0.02, random_state=seed,
    )  # fmt: skip
    X = X * 10.0 ** (random.uniform(-6, 6, p) if each else random.uniform(-6, 6))
    rows, test = X[:n].copy(), X[n:]
    mean, deviation = rows.mean(0), rows.std(0)
    kind = "clean"
    if random.random() < 0.5:
        kind = str(random.choice(["rows", "entries"]))
        m, size = int(random.integers(1, 6)), 10 ** random.uniform(1, 3)
        at = random.choice(n, m, replace=False)
        if kind == "rows":
            rows[at] = mean + random.choice([-1, 1], (m, p)) * deviation * size
        else:
            columns = random.integers(0, p, m)
            rows[at, columns] = (mean + size * deviation)[columns]
    return rows, y[:n], test, y[n:], X[:n], kind


def accuracy(X: Any, y: Any, X_test: Any, y_test: Any, seeds: int) -> float:
    """Mean over the seeds; 0 where training diverges."""
    found = []
    for seed in range(seeds):
        model = DeepRectifierClassifier((64, 64), max_iter=40, random_state=seed, n_threads=1)
        try:
            found.append(model.fit(X, y).score(X_test, y_test))
        except DivergenceError:
            found.append(0.0)
    return statistics.mean(found)


def compared(seed: int, each: bool, seeds: int) -> tuple[str, float, float]:
    """What is wrong with a set, accuracy on it, and on the clean one standardised."""
    warnings.simplefilter("ignore")
    X, y, X_test, y_test, clean, kind = made(seed, each)
    scaler = StandardScaler().fit(clean)
    reference = accuracy(scaler.transform(clean), y, scaler.transform(X_test), y_test, seeds)
    return kind, accuracy(X, y, X_test, y_test, seeds), reference


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--each", action="store_true")
    given = parser.parse_args()
    tasks = (delayed(compared)(seed, given.each, given.seeds) for seed in range(given.sets))
    found = Parallel(given.jobs)(tasks)
    scale = "one scale per feature" if given.each else "one scale per set"
    print(f"{processor()}; {given.sets} sets, {given.seeds} seeds, {scale}")
    for name in ("clean", "rows", "entries", "all"):
        loss = [reference - ours for kind, ours, reference in found if name in (kind, "all")]
        within = sum(value <= 0.02 for value in loss)
        print(
            f"{name:<8} {within} of {len(loss)} within .02 of the same data standardised; mean loss "
            f"{statistics.mean(loss):+.4f}, greatest {max(loss):+.3f}"
        )


if __name__ == "__main__":
    main()
