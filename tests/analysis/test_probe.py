"""Linear models on the codes of each layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from by_hand import codes, drawn
from reviews import reviews
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor
from truezero.analysis import linear_probe
from truezero.analysis import probe as module
from truezero.core.draws import Purpose, permutation
from truezero.errors import DataError

PENALTIES = [10.0**e for e in range(-5, 2)]


def by_hand(code: Any, y: Any, test: Any, y_test: Any, classes: Any, seed: int = 0) -> tuple[float, float]:
    """Error of scikit-learn's ridge on the test rows and on those fitted, its penalty chosen on a fifth."""

    def fitted(rows: Any, penalty: float) -> Any:
        wanted = y[rows] if classes is None else (y[rows, np.newaxis] == classes).astype(float)
        size = len(rows) * code[rows].var(axis=0).mean()
        return Ridge(penalty * (size or 1)).fit(code[rows], wanted)

    def error(model: Any, rows: Any, target: Any) -> float:
        output = model.predict(rows)
        if classes is None:
            return float(((output - target) ** 2).mean())
        return float((classes[output.argmax(axis=1)] != target).mean())

    order = permutation(seed, Purpose.SPLIT, np.arange(len(y)))
    held, rest = order[: len(y) // 5], order[len(y) // 5 :]
    penalty = min(PENALTIES, key=lambda p: error(fitted(rest, p), code[held], y[held]))
    chosen = fitted(order, penalty)
    return error(chosen, test, y_test), error(chosen, code, y)


@pytest.mark.usefixtures("engine", "small_blocks")
@pytest.mark.parametrize("output", ["softmax", "linear"])
def test_they_are_ridge_regressions(output: Any) -> None:
    random = np.random.default_rng(0)
    X, X_test = random.normal(size=(120, 6)), random.normal(size=(50, 6))
    network = drawn((6, 9, 7, 3), output=output)
    network.biases[1][:] = -100  # layer 1 is dead: nothing can be read from it
    noise = random.normal(size=170)
    numbers = np.sin(np.concatenate([X, X_test])[:, 0]) + 0.1 * noise
    two = np.column_stack([numbers, 3 * numbers**2])
    y = two if output == "linear" else np.array(["a", "b", "c"])[np.digitize(numbers, [-0.3, 0.5])]
    found = linear_probe(network, X, y[:120], X_test=X_test, y_test=y[120:])
    classes = None if output == "linear" else np.unique(y)
    assert found.error_unit == ("squared units of y" if classes is None else "fraction")
    assert (found.n_fit, found.n_test) == (120, 50)
    layers = zip([X, *codes(network, X)[:-1]], [X_test, *codes(network, X_test)[:-1]], strict=True)
    for layer, (code, test) in enumerate(layers):
        wanted = by_hand(code, y[:120], test, y[120:], classes)
        assert (found.errors[layer], found.fitted[layer]) == pytest.approx(wanted, rel=1e-7)
    assert found.errors[2] is not None
    assert found.errors[0] is not None
    assert found.errors[2] > found.errors[0]


def test_a_quarter_is_set_apart() -> None:
    X, y = np.random.default_rng(0).normal(size=(80, 5)), np.arange(80) % 2
    network = drawn((5, 6, 2))
    order = permutation(7, Purpose.SPLIT, np.arange(80))
    found = linear_probe(network, X, y, random_state=7)
    assert (found.n_fit, found.n_test) == (60, 20)
    fit, test, classes = order[20:], np.sort(order[:20]), np.array([0, 1])
    held, rest = fit[:12], fit[12:]

    def wrong(rows: Any, penalty: float, on: Any) -> float:
        ridge = Ridge(penalty * len(rows) * X[rows].var(axis=0).mean())
        ridge.fit(X[rows], y[rows, np.newaxis] == classes)
        return float((ridge.predict(X[on]).argmax(axis=1) != y[on]).mean())

    penalty = min(PENALTIES, key=lambda p: wrong(rest, p, held))
    assert found.errors[0] == pytest.approx(wrong(fit, penalty, test))


def test_estimators_and_rows_without_a_label() -> None:
    random = np.random.default_rng(0)
    X = random.normal(2, 3, size=(100, 4))
    y = (X[:, 0] > 2).astype(int)
    some = np.where(random.random(100) < 0.4, -1, y)
    model = make_pipeline(
        StandardScaler(), DeepRectifierClassifier((8,), max_iter=2, unlabeled_label=-1, random_state=0)
    ).fit(X, some)
    found, labeled = linear_probe(model, X, some), some != -1
    assert found == linear_probe(model, X[labeled], y[labeled])
    assert found.n_fit + found.n_test == labeled.sum()
    assert found.error_unit == "fraction"
    targets = np.column_stack([X[:, 1], X[:, 2] * 10])
    regressor = DeepRectifierRegressor((8,), max_iter=2, random_state=0).fit(X, targets)
    probe = linear_probe(regressor, X, targets)
    assert probe.error_unit == "squared units of y"
    assert probe.errors[0] is not None
    assert probe.errors[0] < 1e-3  # the input says it all
    words, stars = reviews(200, 30)
    rated = RatingPredictor((8, 6), max_iter=2, random_state=0).fit(words, stars)
    probe = linear_probe(rated, words, stars)
    assert (len(probe.errors), probe.error_unit) == (3, "squared units of y")
    assert probe.errors == linear_probe(rated, words.toarray(), stars).errors


def test_codes_that_separate_classes_are_seen_to() -> None:
    X = np.random.default_rng(0).normal(size=(400, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)  # no line parts these; two pairs of rectifiers do
    network = drawn((2, 4, 2))
    network.weights[0][:], network.biases[0][:] = np.array([[1, -1, 1, -1], [1, -1, -1, 1]]), 0
    found = linear_probe(network, X, y)
    assert found.errors[0] is not None
    assert found.errors[1] is not None
    assert found.errors[0] > 0.35
    assert found.errors[1] < 0.05


def test_what_is_too_wide_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WIDEST", 6)
    found = linear_probe(drawn((7, 6, 2)), np.random.default_rng(0).normal(size=(40, 7)), np.arange(40) % 2)
    assert found.errors[0] is found.fitted[0] is None
    assert found.errors[1] is not None


def test_mistakes() -> None:
    network, X = drawn((3, 4, 2)), np.ones((20, 3))
    with pytest.raises(DataError, match="X has 20 rows, y 19"):
        linear_probe(network, X, np.zeros(19))
    with pytest.raises(DataError, match="a probe needs 10 rows with a label, got 9"):
        linear_probe(network, X[:9], np.zeros(9))
    with pytest.raises(DataError, match="requires y to be passed"):
        linear_probe(network, X, np.zeros(20), X_test=X)
    with pytest.raises(DataError, match=r"classes must be a vector, got y of shape \(20, 2\)"):
        linear_probe(network, X, np.zeros((20, 2)))
    numbers = drawn((3, 4, 2), output="linear")
    with pytest.raises(DataError, match="NaN or infinite"):
        linear_probe(numbers, X, np.full(20, np.nan))
    with pytest.raises(DataError):
        linear_probe(numbers, X, ["a"] * 20)
