"""StackedDenoisingAutoencoder, and what it pre-trains."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import truezero
from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.engines import available_engines
from truezero.errors import DataError, ModelFileError, OptionError
from truezero.training import PretrainingState


def make(**changes: Any) -> StackedDenoisingAutoencoder:
    given: dict[str, Any] = {
        "hidden_layer_sizes": (24, 12),
        "max_iter": 2,
        "random_state": 0,
        "n_threads": 1,
        "learning_rate_init": 0.02,
    }
    return StackedDenoisingAutoencoder(**{**given, **changes})


def binary_rows(n: int = 200, n_features: int = 60, density: float = 0.1, seed: int = 0) -> Any:
    """Binary CSR rows of three overlapping topics."""
    random = np.random.default_rng(seed)
    topic = random.integers(0, 3, n)
    words = random.random((n, n_features)) < density * (1 + 3 * (np.arange(n_features) % 3 == topic[:, None]))
    return sparse.csr_array(words.astype(np.float32))


# ---- StackedDenoisingAutoencoder --------------------------------------------------------------------


def test_check_estimator() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(StackedDenoisingAutoencoder())


def test_codes_and_back(X: Any) -> None:
    model = make(hidden_layer_sizes=(48, 24), max_iter=15, sign_mask="half").fit(X)
    codes = model.transform(X)
    assert sparse.issparse(codes)
    assert codes.shape == (400, 24)
    assert 0 < 1 - codes.nnz / codes.shape[0] / codes.shape[1] < 1
    back = model.inverse_transform(codes)
    assert back.shape == X.shape
    assert ((back - X) ** 2).mean() < 0.6 * X.var()
    assert model.score(X) == pytest.approx(-float(((back - X) ** 2).mean()), rel=1e-4)
    assert len(model.get_feature_names_out()) == 24
    model.set_params(code_layer=0, sparse_output=False)
    assert model.transform(X).shape == (400, 48)
    assert ((model.inverse_transform(model.transform(X)) - X) ** 2).mean() < ((back - X) ** 2).mean()
    with pytest.raises(DataError, match="codes have 48 units here, got 24"):
        model.inverse_transform(codes)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation": "tanh"},
        {"activation": ("softplus", "tanh"), "learning_rate_init": 0.1},
        {
            "reconstruction": ("softplus-quadratic", "sigmoid-cross-entropy"),
            "learning_rate_init": (0.02, 0.2),
        },
        {"reconstruction": "linear-quadratic", "target": "before"},
        {"reconstruction": "sigmoid-cross-entropy", "target": "squashed", "learning_rate_init": 0.3},
        {
            "reconstruction": ("auto", "sigmoid-cross-entropy"),
            "target": ("after", "squashed"),
            "sign_mask": "half",
            "learning_rate_init": (0.02, 0.3),
            "max_iter": (15, 60),
        },
        {"tied_weights": True, "sign_mask": "half"},
        {
            "reconstruction": ("auto", "sigmoid-cross-entropy"),
            "tied_weights": True,
            "sign_mask": "half",
            "learning_rate_init": (0.02, 0.2),
        },
    ],
)
def test_better_than_the_mean(X: Any, options: dict[str, Any]) -> None:
    model = make(**{"hidden_layer_sizes": (60, 40), "max_iter": 15, **options}).fit(X)
    assert -model.score(X) < 0.8 * ((X - X.mean(axis=0)) ** 2).mean()


def test_sparse_rows_are_as_good_as_dense_ones() -> None:
    rows = binary_rows()
    options = {
        "corruption": "salt-and-pepper", "corruption_level": (0.5, 0.01), "dtype": "float64",
        "reconstruction": "softplus-quadratic",  # "auto" takes sparse rows for text
    }  # fmt: skip
    a, b = make(**options).fit(rows), make(**options).fit(rows.toarray())
    for x, y in zip(a.network_.weights, b.network_.weights, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-10)


def test_parameters_per_layer(X: Any) -> None:
    model = make(
        corruption=("salt-and-pepper", "masking"),
        corruption_level=((0.8, 0.005), 0.5),
        learning_rate_init=(0.02, 0.01),
        max_iter=(3, 1),
        l1_activation=(1e-3, 0),
        reconstruction=("sigmoid-cross-entropy", "softplus-quadratic"),
        sampling=(0.1, None),
    ).fit(X)
    assert [record["layer"] for record in model.history_] == [0, 0, 0, 1]
    assert model.n_iter_ == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes must be .* one per layer \\(1 or more\\), got"),
        ({"corruption": "rain"}, "unknown corruption 'rain'"),
        ({"corruption_level": 1.5}, r"corruption_level of masking must be a number in \[0, 1\], got 1.5"),
        ({"corruption_level": (0.1, 0.2, 0.3)}, "corruption_level must be one value or 2"),
        ({"reconstruction": "magic"}, "unknown reconstruction 'magic'"),
        ({"target": "beside"}, "target must be 'after', 'before' or 'squashed', or one per layer, got"),
        (
            {"target": "before", "reconstruction": "softplus-quadratic"},
            "target='before' needs reconstruction='linear",
        ),
        (
            {"target": "squashed", "reconstruction": "linear-quadratic"},
            "target='squashed' needs reconstruction='sig",
        ),
        ({"sampling": 2.0}, "sampling must be a number above 0 and at most 1 or None"),
        ({"learning_rate_init": 0}, "learning_rate_init must be a finite number above 0"),
        ({"learning_rate_init": (0.1,)}, "learning_rate_init must be one value or 2"),
        ({"l1_activation": -1}, "l1_activation must be a finite number of at least 0"),
        ({"max_iter": 0}, "max_iter must be a whole number of at least 1"),
        ({"max_iter": 1.5}, "max_iter must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"validation_fraction": 1.0}, "validation_fraction must be a number of at least 0 and below 1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be a whole number of at least 1 or None"),
        (
            {"deviation": 0.0, "reconstruction": "censored-gaussian"},
            "deviation must be a finite number above 0",
        ),
        ({"dtype": "float16"}, "dtype must be"),
        ({"code_layer": 2}, "code_layer must be a hidden layer, of which there are 2, got 2"),
        ({"sign_mask": "most"}, "sign_mask must be 'random', 'half' or None, got 'most'"),
        ({"activation": "step"}, "unknown activation 'step'"),
    ],
)
def test_options_that_cannot_be(X: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(**options).fit(X)


def test_a_stream(X: Any) -> None:
    model = make(random_state=1)
    for _ in range(4):
        for start in range(0, 400, 100):
            model.partial_fit(X[start : start + 100] * 100)  # large features, scaled by powers of two
    assert model.n_iter_ == 32
    assert -model.score(X * 100) < 0.7 * (X * 100).var()
    losses = [record["loss"] for record in model.history_ if record["layer"] == 0]
    assert losses[-1] < 0.5 * losses[0]


def test_a_stream_goes_on_as_asked(X: Any) -> None:
    model = make(
        reconstruction=("softplus-quadratic", "sigmoid-cross-entropy"), tied_weights=True
    ).partial_fit(X)
    seed = model.seed_
    model.set_params(learning_rate_init=1e-12, random_state=None)
    before = [w.copy() for w in model.network_.weights]
    model.partial_fit(X)
    assert model.seed_ == seed
    for x, y in zip(before, model.network_.weights, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)
    assert [record["epoch"] for record in model.history_] == [1, 1, 2, 2]
    assert model.stack_.layers[0].tied
    with pytest.raises(OptionError, match=r"layers of \(24, 12\), but hidden_layer_sizes is \(5,\)"):
        model.set_params(hidden_layer_sizes=(5,), reconstruction="auto").partial_fit(X)
    model.fit(X)
    assert model.partial_fit(X).network_.layer_sizes[1] == 5


def test_a_rate_s_effect_does_not_depend_on_the_code_s_scale(X: Any) -> None:
    """Going on after cross-entropy has divided the code below is going on, not beginning at another rate."""
    model = make(reconstruction=("softplus-quadratic", "sigmoid-cross-entropy"), max_iter=8).fit(X)
    losses = [record["loss"] for record in model.history_ if record["layer"] == 0]
    for _ in range(3):
        model.partial_fit(X)
    further = [record["loss"] for record in model.history_ if record["layer"] == 0][len(losses) :]
    assert max(further) < 1.05 * losses[-1]


def test_in_a_pipeline_before_a_linear_model(X: Any, y: Any) -> None:
    for rows in (X, sparse.csr_array(X)):
        pipeline = make_pipeline(
            make(hidden_layer_sizes=(80,), max_iter=10), LogisticRegression(max_iter=2000)
        )
        assert pipeline.fit(rows[:300], y[:300]).score(rows[300:], y[300:]) > 0.85
    search = GridSearchCV(make(hidden_layer_sizes=(20,)), {"corruption_level": [0.1, 0.5]}, cv=2).fit(X)
    assert search.best_score_ < 0


def test_forged_stacks(X: Any, tmp_path: Path) -> None:
    from truezero.core.tensors import read_tensors, write_tensors

    save(make(reconstruction=("auto", "sigmoid-cross-entropy")).fit(X * 20), tmp_path / "m")
    tensors, metadata = read_tensors(tmp_path / "m", kind="model")

    def forged(changed: Any = None, **arrays: Any) -> None:
        given = {**metadata, **(changed or {})}
        kept = {k: v for k, v in {**tensors, **arrays}.items() if v is not None}
        write_tensors(
            tmp_path / "f",
            kept,
            {k: v for k, v in given.items() if k not in ("kind", "format_version")},
            kind="model",
        )
        with pytest.raises(ModelFileError, match="is damaged"):
            load(tmp_path / "f")

    fitted = metadata["fitted"]
    forged({"fitted": {**fitted, "stack": []}})
    forged({"fitted": {**fitted, "history": []}})
    forged(
        {
            "fitted": {
                **fitted,
                "stack": [{**fitted["stack"][0], "reconstruction": "magic"}, fitted["stack"][1]],
            }
        }
    )
    forged({"parameters": []})
    forged({"fitted": None})
    forged(input_scale=np.zeros(64))
    forged(input_scale=np.ones(3))
    forged(**{"stack.0.output_scale": -np.ones(24, dtype=np.float32)})
    forged(**{"stack.1.weights.0": None})
    forged(**{"stack.0.biases.0": np.full(24, np.nan, dtype=np.float32)})


def test_saved_and_loaded(X: Any, tmp_path: Path) -> None:
    model = make(sign_mask="half", reconstruction=("softplus-quadratic", "sigmoid-cross-entropy")).fit(X * 20)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert type(again) is StackedDenoisingAutoencoder
    assert (again.transform(X) != model.transform(X)).nnz == 0
    np.testing.assert_array_equal(
        again.inverse_transform(again.transform(X)), model.inverse_transform(model.transform(X))
    )
    assert again.history_ == model.history_
    assert again.get_params()["reconstruction"] == ("softplus-quadratic", "sigmoid-cross-entropy")
    again.partial_fit(X)


# ---- few labels --------------------------------------------------------------------------------------


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
        pretraining=make(hidden_layer_sizes=(24, 12)),
        random_state=0,
    ).fit(X[:100], y[:100], X_unlabeled=X[100:])
    assert model.pretraining_.n_iter_ == 4
    assert model.predict(X).shape == (400,)


def test_fitted_before(X: Any, y: Any) -> None:
    fitted = make(hidden_layer_sizes=(24, 12)).fit(X)
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
    fitted = make(hidden_layer_sizes=(24, 12)).fit(X)
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
    model = classifier(pretraining=make(reconstruction="softplus-quadratic"))
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
