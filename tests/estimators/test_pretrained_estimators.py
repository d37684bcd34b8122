"""Classifiers and regressors that are pre-trained, on rows without labels too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import truezero
from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.engines import available_engines
from truezero.errors import DataError, OptionError
from truezero.training import PretrainingState


def stack(**changes: Any) -> StackedDenoisingAutoencoder:
    given: dict[str, Any] = {
        "hidden_layer_sizes": (24, 12), "max_iter": 2, "random_state": 0, "n_threads": 1,
        "learning_rate_init": 0.02,
    }  # fmt: skip
    return StackedDenoisingAutoencoder(**{**given, **changes})


def classifier(**changes: Any) -> DeepRectifierClassifier:
    given: dict[str, Any] = {
        "hidden_layer_sizes": (24, 12), "max_iter": 3, "random_state": 0, "n_threads": 1, "early_stopping": False,
        "pretraining": StackedDenoisingAutoencoder(max_iter=2, learning_rate_init=0.02),
    }  # fmt: skip
    return DeepRectifierClassifier(**{**given, **changes})


def test_learns_from_labeled_and_unlabeled_rows(X: Any, y: Any) -> None:
    seen: list[Any] = []
    pretraining = StackedDenoisingAutoencoder(max_iter=1, validation_fraction=0, callbacks=[seen.append])
    model = classifier(pretraining=pretraining, sign_mask="half").fit(X[:100], y[:100], X_unlabeled=X[100:])
    assert seen[0].data_shape == X.shape
    assert model.n_samples_ == (100, 0)
    assert not hasattr(pretraining, "stack_")  # a clone was fitted
    assert model.pretraining_.n_iter_ == 2
    signs = model.network_.signs[0]
    assert signs is not None
    assert (signs == model.pretraining_.stack_.signs[0]).all()


def test_training_starts_from_the_pretrained_layers(X: Any, y: Any) -> None:
    for scale in (1, 100):  # large features are divided while training
        rows = X * scale
        model = classifier(learning_rate_init=1e-9, max_iter=1).fit(rows, y)
        for layer in range(2):
            np.testing.assert_allclose(
                model.coefs_[layer], model.pretraining_.network_.weights[layer], rtol=1e-4, atol=1e-6
            )
        np.testing.assert_allclose(
            model.transform(rows).toarray(),
            model.pretraining_.transform(rows).toarray(),
            rtol=1e-3,
            atol=1e-4,
        )


def test_unlabeled_rows_by_label(X: Any, y: Any) -> None:
    marked = np.where(np.arange(400) < 100, y, -1)
    a = classifier(unlabeled_label=-1).fit(X, marked)
    b = classifier().fit(X[:100], y[:100], X_unlabeled=X[100:])
    assert list(a.classes_) == list(range(10))
    for x, z in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_array_equal(x, z)
    # Never by default: -1 may be a class.
    assert -1 in classifier(pretraining=None).fit(X, marked).classes_
    words = np.where(marked < 0, "?", marked.astype(str))
    assert "?" not in classifier(unlabeled_label="?").fit(X, words).classes_
    with pytest.raises(DataError, match="no row has a label"):
        classifier(unlabeled_label=-1).fit(X, np.full(400, -1))


def test_rows_without_a_label_do_not_count(X: Any, y: Any) -> None:
    model = classifier(unlabeled_label=-1, max_iter=20).fit(X, np.where(np.arange(400) < 200, y, -1))
    marked = np.where(np.arange(400) % 5 == 0, y, -1)
    for rows in (X, sparse.csr_array(X)):
        assert model.score(rows, marked) == model.score(rows[::5], y[::5]) > 0.5
    weight = np.arange(400.0)
    assert model.score(X, marked, weight) == model.score(X[::5], y[::5], weight[::5])


def test_regression_too(X: Any, y: Any) -> None:
    model = DeepRectifierRegressor(
        (24, 12),
        max_iter=3,
        early_stopping=False,
        pretraining=stack(hidden_layer_sizes=(24, 12)),
        random_state=0,
    ).fit(X[:100], y[:100], X_unlabeled=X[100:])
    assert model.pretraining_.n_iter_ == 4
    assert model.predict(X).shape == (400,)


def test_fitted_before(X: Any, y: Any) -> None:
    fitted = stack(hidden_layer_sizes=(24, 12)).fit(X)
    before = [w.copy() for w in fitted.network_.weights]
    a = classifier(pretraining=fitted, prefit=True).fit(X[:100], y[:100])
    b = classifier(pretraining=FrozenEstimator(fitted)).fit(X[:100], y[:100])
    assert a.pretraining_ is fitted
    for x, z in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_array_equal(x, z)
    for x, z in zip(before, fitted.network_.weights, strict=True):
        np.testing.assert_array_equal(x, z)
    assert len(cross_val_score(classifier(pretraining=FrozenEstimator(fitted)), X, y, cv=2)) == 2
    with pytest.raises(OptionError, match="FrozenEstimator"):
        clone(classifier(pretraining=fitted, prefit=True)).fit(X, y)
    with pytest.raises(OptionError, match=r"64-24-12 \(rectifier.* do not fit the hidden layers 64-20"):
        classifier(hidden_layer_sizes=20, pretraining=fitted, prefit=True).fit(X, y)
    with pytest.raises(OptionError, match="fitted on 64 features, X has 10"):
        classifier(pretraining=fitted, prefit=True).fit(X[:, :10], y)


def test_the_network_is_the_classifier_s(X: Any, y: Any) -> None:
    model = classifier(
        pretraining=StackedDenoisingAutoencoder((24, 12), "relu", max_iter=1), dtype="float64"
    ).fit(X, y)
    assert model.pretraining_.network_.dtype == np.float64
    with pytest.raises(
        OptionError, match=r"pretraining has hidden_layer_sizes=\(5,\), the network \(24, 12\)"
    ):
        classifier(pretraining=StackedDenoisingAutoencoder((5,))).fit(X, y)
    with pytest.raises(OptionError, match="pretraining has activation='tanh', the network 'rectifier'"):
        classifier(pretraining=StackedDenoisingAutoencoder(activation="tanh")).fit(X, y)
    with pytest.raises(OptionError, match="needs a hidden layer"):
        classifier(hidden_layer_sizes=()).fit(X, y)
    with pytest.raises(OptionError, match="must be a StackedDenoisingAutoencoder or None, got 'yes'"):
        classifier(pretraining="yes").fit(X, y)


def test_unlabeled_rows_that_cannot_be(X: Any, y: Any) -> None:
    with pytest.raises(DataError, match="X_unlabeled has 10 features, X has 64"):
        classifier().fit(X, y, X_unlabeled=X[:, :10])
    with pytest.raises(ValueError, match="NaN"):
        classifier().fit(X, y, X_unlabeled=np.full((3, 64), np.nan))


def test_unlabeled_rows_that_nobody_learns_from(X: Any, y: Any) -> None:
    fitted = stack(hidden_layer_sizes=(24, 12)).fit(X)
    for model in (
        classifier(pretraining=fitted, prefit=True),
        classifier(pretraining=FrozenEstimator(fitted)),
    ):
        model.set_params(unlabeled_label=9).fit(X, y)  # those have done their part before
    model = classifier(warm_start=True).fit(X, y)
    with pytest.raises(OptionError, match="pre-training is over"):
        model.fit(X, y, X_unlabeled=X)
    with pytest.raises(OptionError, match="pretraining has sign_mask=None, the network 'half'"):
        classifier(pretraining=fitted, prefit=True, sign_mask="half").fit(X, y)
    model = classifier().fit(X, y).set_params(pretraining=None).fit(X, y)
    assert not hasattr(model, "pretraining_")


def test_partial_fit_knows_unlabeled_rows(X: Any, y: Any) -> None:
    marked = np.where(np.arange(400) % 4 == 0, y, -1)
    model = classifier(unlabeled_label=-1).partial_fit(X, marked, classes=np.arange(10))
    assert list(model.classes_) == list(range(10))
    assert model.n_samples_ == (100, 0)


def test_interrupted_pretraining_is_not_fine_tuned(X: Any, y: Any) -> None:
    def interrupt(state: PretrainingState) -> None:
        if len(state.history) == 4:
            raise KeyboardInterrupt

    pretraining = StackedDenoisingAutoencoder(max_iter=3, callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        classifier(pretraining=pretraining).fit(X, y)


def test_sparse_and_dense_rows_together(X: Any, y: Any) -> None:
    model = classifier(pretraining=stack(reconstruction="softplus-quadratic"))
    a = clone(model).fit(X[:100], y[:100], X_unlabeled=sparse.csr_array(X[100:]))
    b = clone(model).fit(X[:100], y[:100], X_unlabeled=[X[100:200], X[200:]])
    for x, z in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_allclose(x, z, rtol=1e-3, atol=1e-5)


def test_unlabeled_rows_in_cross_validation(X: Any, y: Any) -> None:
    """Trap: scikit-learn splits every array as long as X. In a list it stays whole."""
    shapes: list[Any] = []

    def look(state: PretrainingState) -> None:
        shapes.append(state.data_shape)

    pretraining = StackedDenoisingAutoencoder(max_iter=1, validation_fraction=0, callbacks=[look])
    model = classifier(pretraining=pretraining, hidden_layer_sizes=(10,), max_iter=1)
    unlabeled = X[::-1]
    for given, n_rows in ((unlabeled, 200 + 200), ([unlabeled], 200 + 400), (unlabeled[:300], 200 + 300)):
        shapes.clear()
        cross_val_score(model, X, y, cv=2, params={"X_unlabeled": given})
        assert shapes == [(n_rows, 64)] * 2


def test_metadata_is_routed(X: Any, y: Any) -> None:
    import sklearn

    shapes: list[Any] = []
    pretraining = StackedDenoisingAutoencoder(
        max_iter=1, validation_fraction=0, callbacks=[lambda s: shapes.append(s.data_shape)]
    )
    with sklearn.config_context(enable_metadata_routing=True):
        model = classifier(pretraining=pretraining, hidden_layer_sizes=(10,), max_iter=1)
        model.set_fit_request(X_unlabeled=True)
        pipeline = make_pipeline(model)
        cross_val_score(pipeline, X, y, cv=2, params={"X_unlabeled": [X]})
    assert shapes == [(600, 64)] * 2


def test_pretraining_parameters_can_be_searched(X: Any, y: Any) -> None:
    search = GridSearchCV(classifier(), {"pretraining__corruption_level": [0.0, 0.3]}, cv=2).fit(X, y)
    assert search.best_estimator_.pretraining_.corruption_level in (0.0, 0.3)


def test_a_pretrained_classifier_saved_and_loaded(X: Any, y: Any, tmp_path: Path) -> None:
    model = classifier(pretraining=StackedDenoisingAutoencoder(max_iter=2, corruption_level=0.4)).fit(X, y)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.pretraining.corruption_level == 0.4
    assert not hasattr(again.pretraining, "stack_")


def test_without_the_compiled_core(X: Any, y: Any) -> None:
    assert "reference" in available_engines()
    model = classifier(engine="reference").fit(X[:60], y[:60])
    assert model.pretraining_.engine_["name"] == "reference"
    assert truezero.available_engines()["reference"] is None
