"""How many units are active, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from reviews import reviews

from truezero import RatingPredictor
from truezero.analysis import active_units
from truezero.analysis import units as module
from truezero.core.network import initialize
from truezero.errors import DataError


def test_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = reviews(150, 40)
    model = RatingPredictor((12, 7), max_iter=2, random_state=0).fit(X, y)
    codes = [model.network_.encode(X, layer).toarray() != 0 for layer in (0, 1)]
    monkeypatch.setattr(module, "_N_ROWS", 64)  # 150 rows are no multiple of it
    found = active_units(model, X)
    np.testing.assert_array_equal(found.counts, np.column_stack([code.sum(axis=1) for code in codes]))
    for often, code in zip(found.often, codes, strict=True):
        np.testing.assert_allclose(often, code.mean(axis=0))


def test_what_independent_units_would_vary_by() -> None:
    network = initialize((4, 3), (), dtype="float64", seed=0)
    assert active_units(network, np.ones((5, 4))).counts.shape == (5, 0)
    often = (np.array([0.0, 1.0, 0.5, 0.5, 0.2]),)
    assert module.ActiveUnits(np.zeros((1, 1), np.int64), often).independent_deviation(0) == pytest.approx(
        np.sqrt(0.25 + 0.25 + 0.16)
    )


def test_rows_that_do_not_fit() -> None:
    with pytest.raises(DataError):
        active_units(initialize((4, 3, 2), "rectifier", seed=0), np.ones((5, 3)))
