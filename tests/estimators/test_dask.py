"""The estimators under joblib's Dask backend, and on blocks of Dask arrays."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
import pytest
from dask_cluster import DaskCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from truezero import DeepRectifierClassifier

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'truezero[dask]'")
da = pytest.importorskip("dask.array")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


def model(**changes: Any) -> DeepRectifierClassifier:
    return DeepRectifierClassifier((20,), **{"max_iter": 6, "random_state": 0, "n_threads": 1, **changes})


def test_a_grid_search_on_a_cluster() -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    grid = {"learning_rate_init": [0.02, 0.1], "l1_activation": [0.0, 1e-3]}
    alone = GridSearchCV(model(), grid, cv=2).fit(X, y)
    with DaskCluster() as started, distributed.Client(started.address) as client:
        client.wait_for_workers(2, timeout=120)
        with joblib.parallel_config(backend="dask"):
            search = GridSearchCV(model(), grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_ == alone.best_params_
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_blocks_of_a_dask_array() -> None:
    """As docs/scaling.md has it."""
    X, y = load_digits(return_X_y=True)
    rows, labels = da.from_array(X / 16, chunks=(300, 64)), da.from_array(y, chunks=300)
    streamed, whole = model(), model()
    for _ in range(8):
        for block in range(rows.numblocks[0]):
            streamed.partial_fit(
                rows.blocks[block].compute(), labels.blocks[block].compute(), classes=range(10)
            )
    for _ in range(8):
        for start in range(0, len(X), 300):
            part = slice(start, start + 300)
            whole.partial_fit(X[part] / 16, y[part], classes=np.arange(10))
    assert (streamed.predict_proba(X / 16) == whole.predict_proba(X / 16)).all()
    assert streamed.score(X / 16, y) > 0.9


def test_dask_ml_s_incremental() -> None:
    wrappers = pytest.importorskip("dask_ml.wrappers", reason="dask-ml is not installed")
    X, y = load_digits(return_X_y=True)
    rows, labels = da.from_array(X / 16, chunks=(300, 64)), da.from_array(y, chunks=300)
    made = wrappers.Incremental(model()).fit(rows, labels, classes=np.arange(10))
    assert made.estimator_.n_iter_ == rows.numblocks[0]
