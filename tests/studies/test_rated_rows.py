"""Which rows studies of ratings measure on, and how many labels they can be asked with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from truezero.datasets import Dataset
from truezero.errors import DataError
from truezero.runs import RunStore
from truezero.studies import table2
from truezero.studies.rated import held_out, n_of_parts, numbers_of_labels, rated_rows
from truezero.studies.study import Setting


def setting(n: int, tmp_path: Path, *, tested: bool = False, rare: float = 0.2) -> Setting:
    y = np.where(np.arange(n) < rare * n, 1, 2 + np.arange(n) % 3)
    X = np.ones((n, 1), np.uint8)
    test = (X[:9], y[:9]) if tested else (None, None)
    dataset = Dataset("mine", X, y, None, None, *test)
    return Setting("table2", "", (dataset,), "laptop", table2.SCALES["laptop"], RunStore(tmp_path))


@pytest.mark.parametrize(
    ("n", "part"), [(2000, 5), (10_000, 5), (13_400, 4), (15_000, 3), (20_000, 2), (25_000, 3), (100_001, 11)]
)
def test_rows_that_are_held_out(tmp_path: Path, n: int, part: int) -> None:
    of = setting(n, tmp_path)
    assert held_out(of, of.dataset) == (0, part)
    rows, found = rated_rows(of, of.dataset, 10_000), n_of_parts(of, of.dataset)
    below = rows.below.of(of.dataset)
    assert found == {"n_train": len(below.X_train), "n_test": len(below.X_test)}
    assert found["n_test"] <= 10_000 + 4  # each of the four ratings is rounded
    fold = rows.folds[1].of(of.dataset)
    n_labels = len(fold.X_train) + len(fold.X_validation)
    assert abs(n_labels - min(10_000, found["n_train"])) <= 4
    assert len(fold.X_test) == found["n_test"]


def test_rows_of_a_test_part_are_those(tmp_path: Path) -> None:
    of = setting(3000, tmp_path, tested=True)
    assert n_of_parts(of, of.dataset) == {"n_train": 3000, "n_test": 9}
    assert rated_rows(of, of.dataset, 10_000).below.identity == {"fingerprint": of.dataset.fingerprint}


def test_a_rare_rating_needs_labels(tmp_path: Path) -> None:
    of = setting(3000, tmp_path, tested=True, rare=0.02)
    assert numbers_of_labels(of, (100, 300, 1000, 3000)) == [300, 1000]
    with pytest.raises(DataError, match="about 2 labelled rows would have the rating 1; 5 are needed"):
        rated_rows(of, of.dataset, 100)
