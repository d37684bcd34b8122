"""What training on more words than one has memory for dense rows takes: seconds and memory of an epoch.

    python benchmarks/wide_rows.py            # 800,000 rows × 200,000 features, 80 non-zeros a row
    python benchmarks/wide_rows.py --n 20000 --features 50000 --peer-rows 2000

Rows shaped like TF-IDF are generated: words by Zipf's law, positive weights, rows of norm 1. Each method
trains in a process of its own, which says how long an epoch took and by how much it raised its memory above
what it had with the rows in it. scikit-learn's `MLPClassifier` gets a part of the rows, and its time is
scaled up.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import warnings
from typing import Any

import numpy as np
from scipy import sparse

from truezero.bench.text import peak_memory

HIDDEN = (256, 256, 256)
BLOCK = 10_000


def tf_idf_rows(n: int, n_features: int, n_nonzero: int) -> tuple[sparse.csr_matrix, Any]:
    """Make rows of norm 1 of so many words each, and two classes that a hyperplane tells apart."""
    random = np.random.default_rng(0)
    often = np.cumsum(1 / (10 + np.arange(n_features)))
    often /= often[-1]
    indices = np.empty((n, n_nonzero), np.int32)
    data = np.empty((n, n_nonzero), np.float32)
    rarity = np.log(1 / np.diff(often, prepend=0)).astype(np.float32)
    for start in range(0, n, BLOCK):
        some = slice(start, min(start + BLOCK, n))
        # Every word from a stretch of its own of the distribution, so that none comes twice.
        places = (np.arange(n_nonzero) + random.random((some.stop - start, n_nonzero))) / n_nonzero
        words = np.minimum(np.searchsorted(often, places), n_features - 1)
        words = np.maximum.accumulate(words + np.arange(n_nonzero), axis=1)
        words = np.minimum(words, n_features - n_nonzero + np.arange(n_nonzero))
        weights = rarity[words] * random.integers(1, 4, words.shape)
        indices[some] = words
        data[some] = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    starts = np.arange(0, n * n_nonzero + 1, n_nonzero, dtype=np.int32)
    X = sparse.csr_matrix((data.ravel(), indices.ravel(), starts), shape=(n, n_features))
    return X, (X @ random.normal(size=n_features).astype(np.float32) > 0).astype(np.int64)


def estimator(method: str) -> Any:
    """Make the estimator that trains for an epoch."""
    from sklearn.linear_model import SGDClassifier
    from sklearn.neural_network import MLPClassifier

    from truezero import DeepRectifierClassifier

    match method:
        case "truezero":
            return DeepRectifierClassifier(HIDDEN, max_iter=1, random_state=0)
        case "SGDClassifier":
            return SGDClassifier(loss="log_loss", max_iter=1, tol=None, random_state=0)
        case _:
            return MLPClassifier(HIDDEN, max_iter=1, random_state=0)


def measured(method: str, n: int, n_features: int, n_nonzero: int, n_trained: int, pipe: Any) -> None:
    """Train, and tell seconds, memory, the rows' own memory, and the accuracy on rows that were held out."""
    X, y = tf_idf_rows(n, n_features, n_nonzero)
    rows = sum(part.nbytes for part in (X.data, X.indices, X.indptr)) / 2**20
    held_out = max(n // 100, 1)
    X_train, y_train = X[:-held_out], y[:-held_out]
    X_test, y_test = X[-held_out:], y[-held_out:]
    del X
    if n_trained < X_train.shape[0]:
        X_train, y_train = X_train[:n_trained], y_train[:n_trained]
    model = estimator(method)
    seconds = 0.0

    def fit() -> None:
        nonlocal seconds
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one epoch is not enough to converge
            model.fit(X_train, y_train)
        seconds = time.perf_counter() - started

    megabytes = peak_memory(fit)
    pipe.send((seconds, megabytes, rows, X_train.shape[0], float(model.score(X_test, y_test))))


def main() -> None:
    """Measure every method, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=800_000, help="rows")
    parser.add_argument("--features", type=int, default=200_000)
    parser.add_argument("--nonzeros", type=int, default=80, help="of a row")
    parser.add_argument("--peer-rows", type=int, default=10_000, help="rows that MLPClassifier trains on")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for method in ("truezero", "SGDClassifier", "MLPClassifier"):
        n_trained = options.peer_rows if method == "MLPClassifier" else options.n
        ours, theirs = context.Pipe(duplex=False)
        arguments = (method, options.n, options.features, options.nonzeros, n_trained, theirs)
        worker = context.Process(target=measured, args=arguments)
        worker.start()
        seconds, megabytes, rows, trained, accuracy = ours.recv()
        worker.join()
        epoch = seconds * (options.n - max(options.n // 100, 1)) / trained
        beyond = "unknown" if megabytes is None else f"{megabytes:.0f} MB"
        print(
            f"{method:<14} an epoch of {options.n} × {options.features}: {epoch:.0f} s (measured on "
            f"{trained} rows: {seconds:.0f} s); memory beyond the rows' {rows:.0f} MB: {beyond}; "
            f"accuracy {accuracy:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
