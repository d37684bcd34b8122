"""A layer's pre-training as a piece of work of its own: on layers that were trained before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import same_bits
from safetensors import safe_open
from scipy import sparse

from truezero import Checkpoint, DeepRectifierClassifier, StackedDenoisingAutoencoder, load, save
from truezero.core.autoencoder import Stack
from truezero.engines import AutoencoderSettings, Features, Unlabeled, get_engine
from truezero.errors import DataError, ModelFileError, OptionError
from truezero.training import LayerPlan, Pretraining, PretrainingState, pretrain, pretrain_layer

CROSS_ENTROPY = "sigmoid-cross-entropy"
STACKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "signs": {"sign_mask": "half", "l1_activation": 1e-3},
    "cross-entropy hands down": {"reconstruction": ("auto", CROSS_ENTROPY, CROSS_ENTROPY)},
    "each unit its own": {"reconstruction": ("auto", CROSS_ENTROPY, "auto"), "unit_scaling": True},
    "cross-entropy of large features": {"reconstruction": CROSS_ENTROPY, "learning_rate_init": 0.1},
    "tanh": {"activation": "tanh"},
    "softplus": {"activation": "softplus", "reconstruction": CROSS_ENTROPY, "softplus_scale": 3.0},
    "before": {"target": "before", "reconstruction": "linear-quadratic", "sign_mask": "random"},
    "no biases, float64": {"use_biases": False, "dtype": "float64", "tied_weights": True},
    "nothing held out": {"validation_fraction": 0, "n_iter_no_change": 1},
}
SIZES = (30, 20, 10)


def make(n_layers: int, **changes: Any) -> StackedDenoisingAutoencoder:
    """A stack of the first layers, its parameters cut to as many."""
    cut = {
        name: value[:n_layers] if isinstance(value, tuple) and len(value) == 3 else value
        for name, value in changes.items()
    }
    given: dict[str, Any] = {
        "hidden_layer_sizes": SIZES[:n_layers], "max_iter": 2, "random_state": 3, "n_threads": 1, "engine": "native",
        "learning_rate_init": 0.02,
    }  # fmt: skip
    return StackedDenoisingAutoencoder(**{**given, **cut})


def same_models(a: StackedDenoisingAutoencoder, b: StackedDenoisingAutoencoder) -> bool:
    for x, y in zip(a.stack_.layers, b.stack_.layers, strict=True):
        for scale in ("input_scale", "output_scale"):
            np.testing.assert_array_equal(getattr(x, scale), getattr(y, scale))
    return same_bits(a.network_, b.network_) and all(map(same_bits, a.stack_.layers, b.stack_.layers))


def records(history: list[Any]) -> list[Any]:
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


# ---- the estimator ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("name", STACKS)
def test_on_layers_below_it_is_the_same_as_all_at_once(X: Any, name: str, engine: str) -> None:
    options = {**STACKS[name], "engine": engine}
    rows = X[:200] * 20 if "large" in name else X[:200]
    whole = make(3, **options).fit(rows)
    first = make(1, **options).fit(rows)
    kept, history = first.stack_.copy(), list(first.history_)
    second = make(2, **options).fit(rows, below=first)
    third = make(3, **options).fit(rows, below=second)
    assert same_models(third, whole)
    assert same_models(make(3, **options).fit(rows, below=first), whole)
    assert records(third.history_) == records(whole.history_)
    assert third.history_[: len(history)] == history
    for learned in ("reconstruction_errors_", "sparsity_", "epochs_selected_", "n_iter_", "seed_", "engine_"):
        assert getattr(third, learned) == getattr(whole, learned)
    # What was below is left as it was, though what is above may make it hand its code down divided.
    assert first.history_ == history
    np.testing.assert_array_equal(first.stack_.layers[0].output_scale, kept.layers[0].output_scale)
    assert same_bits(first.stack_.layers[0], kept.layers[0])
    if "hands down" in name:
        assert first.stack_.layers[0].output_scale is None
        assert second.stack_.layers[0].output_scale is not None


def test_with_held_out_rows_of_its_own_and_csr(X: Any) -> None:
    rows, held_out = sparse.csr_array(X[:200] * 100), sparse.csr_array(X[300:] * 100)
    whole = make(3).fit(rows, X_val=held_out)
    below = make(1).fit(rows, X_val=held_out)
    assert same_models(make(3).fit(rows, X_val=held_out, below=below), whole)


def test_on_other_rows_layers_below_are_what_they_were_trained_to_be(X: Any) -> None:
    """Features of another size do not change what the layers below make of them."""
    below = make(1).fit(X * 100)
    model = make(2).fit(X * 3, below=below)
    np.testing.assert_array_equal(model.network_.weights[0], below.network_.weights[0])
    assert (model.set_params(code_layer=0).transform(X) != below.transform(X)).nnz == 0


def test_layers_are_shared_by_what_goes_on_top(X: Any, tmp_path: Path) -> None:
    """One first layer, saved and loaded, for two second ones; a stream goes on with the whole."""
    save(make(1).fit(X), tmp_path / "m")
    below = load(tmp_path / "m")
    for options in ({}, {"reconstruction": ("auto", CROSS_ENTROPY)}):
        model = make(2, **options).fit(X, below=below)
        assert same_models(model, make(2, **options).fit(X))
        assert same_models(model.partial_fit(X), make(2, **options).fit(X).partial_fit(X))
    classifier = DeepRectifierClassifier((30, 20), pretraining=model, prefit=True, max_iter=1, random_state=0)
    assert classifier.fit(X, np.arange(400) % 3).n_iter_ == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_layer_sizes": (31, 20)}, "layer 1, which is below, has hidden_layer_sizes=30, not 31"),
        (
            {"hidden_layer_sizes": (30,)},
            "hidden_layer_sizes must name more layers than the 1 that are below, got 1",
        ),
        ({"activation": "tanh"}, "layer 1, which is below, has activation='rectifier', not 'tanh': set both"),
        ({"sign_mask": "half"}, "layer 1, which is below, has another sign mask than sign_mask='half'"),
        ({"softplus_scale": 2.0}, "has softplus_scale=1.0, not 2.0"),
        ({"use_biases": False}, "has use_biases=True, not False"),
        ({"dtype": "float64"}, "has dtype='float32', not 'float64'"),
        ({"random_state": 4}, "below was trained from another seed: give both the same whole number"),
        ({"random_state": None}, "below was trained from another seed"),
    ],
)
def test_layers_below_that_do_not_fit(X: Any, changes: dict[str, Any], message: str) -> None:
    below = make(1).fit(X[:50])
    with pytest.raises(OptionError, match=message):
        make(2, **changes).fit(X[:50], below=below)


def test_what_cannot_be_below(X: Any) -> None:
    with pytest.raises(OptionError, match="below is not fitted: fit it before"):
        make(2).fit(X, below=make(1))
    with pytest.raises(OptionError, match="below must be a fitted StackedDenoisingAutoencoder, got str"):
        make(2).fit(X, below="layer 1")  # type: ignore[arg-type] # which is refused
    with pytest.raises(DataError, match="the layers below take 64 features, the rows have 10"):
        make(2).fit(X[:, :10], below=make(1).fit(X))


# ---- killed and resumed -----------------------------------------------------------------------------


@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
def test_killed_after_any_epoch_and_resumed(X: Any, tmp_path: Path, epoch: int) -> None:
    """Where the first layer here has made the one below hand its code down divided, it stays so."""
    options: dict[str, Any] = {"reconstruction": ("auto", CROSS_ENTROPY, "auto"), "sign_mask": "half"}
    below, path = make(1, **options).fit(X), tmp_path / "checkpoint"
    whole = make(3, **options).fit(X, below=below)

    def stop(state: PretrainingState) -> None:
        if len(state.history) == epoch:
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - ours
        make(3, callbacks=[Checkpoint(path), stop], **options).fit(X, below=below)
    resumed = make(3, callbacks=[Checkpoint(path)], **options).fit(X, below=below)
    assert same_models(whole, resumed)
    assert records(whole.history_) == records(resumed.history_)


def test_a_checkpoint_holds_what_is_trained_here(X: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    below = make(1).fit(X)
    model = make(3, callbacks=[Checkpoint(path)]).fit(X, below=below)
    with safe_open(path, framework="numpy") as file:
        names = list(file.keys())
    assert {name.split(".")[0] for name in names} == {"finished", "current", "best"}
    assert {name.split(".")[1] for name in names if name.startswith("finished")} == {"0"}  # of two
    again = make(3, callbacks=[Checkpoint(path)]).fit(X, below=below)  # nothing is left to do
    assert same_models(model, again)
    other = make(1, learning_rate_init=0.03).fit(X)
    for changed, message in ((other, "another training"), (make(2).fit(X), "another training")):
        with pytest.raises(ModelFileError, match=message):
            make(3, callbacks=[Checkpoint(path)]).fit(X, below=changed)
    with pytest.raises(ModelFileError, match="another training"):
        make(3, callbacks=[Checkpoint(path)]).fit(X)


def test_interrupted(X: Any) -> None:
    def interrupt(state: PretrainingState) -> None:
        if len(state.history) == 1:
            raise KeyboardInterrupt

    below = make(1).fit(X)
    with pytest.raises(KeyboardInterrupt):  # a layer is still to come
        make(3, callbacks=[interrupt]).fit(X, below=below)
    with pytest.warns(UserWarning, match="pre-training was interrupted"):
        model = make(2, callbacks=[interrupt]).fit(X, below=below)
    assert model.interrupted_
    assert [(record["layer"], record["epoch"]) for record in model.history_] == [(0, 1), (0, 2), (1, 1)]


# ---- without the estimator --------------------------------------------------------------------------


def test_layer_after_layer_is_the_whole_stack(X: Any) -> None:
    plans = tuple(
        LayerPlan(n, "rectifier", AutoencoderSettings(0.02, 10), reconstruction, max_epochs=2)
        for n, reconstruction in zip(SIZES, ("softplus-quadratic", CROSS_ENTROPY, CROSS_ENTROPY), strict=True)
    )
    settings = Pretraining(plans, sign_mask="half", seed=5)
    rows, held_out = (
        Unlabeled(Features(part), np.arange(len(part), dtype=np.int64)) for part in (X[:300], X[300:])
    )
    engine = get_engine("native")
    whole = pretrain(rows, held_out, settings, engine=engine)
    below: Stack | None = None
    history: list[Any] = []
    for layer in range(3):
        state = pretrain_layer(below, rows, held_out, settings, engine=engine)
        assert len(state.stack.layers) == layer + 1
        assert {record["layer"] for record in state.history} == {layer}
        assert below is None or len(below.layers) == layer  # it is left as it was
        below, history = state.stack, history + state.history
    assert below is not None
    assert all(same_bits(a, b) for a, b in zip(below.layers, whole.stack.layers, strict=True))
    assert records(history) == records(whole.history)
    for a, b in zip(below.signs, whole.stack.signs, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(OptionError, match="must name more layers than the 3 that are below"):
        pretrain_layer(below, rows, held_out, settings, engine=engine)


def test_a_code_that_is_handed_down_divided_is_divided_again(X: Any) -> None:
    """The lower part of a finished stack under another layer: its top's code ends in [0, 1] already."""
    plan = LayerPlan(20, "rectifier", AutoencoderSettings(0.02, 10), CROSS_ENTROPY, max_epochs=1)
    settings, engine = Pretraining((plan, plan), seed=5), get_engine("native")
    rows = Unlabeled(Features(X), np.arange(400, dtype=np.int64))
    stack = pretrain(rows, None, settings, engine=engine).stack
    scale: Any = stack.layers[0].output_scale
    again = pretrain_layer(
        Stack(stack.layers[:1], stack.signs[:1]), rows, None, settings, engine=engine
    ).stack
    divided: Any = again.layers[0].output_scale
    np.testing.assert_allclose(divided, scale, rtol=1e-6)
    np.testing.assert_allclose(
        again.layers[1].network.weights[0], stack.layers[1].network.weights[0], rtol=1e-3, atol=1e-5
    )
