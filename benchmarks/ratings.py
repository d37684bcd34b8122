"""Ratings of reviews: what `choose_settings` finds, beside linear models on the same words and on TF-IDF.

    python benchmarks/ratings.py --out results/ratings
    python benchmarks/ratings.py --labels 1000 --out results/ratings    # the other texts have no labels

For every split of the texts into 80 and 20 %, words and their frequencies are learned from the 80 %. All
learn from the same rows: ridge regression and logistic regression (the expected rating of its probabilities),
each on the presence of the 5,000 most frequent words and on TF-IDF of them, their strength by 5-fold
cross-validation; and a network whose settings are chosen on rows held out of the same rows. Data are looked
for in --data-dir, else in $TRUEZERO_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold, train_test_split

from truezero import RatingPredictor, choose_settings
from truezero.datasets import load_texts
from truezero.runs import environment

N_WORDS = 5000
STRENGTHS: dict[str, Any] = {
    "ridge": (Ridge(), {"alpha": [0.3, 1, 3, 10, 30, 100, 300, 1000]}),
    "logistic": (LogisticRegression(max_iter=1000), {"C": [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]}),
}


def expected(model: Any, X: Any) -> NDArray[np.floating[Any]]:
    """What a model says of rows, between the ratings."""
    if hasattr(model, "predict_proba") and not isinstance(model, RatingPredictor):
        return np.asarray(model.predict_proba(X) @ model.classes_)
    return np.asarray(model.predict(X))


def linear(name: str, X: Any, y: Any) -> Any:
    """A linear model at the strength that cross-validation chooses."""
    estimator, grid = STRENGTHS[name]

    def score(model: Any, X: Any, y: Any) -> float:
        return -float(root_mean_squared_error(y, expected(model, X)))

    return GridSearchCV(estimator, grid, cv=KFold(5, shuffle=True, random_state=0), scoring=score).fit(X, y)


def measured(
    texts: list[str], y: NDArray[Any], seed: int, labels: int | None, n_threads: int
) -> dict[str, Any]:
    """Test errors of all models on one split, with what was chosen and the seconds of a processor it took."""
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed)
    binary = CountVectorizer(binary=True, max_features=N_WORDS, dtype=np.float32)
    weighted = TfidfVectorizer(max_features=N_WORDS)
    learned, held_out = ([texts[row] for row in rows] for rows in (train, test))
    forms = {
        "words": (binary.fit_transform(learned), binary.transform(held_out)),
        "TF-IDF": (weighted.fit_transform(learned), weighted.transform(held_out)),
    }
    n = len(train) if labels is None else labels
    found: dict[str, Any] = {"seed": seed, "rmse": {}, "chosen": {}, "processor_seconds": {}}

    def note(name: str, started: float, model: Any, X: Any, chosen: Any) -> None:
        found["processor_seconds"][name] = time.process_time() - started
        found["rmse"][name] = float(root_mean_squared_error(y[test], expected(model, X)))
        found["chosen"][name] = chosen

    for form, (X, X_test) in forms.items():
        for name in STRENGTHS:
            started = time.process_time()
            model = linear(name, X[:n], y[train[:n]])
            note(f"{name}, {form}", started, model, X_test, model.best_params_)
    X, X_test = (sparse.csr_array(part) for part in forms["words"])
    started, clock = time.process_time(), time.perf_counter()
    choice = choose_settings(
        RatingPredictor(random_state=seed, n_threads=n_threads), X[:n], y[train[:n]],
        X_unlabeled=X[n:] if n < len(train) else None,
    )  # fmt: skip
    model = choice.estimator.fit(X[:n], y[train[:n]])
    note("truezero, words", started, model, X_test, choice.to_json())
    found["seconds"] = time.perf_counter() - clock
    found["sparsity"] = model.sparsity_
    return found


def main() -> None:
    """Measure, print a table, write the result after every split."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="yelp10k", help="A set of rated texts, or a file of them.")
    parser.add_argument("--text", help="Column of a table.")
    parser.add_argument("--target", help="Column of a table.")
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("TRUEZERO_DATA", ".")))
    parser.add_argument("--rows", type=int, help="So many texts, drawn; all without it.")
    parser.add_argument("--labels", type=int, help="Training texts whose labels are used; all without it.")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--n-threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("results/ratings"))
    options = parser.parse_args()
    data = load_texts(options.data, data_dir=options.data_dir, text=options.text, target=options.target)
    texts = [*data.texts_train, *(data.texts_validation or ()), *(data.texts_test or ())]
    y = np.concatenate([part for part in (data.y_train, data.y_validation, data.y_test) if part is not None])
    drawn = np.random.default_rng(0).permutation(len(y))[: options.rows]
    texts, y = [texts[row] for row in drawn], y[drawn].astype(np.float64)
    result: dict[str, Any] = {
        "data": data.name,
        "n_texts": len(y),
        "n_labels": options.labels,
        "n_words": N_WORDS,
        "error": "RMSE of the expected rating",
        "environment": environment(),
        "splits": [],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    name = data.name if options.labels is None else f"{data.name}-{options.labels}"
    for seed in range(options.splits):
        result["splits"].append(measured(texts, y, seed, options.labels, options.n_threads))
        result["mean"] = {
            model: float(np.mean([split["rmse"][model] for split in result["splits"]]))
            for model in result["splits"][0]["rmse"]
        }
        (options.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        show(result)


def show(result: dict[str, Any]) -> None:
    """Print the splits so far."""
    splits = result["splits"]
    seeds = "".join(f"{split['seed']:>8}" for split in splits)
    print(f"{'RMSE':<20}{seeds}{'mean':>8}{'CPU s':>8}")
    for model, mean in result["mean"].items():
        seconds = np.mean([split["processor_seconds"][model] for split in splits])
        row = "".join(f"{split['rmse'][model]:8.4f}" for split in splits)
        print(f"{model:<20}{row}{mean:8.4f}{seconds:8.0f}", flush=True)


if __name__ == "__main__":
    main()
