"""What noise in the input changes in the codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from by_hand import codes, drawn
from reviews import reviews
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from truezero import DeepRectifierClassifier, RatingPredictor
from truezero.analysis import active_overlap
from truezero.core import rows as core_rows
from truezero.core.corruption import Corruption
from truezero.core.draws import Purpose, permutation
from truezero.core.rows import Features
from truezero.errors import OptionError


def jaccard(a: Any, b: Any) -> float:
    either = int(((a != 0) | (b != 0)).sum())
    return int(((a != 0) & (b != 0)).sum()) / either if either else 1.0


@pytest.mark.usefixtures("engine", "small_blocks")
@pytest.mark.parametrize("kind", ["gaussian", "masking"])
def test_it_is_that_of_the_whole_codes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_rows, "_BLOCK", 7 * 12)  # deviations are put together from several blocks
    network = drawn((7, 12, 9, 2), sign_mask="half")
    X = np.random.default_rng(0).normal(2, [1, 2, 0, 4, 0.1, 1, 1], size=(40, 7))
    ids, levels = np.arange(40), (0.1, 0.6)
    found = active_overlap(network, X, corruption=kind, levels=levels, random_state=5)
    clean = codes(network, X)[:-1]
    for place, level in enumerate(levels):
        noise = Corruption(kind, level)
        if kind == "masking":
            noisy = noise.apply(X, ids, layer=0, epoch=0, seed=5)
        else:
            noisy = X + X.std(axis=0) * noise.apply(np.zeros_like(X), ids, layer=0, epoch=0, seed=5)
        for layer, (code, other) in enumerate(zip(clean, codes(network, noisy), strict=False)):
            kept = np.mean([jaccard(*rows) for rows in zip(code, other, strict=True)])
            assert found.kept[place, layer] == pytest.approx(kept, rel=1e-12)
            assert found.changed[place, layer] == pytest.approx((code != other).mean(), rel=1e-12)
    assert (found.kept[0] > found.kept[1]).all()
    assert found.n_rows == 40


def test_rows_that_are_compared_with_others() -> None:
    network, X = drawn((7, 12, 9, 2)), np.random.default_rng(0).normal(size=(40, 7))
    order = permutation(0, Purpose.SPLIT, np.arange(40))
    found = active_overlap(network, X)
    for layer, code in enumerate(codes(network, X)[:-1]):
        pairs = zip(code[order], code[order[1:]], strict=False)
        assert found.apart[layer] == pytest.approx(np.mean([jaccard(*pair) for pair in pairs]))
    few = active_overlap(network, X, n_rows=6)
    assert few.n_rows == 6
    assert few.kept[0] == pytest.approx(active_overlap(network, X[np.sort(order[:6])]).kept[0], abs=0.1)
    assert np.isnan(active_overlap(network, X[:1]).apart).all()


@pytest.mark.usefixtures("small_blocks")
def test_no_noise_changes_nothing_and_dense_codes_change_all_over() -> None:
    X = np.random.default_rng(0).normal(size=(30, 7))
    none = active_overlap(drawn((7, 12, 9, 2)), X, levels=[0.0])
    assert (none.kept == 1).all()
    assert (none.changed == 0).all()
    dense = active_overlap(drawn((7, 12, 9, 2), "tanh"), X, levels=[0.01])
    assert (dense.kept == 1).all()  # all are always active
    assert (dense.changed == 1).all()


def test_noise_is_as_large_as_each_feature_varies() -> None:
    X = np.random.default_rng(0).normal(size=(50, 4))
    network, other = drawn((4, 30, 2)), drawn((4, 30, 2))
    scale = np.array([1, 1024, 1 / 64, 1])
    other.weights[0][:] = network.weights[0] / scale[:, np.newaxis]
    one, two = active_overlap(network, X), active_overlap(other, Features(X, scale))
    np.testing.assert_allclose(one.kept, two.kept, rtol=1e-12)


def test_nothing_active_is_nothing_lost() -> None:
    network = drawn((3, 4, 2))
    network.biases[0][:] = -100
    found = active_overlap(network, np.random.default_rng(0).normal(size=(5, 3)))
    assert (found.kept == 1).all()
    assert (found.changed == 0).all()
    network.weights[0][:], network.biases[0][:] = np.eye(3, 4), 0
    lost = active_overlap(network, np.diag([1.0, 2, 3]), corruption="masking", levels=[1.0])
    assert (lost.kept == 0).all()  # of one unit, none
    assert lost.changed == pytest.approx(0.25)


@pytest.mark.usefixtures("small_blocks")
def test_sparse_rows_lose_words() -> None:
    X, y = reviews(60, 40)
    model = RatingPredictor((12, 7), max_iter=2, random_state=0).fit(X, y)
    found, dense = active_overlap(model, X), active_overlap(model, X.toarray(), corruption="masking")
    assert found.corruption == "masking"
    np.testing.assert_allclose(found.kept, dense.kept, rtol=1e-12)  # the same words
    np.testing.assert_allclose(found.changed, dense.changed, rtol=1e-12)
    with pytest.raises(OptionError, match="corruption must be 'masking' for these rows, got 'gaussian'"):
        active_overlap(model, sparse.csr_array(X), corruption="gaussian")
    with pytest.raises(OptionError, match="n_rows must be a whole number of at least 1 or None, got 0"):
        active_overlap(model, X, n_rows=0)
    with pytest.raises(OptionError, match="random_state must be a whole number, got None"):
        active_overlap(model, X, random_state=None)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="got 'salt-and-pepper'"):
        active_overlap(model, X.toarray(), corruption="salt-and-pepper")


def test_a_pipeline_is_disturbed_where_the_network_begins() -> None:
    X = np.random.default_rng(0).normal(3, 5, (80, 4))
    pipeline = make_pipeline(StandardScaler(), DeepRectifierClassifier((6,), max_iter=2, random_state=0))
    pipeline.fit(X, X[:, 0] > 3)
    one, two = active_overlap(pipeline, X), active_overlap(pipeline[1], pipeline[0].transform(X))
    np.testing.assert_array_equal(one.kept, two.kept)
