"""Pre-training: stacks of denoising auto-encoders, from the loop to the estimators."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import truezero
from truezero import (
    Checkpoint,
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.corruption import Corruption
from truezero.engines import AutoencoderSettings, Features, Unlabeled, available_engines, get_engine
from truezero.errors import DataError, DivergenceError, ModelFileError, OptionError
from truezero.training import LayerPlan, Pretraining, PretrainingState, pretrain


def make(**changes: Any) -> StackedDenoisingAutoencoder:
    given: dict[str, Any] = {
        "hidden_layer_sizes": (24, 12),
        "max_iter": 2,
        "random_state": 0,
        "n_threads": 1,
        "learning_rate_init": 0.02,
    }
    return StackedDenoisingAutoencoder(**{**given, **changes})


@pytest.fixture(scope="module", name="X")
def digits() -> Any:
    return (load_digits().data / 16).astype(np.float32)[:400]


@pytest.fixture(scope="module", name="y")
def classes() -> Any:
    return load_digits().target[:400]


def binary_rows(n: int = 200, n_features: int = 60, density: float = 0.1, seed: int = 0) -> Any:
    """Binary CSR rows of three overlapping topics."""
    random = np.random.default_rng(seed)
    topic = random.integers(0, 3, n)
    words = random.random((n, n_features)) < density * (1 + 3 * (np.arange(n_features) % 3 == topic[:, None]))
    return sparse.csr_array(words.astype(np.float32))


def settings(*plans: LayerPlan, **changes: Any) -> Pretraining:
    return Pretraining(plans, **{"seed": 5, **changes})


def plan(n_units: int, **changes: Any) -> LayerPlan:
    step = AutoencoderSettings(
        changes.pop("learning_rate", 0.02),
        10,
        changes.pop("l1", 0.0),
        changes.pop("corruption", Corruption()),
    )
    return LayerPlan(n_units, changes.pop("activation", "rectifier"), step, **{"max_epochs": 2, **changes})


def train(
    X: Any,
    what: Pretraining,
    held_out: Any = None,
    *,
    engine: str = "auto",
    n_threads: int = 1,
    callbacks: Any = (),
) -> PretrainingState:
    def rows(part: Any) -> Unlabeled:
        return Unlabeled(Features(part), np.arange(part.shape[0], dtype=np.int64))

    return pretrain(
        rows(X),
        None if held_out is None else rows(held_out),
        what,
        engine=get_engine(engine),
        n_threads=n_threads,
        callbacks=callbacks,
    )


def arrays(state: PretrainingState) -> list[Any]:
    return [
        array for layer in state.stack.layers for array in (*layer.network.weights, *layer.network.biases)
    ]


def same_bits(a: PretrainingState, b: PretrainingState) -> bool:
    return all(x.tobytes() == y.tobytes() for x, y in zip(arrays(a), arrays(b), strict=True))


# ---- the loop -------------------------------------------------------------------------------------


def test_engines_agree_on_a_whole_stack(X: Any) -> None:
    what = settings(plan(30, l1=1e-3), plan(20), plan(10), sign_mask="half", dtype="float64")
    expected = train(X[:200], what, X[200:], engine="reference")
    actual = train(X[:200], what, X[200:], engine="native", n_threads=2)
    for a, b in zip(arrays(expected), arrays(actual), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    for theirs, ours in zip(expected.history, actual.history, strict=True):
        assert ours["reconstruction_error"] == pytest.approx(theirs["reconstruction_error"], rel=1e-8)
        assert ours["sparsity"] == pytest.approx(theirs["sparsity"], abs=1e-3)


def test_the_same_bits_on_any_number_of_threads(X: Any) -> None:
    what = settings(plan(30, l1=1e-3), plan(20), sign_mask="half")
    assert same_bits(train(X, what), train(X, what, n_threads=3))
    assert same_bits(train(X, what), train(X, what))
    assert not same_bits(train(X, what), train(X, settings(plan(30, l1=1e-3), plan(20), seed=6)))


def test_every_layer_learns(X: Any) -> None:
    state = train(X[:300], settings(plan(40, max_epochs=8), plan(20, max_epochs=8)), X[300:])
    for layer in (0, 1):
        records = state.of_layer(layer)
        assert records[-1]["reconstruction_error"] < 0.8 * records[0]["reconstruction_error"]  # type: ignore[operator]


def test_the_best_epoch_of_each_layer_is_kept(X: Any) -> None:
    kept: list[Any] = []

    def watch(state: PretrainingState) -> None:
        assert state.current is not None
        kept.append(state.current.copy())

    what = settings(plan(12, learning_rate=0.4, max_epochs=8), plan(8, max_epochs=1))
    state = train(X[:40], what, X[40:], callbacks=[watch])
    errors = [record["reconstruction_error"] for record in state.of_layer(0)]
    best = int(np.argmin(np.asarray(errors, dtype=float)))
    assert best < len(errors) - 1  # or this test shows nothing
    np.testing.assert_array_equal(state.stack.layers[0].network.weights[0], kept[best].network.weights[0])


def test_held_out_rows_get_one_draw_of_the_noise(X: Any) -> None:
    """With a rate too small to move anything, the error stays as it is; L1 is not in it."""
    what = settings(plan(20, learning_rate=1e-12, l1=1.0, max_epochs=3))
    errors = [record["reconstruction_error"] for record in train(X[:100], what, X[100:]).history]
    assert errors[0] == errors[1] == errors[2]
    plain = train(X[:100], settings(plan(20, learning_rate=1e-12)), X[100:]).history
    assert plain[0]["reconstruction_error"] == errors[0]


def test_patience_ends_a_layer(X: Any) -> None:
    what = settings(plan(12, learning_rate=0.4, max_epochs=60), n_iter_no_change=2)
    records = train(X[:40], what, X[40:]).history
    best = int(np.argmin([record["reconstruction_error"] or 0.0 for record in records]))
    assert len(records) == best + 1 + 2 < 60


def test_lower_layers_run_clean_and_stay(X: Any) -> None:
    """The second layer's input is the first one's code of clean rows, signs and all."""
    what = settings(plan(20), plan(10), sign_mask="half")
    state = train(X, what)
    below = train(X, settings(plan(20), sign_mask="half"))
    np.testing.assert_array_equal(
        state.stack.layers[0].network.weights[0], below.stack.layers[0].network.weights[0]
    )
    network = below.stack.network()
    code = get_engine("reference").encode(network, Features(X), 0, n_threads=1)
    assert (code.toarray() < 0).any()
    assert state.stack.layers[1].target == "magnitude"
    clean = np.abs(code.toarray())  # a reconstruction error of the second layer, from the first one's code
    upper = state.stack.layers[1].network
    noisy = Corruption().apply(code.toarray(), np.arange(400), layer=1, epoch=0, seed=5)
    r = np.maximum(noisy @ upper.weights[0] + upper.biases[0], 0) @ upper.weights[1] + upper.biases[1]
    error = float(((np.log1p(np.exp(r)) - clean) ** 2).sum(axis=1).mean())
    measured = train(X, what, X).history[-1]["reconstruction_error"]
    assert measured == pytest.approx(error, rel=1e-3)


def test_codes_end_in_0_to_1_where_cross_entropy_needs_it(X: Any) -> None:
    for unit_scaling in (False, True):
        layers = [
            plan(20, max_epochs=3),
            plan(10, reconstruction="sigmoid-cross-entropy", unit_scaling=unit_scaling),
        ]
        state = train(X, settings(*layers))
        code = get_engine("native").encode(state.stack.network(), Features(X), 0, n_threads=1).toarray()
        assert code.max() == pytest.approx(1, abs=1e-6)
        if unit_scaling:
            largest = code.max(axis=0)
            np.testing.assert_allclose(largest[largest > 0], 1, rtol=1e-5)
        plain = train(X, settings(layers[0]))
        before = get_engine("native").encode(plain.stack.network(), Features(X), 0, n_threads=1).toarray()
        np.testing.assert_allclose(
            code / code.max(axis=0).clip(1e-9), before / before.max(axis=0).clip(1e-9), atol=1e-5
        )
        # The decoder of the scaled code was scaled against it: its reconstruction is what it was.
        np.testing.assert_allclose(state.stack.decode(code, 0), plain.stack.decode(before, 0), atol=1e-4)


def test_scale_of_softplus_codes_is_folded_into_the_layer_above(X: Any) -> None:
    layers = [plan(20, activation="softplus"), plan(10, reconstruction="sigmoid-cross-entropy", max_epochs=1)]
    state = train(X, settings(*layers, dtype="float64"))
    scale = state.stack.layers[1].input_scale
    assert scale is not None
    first = get_engine("native").encode(state.stack.network(), Features(X), 0, n_threads=1).toarray()
    assert first.max() == pytest.approx(scale.max(), rel=1e-9)
    network = state.stack.layers[1].network
    expected = np.maximum(first / scale @ network.weights[0] + network.biases[0], 0)
    actual = get_engine("native").encode(state.stack.network(), Features(X), 1, n_threads=1).toarray()
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ({"reconstruction": "linear-quadratic", "target": "before"}, "before"),
        ({"reconstruction": "sigmoid-cross-entropy", "target": "squashed"}, "squashed-magnitude"),
        ({"reconstruction": "rectifier-quadratic"}, "magnitude"),
        ({"reconstruction": "censored-gaussian"}, "magnitude"),
        ({"reconstruction": "censored-laplace"}, "magnitude"),
    ],
)
def test_every_kind_of_target(X: Any, options: dict[str, Any], target: str) -> None:
    state = train(X, settings(plan(20), plan(10, **options), sign_mask="half"), X[:50])
    assert state.stack.layers[1].target == target
    assert state.of_layer(1)[1]["reconstruction_error"] < state.of_layer(1)[0]["reconstruction_error"]  # type: ignore[operator]
    decoded = state.stack.decode(
        get_engine("native").encode(state.stack.network(), Features(X), 1, n_threads=1).toarray(), 1
    )
    assert np.isfinite(decoded).all()
    assert decoded.shape == X.shape


def test_what_stood_before_the_rectifier_is_the_target(X: Any) -> None:
    """The held-out error of strategy 3 against z, computed here from z."""
    state = train(
        X[:200],
        settings(
            plan(20),
            plan(
                10,
                reconstruction="linear-quadratic",
                target="before",
                corruption=Corruption("masking", 0.0),
                max_epochs=1,
            ),
            dtype="float64",
        ),
        X[200:],
    )
    lower, upper = (layer.network for layer in state.stack.layers)
    z = X[200:].astype(float) @ lower.weights[0] + lower.biases[0]
    assert (z < 0).any()
    h = np.maximum(z, 0)
    r = np.maximum(h @ upper.weights[0] + upper.biases[0], 0) @ upper.weights[1] + upper.biases[1]
    assert state.history[-1]["reconstruction_error"] == pytest.approx(
        ((r - z) ** 2).sum(axis=1).mean(), rel=1e-9
    )


def test_tanh_codes_are_mapped_to_0_to_1(X: Any) -> None:
    layers = [plan(20, activation="tanh", reconstruction="sigmoid-cross-entropy")] * 2
    state = train(X, settings(*layers), X[:50])
    assert [layer.target for layer in state.stack.layers] == ["input", "two-sided"]


def test_strategy_4_says_how_many_units_are_stuck(X: Any) -> None:
    state = train(X, settings(plan(20, reconstruction="rectifier-quadratic")), X[:50])
    assert 0 < state.history[-1]["stuck"] < 1
    assert train(X, settings(plan(20)), X[:50]).history[-1]["stuck"] == 0


@pytest.mark.parametrize("as_csr", [False, True])
def test_a_layer_that_dies_is_reported(X: Any, as_csr: bool) -> None:
    rows = sparse.csr_array(X) if as_csr else X
    with pytest.raises(
        DivergenceError, match=r"layer 1 died in epoch \d+ .* 20 units .* L1 coefficient 50 is too high"
    ):
        train(rows, settings(plan(20, l1=50.0, max_epochs=20)), rows[:50])
    with pytest.raises(DivergenceError, match="its input is 0 everywhere"):
        train(rows * 0, settings(plan(20)))


def test_divergence_is_reported(X: Any) -> None:
    with pytest.raises(DivergenceError, match=r"pre-training of layer 1 diverged in epoch 1: .*below 1000"):
        train(X, settings(plan(20, learning_rate=1000.0, reconstruction="linear-quadratic")))


def test_bad_targets(X: Any) -> None:
    shifted = X - 0.5
    with pytest.raises(
        DataError, match=r"layer 1: cross-entropy \(strategy 2\) needs targets that are at least 0"
    ):
        train(shifted, settings(plan(20, reconstruction="sigmoid-cross-entropy")))
    with pytest.warns(
        UserWarning, match=r"layer 1: softplus-quadratic \(strategy 1\) cannot reach targets below 0"
    ):
        train(shifted, settings(plan(20)))


# ---- killed and resumed ----------------------------------------------------------------------------

_KILLED = """
import sys
sys.path.insert(0, {tests!r})
from test_pretraining import *
from test_pretraining import _kill_settings
train(load_digits().data / 16, _kill_settings(), load_digits().data[:100] / 16, n_threads=2, callbacks=[Checkpoint(sys.argv[1])])
"""


def _kill_settings() -> Pretraining:
    return settings(
        plan(30, max_epochs=4),
        plan(20, max_epochs=4, reconstruction="sigmoid-cross-entropy"),
        plan(10, max_epochs=4),
        sign_mask="half",
    )


def test_killed_and_resumed_to_the_same_bits(tmp_path: Path) -> None:
    X = load_digits().data / 16
    whole = train(X, _kill_settings(), X[:100])
    path = tmp_path / "checkpoint"
    random = np.random.default_rng(int(os.environ.get("TRUEZERO_KILL_SEED", "0")))
    for _ in range(int(os.environ.get("TRUEZERO_KILLS", "3"))):
        path.unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED.format(tests=str(Path(__file__).parent)), str(path)]
        )
        while not path.exists() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(random.random() * 0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed = train(X, _kill_settings(), X[:100], callbacks=[Checkpoint(path)])
        assert same_bits(whole, resumed)
        assert len(resumed.history) == 12


class StopError(Exception):
    pass


@pytest.mark.parametrize("epoch", range(1, 7))
def test_stopped_after_any_epoch_and_resumed(X: Any, tmp_path: Path, epoch: int) -> None:
    what = settings(
        plan(30), plan(20, reconstruction="sigmoid-cross-entropy"), plan(10, tied=True), sign_mask="half"
    )

    def stop(state: PretrainingState) -> None:
        if len(state.history) == epoch:
            raise StopError

    with pytest.raises(StopError):
        train(X, what, X[:50], callbacks=[Checkpoint(tmp_path / "c"), stop])
    resumed = train(X, what, X[:50], callbacks=[Checkpoint(tmp_path / "c")])
    assert same_bits(resumed, train(X, what, X[:50]))
    assert [(r["layer"], r["epoch"]) for r in resumed.history] == [
        (layer, e) for layer in range(3) for e in (1, 2)
    ]


def test_what_a_callback_ended_stays_ended(X: Any, tmp_path: Path) -> None:
    what = settings(plan(10, max_epochs=5), plan(5))

    def early(state: PretrainingState) -> bool:
        return len(state.history) == 2

    whole = train(X, what, callbacks=[early, Checkpoint(tmp_path / "c")])
    assert [record["layer"] for record in whole.history] == [0, 0, 1, 1]

    def stop(state: PretrainingState) -> None:
        if len(state.history) == 2:
            raise StopError

    with pytest.raises(StopError):  # after the checkpoint of the layer's last epoch
        train(X, what, callbacks=[Checkpoint(tmp_path / "d"), early, AfterCheckpoint(tmp_path / "d", stop)])
    assert same_bits(whole, train(X, what, callbacks=[early, Checkpoint(tmp_path / "d")]))


class AfterCheckpoint(Checkpoint):
    """Does something once the checkpoint is written."""

    def __init__(self, path: Path, then: Any) -> None:
        super().__init__(path)
        self.then = then

    def __call__(self, state: Any) -> None:
        super().__call__(state)
        self.then(state)


def test_resuming_another_training_is_refused(X: Any, tmp_path: Path) -> None:
    train(X, settings(plan(10)), callbacks=[Checkpoint(tmp_path / "c", "data")])
    for what, fingerprint in (
        (settings(plan(10, l1=0.1)), "data"),
        (settings(plan(10, corruption=Corruption("masking", 0.1))), "data"),
        (settings(plan(11)), "data"),
        (settings(plan(10), seed=9), "data"),
        (settings(plan(10)), "other data"),
    ):
        with pytest.raises(ModelFileError, match="another training"):
            train(X, what, callbacks=[Checkpoint(tmp_path / "c", fingerprint)])
    train(X, settings(plan(10, max_epochs=3)), callbacks=[Checkpoint(tmp_path / "c", "data")])  # only longer
    train(X, settings(plan(10), plan(5)), callbacks=[Checkpoint(tmp_path / "two")])
    with pytest.raises(
        ModelFileError, match="another training"
    ):  # the second layer learned from two epochs' code
        train(X, settings(plan(10, max_epochs=3), plan(5)), callbacks=[Checkpoint(tmp_path / "two")])
    (tmp_path / "d").write_bytes((tmp_path / "c").read_bytes()[:200])
    with pytest.raises(ModelFileError, match="damaged"):
        train(X, settings(plan(10)), callbacks=[Checkpoint(tmp_path / "d", "data")])


def test_interrupted_in_the_last_layer(X: Any) -> None:
    def interrupt(state: PretrainingState) -> None:
        if len(state.history) == 3:
            raise KeyboardInterrupt

    state = train(X, settings(plan(10), plan(5)), callbacks=[interrupt])
    assert state.interrupted
    assert len(state.stack.layers) == 2
    with pytest.raises(KeyboardInterrupt):
        train(X, settings(plan(10), plan(5), plan(4)), callbacks=[interrupt])


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
    options = {"corruption": "salt-and-pepper", "corruption_level": (0.5, 0.01), "dtype": "float64"}
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
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes must name a hidden layer"),
        ({"corruption": "rain"}, "unknown corruption 'rain'"),
        ({"corruption_level": 1.5}, r"corruption_level of masking must be a number in \[0, 1\], got 1.5"),
        ({"corruption_level": (0.1, 0.2, 0.3)}, "corruption_level must be one value or 2"),
        ({"reconstruction": "magic"}, "unknown reconstruction 'magic'"),
        ({"target": "beside"}, "target must be one of after, before, squashed"),
        (
            {"target": "before", "reconstruction": "softplus-quadratic"},
            "target='before' needs reconstruction='linear",
        ),
        (
            {"target": "squashed", "reconstruction": "linear-quadratic"},
            "target='squashed' needs reconstruction='sig",
        ),
        ({"sampling": 2.0}, "sampling must be None or above 0"),
        ({"learning_rate_init": 0}, "learning_rate_init must be above 0"),
        ({"learning_rate_init": (0.1,)}, "learning_rate_init must be one value or 2"),
        ({"l1_activation": -1}, "l1_activation must be at least 0"),
        ({"max_iter": 0}, "max_iter must be at least 1"),
        ({"max_iter": 1.5}, "max_iter must be a whole number"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"validation_fraction": 1.0}, "validation_fraction must be at least 0 and below 1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be None or at least 1"),
        ({"deviation": 0.0, "reconstruction": "censored-gaussian"}, "deviation must be above 0"),
        ({"dtype": "float16"}, "dtype must be"),
        ({"code_layer": 2}, "code_layer must be below 2"),
        ({"sign_mask": "most"}, "unknown sign_mask 'most'"),
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
    from truezero.files import read_tensors, write_tensors

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
    with pytest.raises(OptionError, match="must be a StackedDenoisingAutoencoder, got str"):
        classifier(pretraining="yes").fit(X, y)


def test_unlabeled_rows_that_cannot_be(X: Any, y: Any) -> None:
    with pytest.raises(DataError, match="X_unlabeled has 10 features, X has 64"):
        classifier().fit(X, y, X_unlabeled=X[:, :10])
    with pytest.raises(OptionError, match=r"set pretraining=StackedDenoisingAutoencoder\(\.\.\.\)"):
        classifier(pretraining=None).fit(X, y, X_unlabeled=X)
    with pytest.raises(ValueError, match="NaN"):
        classifier().fit(X, y, X_unlabeled=np.full((3, 64), np.nan))


def test_unlabeled_rows_that_nobody_learns_from(X: Any, y: Any) -> None:
    fitted = make(hidden_layer_sizes=(24, 12)).fit(X)
    for model in (
        classifier(pretraining=fitted, prefit=True),
        classifier(pretraining=FrozenEstimator(fitted)),
    ):
        with pytest.raises(OptionError, match="fitted already, so nothing can learn from X_unlabeled"):
            model.fit(X, y, X_unlabeled=X)
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
    a = classifier().fit(X[:100], y[:100], X_unlabeled=sparse.csr_array(X[100:]))
    b = classifier().fit(X[:100], y[:100], X_unlabeled=[X[100:200], X[200:]])
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
