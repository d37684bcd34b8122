"""StackedDenoisingAutoencoder."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from truezero import (
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.errors import DataError, ModelFileError, OptionError


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
