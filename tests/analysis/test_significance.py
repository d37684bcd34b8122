"""Tests of whether two models err differently."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from truezero.analysis import mcnemar, paired_bootstrap
from truezero.errors import DataError


def test_mcnemar_is_the_binomial_test_of_rows_that_one_has_wrong() -> None:
    a = np.array([True] * 12 + [False] * 4 + [True] * 30 + [False] * 50)
    b = np.array([False] * 12 + [True] * 4 + [True] * 30 + [False] * 50)
    assert mcnemar(a, b) == pytest.approx(stats.binomtest(12, 16).pvalue)
    assert mcnemar(b, a) == mcnemar(a, b)
    assert mcnemar(a, a) == 1


def test_bootstrap_of_one_seed_is_near_the_normal_approximation() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.random((1, 4000)) < 0.10, draw.random((1, 4000)) < 0.12
    found = paired_bootstrap(a, b)
    difference = a[0].astype(float) - b[0]
    error = difference.std() / np.sqrt(len(difference))
    assert found.mean == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(difference.mean() + 1.96 * error, abs=0.1 * error)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(difference.mean()) / error), abs=0.01)


def test_seeds_that_disagree_widen_the_interval() -> None:
    wrong = np.arange(1000) < 100
    right = np.zeros(1000, dtype=bool)
    agreeing = paired_bootstrap([wrong, wrong], [right, right])
    disagreeing = paired_bootstrap([wrong, right], [right, wrong])
    assert agreeing.p_value < 0.01
    assert disagreeing.mean == 0
    assert disagreeing.high - disagreeing.low > 3 * (agreeing.high - agreeing.low)
    assert paired_bootstrap([wrong], [wrong]).p_value == 1


def test_rows_must_be_the_same() -> None:
    for a, b in (([[True]], [[True, False]]), ([True], [True]), (np.empty((0, 3)), np.empty((0, 3)))):
        with pytest.raises(DataError, match="compared on the same rows"):
            paired_bootstrap(a, b)
