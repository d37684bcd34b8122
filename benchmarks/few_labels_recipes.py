"""What the README's recipes for few labels bring, beside logistic regression on the same labels.

Text, digits and tables; no setting is searched for. `few_labels.py` runs it. Some rows of every data set are
for the test; a stack is pre-trained on all others, without their labels. For every draw of labels four models
learn from the same few rows: logistic regression, the network from random weights, the pre-trained network,
and logistic regression on the stack's codes. C of logistic regressions is chosen by cross-validation on the
labelled rows; dense rows are standardised for it, codes are not.
"""

from __future__ import annotations

import csv
import io
import re
import tarfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from truezero import DeepRectifierClassifier, StackedDenoisingAutoencoder

# What the README asks for beside the defaults, of the stack and of the network that starts from it.
TEXT_STACK: dict[str, Any] = {"hidden_layer_sizes": (256, 256)}
TEXT_NETWORK: dict[str, Any] = {
    "hidden_layer_sizes": (256, 256), "early_stopping": False, "learning_rate_init": 0.01, "max_iter": 20,
}  # fmt: skip
STACK: dict[str, Any] = {"learning_rate_init": 0.02}
TABLE_STACK: dict[str, Any] = {}  # at 0.02 a layer dies on raw wine
NETWORK: dict[str, Any] = {"early_stopping": False, "dropout": 0.5}
N_WORDS = 2000


@dataclass(frozen=True)
class Task:
    """Rows with labels, and how few of those are used.

    Attributes
    ----------
    X, y
        Rows and their classes.
    n_labels, n_test : int
    pretraining, network : dict
        Parameters of the stack and of the classifier.
    ratings : bool
        The error is the root mean squared error of the expected rating (section 4.2); otherwise it is the
        share of wrong classes.
    """

    X: Any
    y: NDArray[Any]
    n_labels: int
    n_test: int
    pretraining: dict[str, Any]
    network: dict[str, Any]
    ratings: bool = False

    def error(self, model: Any, X: Any, y: Any) -> float:
        """Error of a model on rows."""
        if not self.ratings:
            return float(np.mean(model.predict(X) != y))
        expected = model.predict_proba(X) @ model.classes_
        return float(np.sqrt(np.mean((expected - y) ** 2)))


def tasks(data: str, folder: Path) -> dict[str, Callable[[], Task]]:
    """Tasks of a kind of data by name: "text", "digits" or "table"."""
    if data == "text":
        return {
            "Yelp, stars": lambda: _text(*_yelp(folder / "yelp10k" / "yelp.csv.zip")),
            "Amazon, stars": lambda: _text(
                *_amazon(folder / "amazon" / "domain_sentiment_data_labelled.tar.gz")
            ),
        }
    if data == "digits":
        return {"digits": _digits}
    return {
        "breast cancer, standardised": lambda: _table(load_breast_cancer, 30, 200, scaled=True),
        "breast cancer, raw": lambda: _table(load_breast_cancer, 30, 200, scaled=False),
        "wine, standardised": lambda: _table(load_wine, 20, 60, scaled=True),
        "wine, raw": lambda: _table(load_wine, 20, 60, scaled=False),
    }


def _text(texts: list[str], stars: NDArray[Any]) -> Task:
    words = CountVectorizer(binary=True, max_features=N_WORDS, dtype=np.float32)
    X = sparse.csr_array(words.fit_transform(texts))
    return Task(X, stars, 200, 2000, TEXT_STACK, TEXT_NETWORK, True)


def _yelp(path: Path) -> tuple[list[str], NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("yelp.csv") and not n.startswith("__"))
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")))
    return [row["text"] for row in rows], np.array([int(row["stars"]) for row in rows])


def _amazon(path: Path) -> tuple[list[str], NDArray[Any]]:
    texts, stars = [], []
    with tarfile.open(path) as archive:
        for member in archive:
            if not member.name.endswith(("positive.review", "negative.review")):
                continue
            file = archive.extractfile(member)
            assert file is not None
            content = file.read().decode("latin-1")
            stars += [float(found) for found in re.findall(r"<rating>\s*([\d.]+)\s*</rating>", content)]
            texts += re.findall(r"<review_text>(.*?)</review_text>", content, re.DOTALL)
    return texts, np.array(stars, dtype=np.int64)


def _digits() -> Task:
    X, y = load_digits(return_X_y=True)
    return Task((X / 16).astype(np.float32), y, 60, 450, STACK, NETWORK)


def _table(load: Callable[..., Any], n_labels: int, n_test: int, *, scaled: bool) -> Task:
    X, y = load(return_X_y=True)
    return Task(StandardScaler().fit_transform(X) if scaled else X, y, n_labels, n_test, TABLE_STACK, NETWORK)


def measured(task: Task, draws: int, n_pretrainings: int) -> dict[str, Any]:
    """Errors of the four models, draw by draw, and their mean and deviation."""
    order = np.random.default_rng(0).permutation(len(task.y))
    test, rest = order[: task.n_test], order[task.n_test :]
    stacks, seconds = [], []
    for seed in range(n_pretrainings):
        started = time.perf_counter()
        stack = StackedDenoisingAutoencoder(**task.pretraining, random_state=seed, n_threads=1)
        stacks.append(stack.fit(task.X[rest]))
        seconds.append(time.perf_counter() - started)
    X_test, y_test = task.X[test], task.y[test]
    runs = []
    for seed in range(draws):
        labeled = np.random.default_rng(seed).permutation(rest)[: task.n_labels]
        X, y = task.X[labeled], task.y[labeled]
        stack = stacks[seed % n_pretrainings]
        network = DeepRectifierClassifier(**task.network, random_state=seed, n_threads=1)
        arms = {
            "logistic regression": (_logistic(task, scaled=not sparse.issparse(X)), X, X_test),
            "network": (network, X, X_test),
            "pre-trained network": (
                DeepRectifierClassifier(
                    **task.network, random_state=seed, n_threads=1, pretraining=FrozenEstimator(stack)
                ),
                X,
                X_test,
            ),
            "logistic regression on codes": (
                _logistic(task, scaled=False),
                stack.transform(X),
                stack.transform(X_test),
            ),
        }
        runs.append(
            {
                name: task.error(model.fit(train, y), held_out, y_test)
                for name, (model, train, held_out) in arms.items()
            }
        )
    errors = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    return {
        "n_rows": len(rest),
        "n_features": task.X.shape[1],
        "n_labels": task.n_labels,
        "n_test": task.n_test,
        "pretraining": task.pretraining,
        "network": task.network,
        "error": "RMSE of the expected rating" if task.ratings else "share of wrong classes",
        "reconstruction": [layer.reconstruction for layer in stacks[0].stack_.layers],
        "seconds_of_pretraining": seconds,
        "mean": {name: float(values.mean()) for name, values in errors.items()},
        "deviation": {name: float(values.std(ddof=1)) for name, values in errors.items()},
        "runs": runs,
    }


def _logistic(task: Task, *, scaled: bool) -> Any:
    search = GridSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": [0.01, 0.1, 1.0, 10.0]},
        cv=KFold(5, shuffle=True, random_state=0),
        scoring=lambda model, X, y: -task.error(model, X, y),
    )
    return make_pipeline(StandardScaler(), search) if scaled else search
