"""Model files of networks and estimators."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forging import content_of
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.errors import DataError, ModelFileError, OptionError

FIRST_FORMAT = Path(__file__).parents[1] / "files" / "format-1.safetensors"


@pytest.fixture(scope="module")
def model() -> Any:
    random = np.random.default_rng(0)
    X, y = random.random((80, 6)) * 20, np.array(["no", "yes"])[random.integers(0, 2, 80)]
    options: dict[str, Any] = {
        "hidden_layer_sizes": (9, 7),
        "sign_mask": "half",
        "max_iter": 3,
        "random_state": 0,
    }
    return DeepRectifierClassifier(**options).fit(X, y), X


def test_what_is_loaded_is_what_was_saved(model: Any, tmp_path: Path) -> None:
    fitted, X = model
    save(fitted, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert type(loaded) is DeepRectifierClassifier
    assert (loaded.predict_proba(X) == fitted.predict_proba(X)).all()
    assert loaded.classes_.tolist() == ["no", "yes"]
    assert loaded.history_ == fitted.history_
    assert loaded.get_params()["hidden_layer_sizes"] == (9, 7)
    loaded.partial_fit(X, fitted.predict(X))


def test_regressors_and_networks(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((60, 4))
    fitted = DeepRectifierRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0).fit(
        X, X[:, :2] * 9 + 3
    )
    save(fitted, tmp_path / "r")
    assert (load(tmp_path / "r").predict(X) == fitted.predict(X)).all()
    network = initialize(
        (3, 4, 2), "lif", sign_mask="half", softplus_scale=2.0, use_biases=False, dtype="float64"
    )
    save(network, tmp_path / "n")
    loaded = load(tmp_path / "n")
    assert isinstance(loaded, Network)
    assert (loaded.activations, loaded.use_biases, loaded.softplus_scale) == (("lif",), False, 2.0)
    assert all((a == b).all() for a, b in zip(network.weights, loaded.weights, strict=True))


def test_a_file_of_the_first_format_is_read() -> None:
    with pytest.warns(UserWarning, match="format-1.safetensors is of a version that wrote no digest") as said:
        loaded = load(FIRST_FORMAT)
    assert (len(said), said[0].filename) == (1, __file__)
    X = np.arange(12, dtype=np.float64).reshape(2, 6)
    proba = loaded.predict_proba(X)
    np.testing.assert_allclose(proba, np.load(FIRST_FORMAT.with_suffix(".npy")), rtol=1e-5)


def test_files_are_such_as_the_first_readers_knew(model: Any, tmp_path: Path) -> None:
    """What the first format has is still there and of the same kinds, so that older versions can read it."""

    def check(old: Any, new: Any) -> None:
        assert type(new) is type(old)
        if isinstance(old, dict):
            for name in old:
                check(old[name], new[name])
        elif isinstance(old, list) and old:
            check(old[0], new[0])

    save(model[0], tmp_path / "m")
    (old, old_arrays, _), (new, new_arrays, _) = content_of(FIRST_FORMAT), content_of(tmp_path / "m")
    check(old, new)
    assert set(new_arrays) >= set(old_arrays)
    assert new["parameters"]["hidden_layer_sizes"] == [9, 7]


def test_an_autoencoder_goes_on_where_it_was(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((60, 5))
    fitted = StackedDenoisingAutoencoder(
        (6, 4), corruption="salt-and-pepper", corruption_level=((0.1, 0.2), (0.3, 0.1)), sign_mask="half",
        reconstruction=["softplus-quadratic", "sigmoid-cross-entropy"], max_iter=2, random_state=0,
    ).fit(X * 20)  # fmt: skip
    save(fitted, tmp_path / "a")
    loaded = load(tmp_path / "a")
    assert type(loaded) is StackedDenoisingAutoencoder
    assert loaded.corruption_level == ((0.1, 0.2), (0.3, 0.1))
    for what in ("reconstruction_errors_", "sparsity_", "epochs_selected_", "n_iter_", "seed_", "engine_"):
        assert getattr(loaded, what) == getattr(fitted, what)
    assert (loaded.transform(X) != fitted.transform(X)).nnz == 0
    assert (
        loaded.inverse_transform(loaded.transform(X)) == fitted.inverse_transform(fitted.transform(X))
    ).all()
    assert (loaded.corrupt(X) == fitted.corrupt(X)).all()
    loaded.partial_fit(X)
    fitted.partial_fit(X)
    assert (loaded.transform(X) != fitted.transform(X)).nnz == 0


@pytest.mark.parametrize(
    "classes",
    [
        np.array([3, 7, 9], np.int32), np.array([3, 7, 9], ">i8"), np.array([0, 1, 255], np.uint8),
        np.array(["no", "so", "yes"]), np.array(["no", "so", "yes"], "<U20"), np.array(["ä", "b", "c"], object),
        np.array([False, True]), np.array([b"a", b"bc"]), np.array([0.5, 1.5]),
        np.array([np.str_("a"), np.str_("b")], object),
    ],
    ids=lambda classes: classes.dtype.str,
)  # fmt: skip
def test_class_labels_keep_their_dtype(classes: Any, tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).random((60, 4)), np.resize(classes, 60)
    fitted = DeepRectifierClassifier((5,), max_iter=1, early_stopping=False, random_state=0)
    # scikit-learn knows no classes that are fractions or bytes.
    fitted.fit(X, np.resize([0, 1], 60) if classes.dtype.kind in "fS" else y)
    fitted.classes_ = fitted.classes_ if classes.dtype.kind not in "fS" else classes
    save(fitted, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert loaded.classes_.dtype == fitted.classes_.dtype
    assert loaded.classes_.tolist() == fitted.classes_.tolist()
    predicted = loaded.predict(X)
    assert predicted.dtype == fitted.predict(X).dtype
    assert (predicted == fitted.predict(X)).all()


@pytest.mark.parametrize(
    "labels", [np.array([3, 7], np.int32), np.array(["no", "yes"]), np.array([False, True])]
)
def test_class_weight_goes_on(labels: Any, tmp_path: Path) -> None:
    """Training after a load gives the same bits as without: by classes' weights given, and balanced."""
    random = np.random.default_rng(0)
    X, y = random.random((80, 6)), labels[(random.random(80) < 0.2).astype(int)]
    keys = labels.tolist() if labels.dtype.kind == "U" else list(labels)
    weights: list[Any] = [{keys[0]: 1, keys[1]: np.float32(7.5)}, "balanced"]
    for class_weight in weights:
        fitted = DeepRectifierClassifier(
            (7,), max_iter=2, class_weight=class_weight, warm_start=True, random_state=0
        ).fit(X, y)
        save(fitted, tmp_path / "m")
        loaded = load(tmp_path / "m")
        assert loaded.class_weight == class_weight
        for further in ("partial_fit", "fit"):
            getattr(loaded, further)(X, y)
            getattr(fitted, further)(X, y)
            assert loaded.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()
        unweighted = load(tmp_path / "m").set_params(class_weight=None).partial_fit(X, y)
        assert (unweighted.predict_proba(X) != load(tmp_path / "m").partial_fit(X, y).predict_proba(X)).any()


