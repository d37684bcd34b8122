"""Pre-training: the loop over the layers, checkpoints, and what cannot be trained."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from small_pretraining import arrays, plan, same_stacks, settings, train

from truezero import (
    Checkpoint,
)
from truezero.core.corruption import Corruption
from truezero.engines import Features, get_engine
from truezero.errors import DataError, DivergenceError, ModelFileError
from truezero.training import Pretraining, PretrainingState

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
    assert same_stacks(train(X, what), train(X, what, n_threads=3))
    assert same_stacks(train(X, what), train(X, what))
    assert not same_stacks(train(X, what), train(X, settings(plan(30, l1=1e-3), plan(20), seed=6)))


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
        # Up to rounding in float32: what divided was measured by sums of another order.
        assert code.max() == pytest.approx(1, abs=1e-5)
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
            [sys.executable, "-c", _KILLED.format(tests=str(Path(__file__).parents[1])), str(path)]
        )
        while not path.exists() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(random.random() * 0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed = train(X, _kill_settings(), X[:100], callbacks=[Checkpoint(path)])
        assert same_stacks(whole, resumed)
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
    assert same_stacks(resumed, train(X, what, X[:50]))
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
    assert same_stacks(whole, train(X, what, callbacks=[early, Checkpoint(tmp_path / "d")]))


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