def test_what_a_search_puts_into_parameters_is_kept(tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).random((60, 4)), np.resize([0, 1], 60)
    seed: Any = np.int64(3)
    grid = {
        "learning_rate_init": np.logspace(-2, -1, 2),
        "hidden_layer_sizes": np.array([4, 5]),
        "l1_activation": np.array([1e-3], np.float32),
        "use_biases": np.array([True]),
        "activation": np.array(["tanh"]),
    }
    estimator = DeepRectifierClassifier(max_iter=1, random_state=seed)
    best = GridSearchCV(estimator, grid, cv=2).fit(X, y).best_estimator_
    save(best, tmp_path / "m")
    loaded = load(tmp_path / "m")
    for name, value in best.get_params(deep=False).items():
        assert getattr(loaded, name) == value, name
        assert not isinstance(getattr(loaded, name), np.generic)
    assert (loaded.partial_fit(X, y).predict_proba(X) == best.partial_fit(X, y).predict_proba(X)).all()


def test_parameters_that_are_state_have_their_defaults(tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).random((60, 4)), np.resize([0, 1], 60)
    stack = StackedDenoisingAutoencoder((5,), max_iter=1, random_state=0).fit(X)
    fitted = DeepRectifierClassifier(
        (5,), max_iter=1, pretraining=stack, prefit=True, callbacks=[lambda state: False],
        random_state=np.random.RandomState(0), unlabeled_label=np.int64(-1),
    ).fit(X, y)  # fmt: skip
    save(fitted, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert (loaded.callbacks, loaded.prefit, loaded.random_state) == (None, False, None)
    assert loaded.unlabeled_label == -1
    assert loaded.pretraining.get_params() == stack.get_params()
    assert not hasattr(loaded.pretraining, "stack_")
    save(loaded.set_params(pretraining=FrozenEstimator(stack)), tmp_path / "m")
    assert type(load(tmp_path / "m").pretraining) is StackedDenoisingAutoencoder


def test_names_of_features_and_containers_of_codes_are_kept(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(np.random.default_rng(0).random((60, 3)), columns=["a", "b", "c"])
    fitted = DeepRectifierRegressor((4,), max_iter=1, random_state=0, sparse_output=False)
    fitted.set_output(transform="pandas").fit(X, X["a"])
    save(fitted, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert loaded.feature_names_in_.tolist() == ["a", "b", "c"]
    pd.testing.assert_frame_equal(loaded.transform(X), fitted.transform(X))
    assert loaded.score(X, X["a"]) == fitted.score(X, X["a"])


def test_what_cannot_be_saved_or_read(model: Any, tmp_path: Path) -> None:
    no_model: Any = {}
    with pytest.raises(OptionError, match="not fitted"):
        save(DeepRectifierClassifier(), tmp_path / "m")
    with pytest.raises(OptionError, match="only a Network"):
        save(no_model, tmp_path / "m")
    with pytest.raises(OptionError, match="parameter pretraining of DeepRectifierClassifier is a dict_keys"):
        save(copy.copy(model[0]).set_params(pretraining={}.keys()), tmp_path / "m")
    with pytest.raises(OptionError, match="only a Network"):
        save(type("DeepRectifierClassifier", (DeepRectifierClassifier,), {})(), tmp_path / "m")
    with pytest.raises(DataError, match="cannot write"):
        save(model[0], tmp_path / "no such folder" / "m")
    for kind in (ModelFileError, FileNotFoundError):
        with pytest.raises(kind, match="there is no file .*missing"):
            load(tmp_path / "missing")
    assert not list(tmp_path.iterdir())
