"""Checkpoints that are damaged or that somebody has changed, and what a kill must not make forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forging import as_of_before, content_of, damage, forge

from truezero.core.initial import initialize
from truezero.engines import AutoencoderSettings, Examples, Features, StepSettings, Unlabeled, get_engine
from truezero.errors import ModelFileError
from truezero.training import (
    Checkpoint,
    FineTuning,
    LayerPlan,
    Pretraining,
    PretrainingState,
    TrainingState,
    fine_tune,
    pretrain,
)

X = np.random.default_rng(0).random((60, 8)).astype("f4")
Y = (X[:, 0] > 0.5).astype(np.int64)
IDS = np.arange(60, dtype=np.int64)
NOISE = AutoencoderSettings(0.1, 10, 0.0)


class KilledError(Exception):
    pass


class Dying(Checkpoint):
    """A checkpoint after whose nth writing the process is gone."""

    def __init__(self, path: Path, after: int) -> None:
        super().__init__(path)
        self.left = after

    def __call__(self, state: Any) -> None:
        super().__call__(state)
        self.left -= 1
        if self.left == 0:
            raise KilledError


def tuned(*callbacks: Any, **changes: Any) -> TrainingState:
    network = initialize((8, 6, 5, 2), sign_mask="half", seed=1)
    examples = Examples(Features(X[:40]), Y[:40], None, IDS[:40])
    held_out = Examples(Features(X[40:]), Y[40:], None, IDS[40:])
    settings = FineTuning(StepSettings(0.1, 10, (1e-3, 1e-3)), max_epochs=5, n_iter_no_change=None, seed=9)
    return fine_tune(
        network,
        examples,
        held_out,
        replace(settings, **changes),
        engine=get_engine("native"),
        callbacks=callbacks,
    )


def pretrained(*callbacks: Any) -> PretrainingState:
    plans = (
        LayerPlan(6, "rectifier", NOISE, reconstruction="sigmoid-cross-entropy", max_epochs=4),
        LayerPlan(5, "rectifier", NOISE, reconstruction="sigmoid-cross-entropy", max_epochs=4),
    )
    settings = Pretraining(plans, sign_mask="half", seed=3)
    rows, held_out = Unlabeled(Features(X[:40]), IDS[:40]), Unlabeled(Features(X[40:]), IDS[40:])
    return pretrain(rows, held_out, settings, engine=get_engine("native"), callbacks=callbacks)


TRAIN: dict[str, Any] = {"fine-tuning": tuned, "pre-training": pretrained}
EPOCHS = {"fine-tuning": 5, "pre-training": 8}


def bits(state: Any) -> Any:
    """All that a training ends with, but for seconds."""
    networks = (
        [state.network, state.best_network]
        if isinstance(state, TrainingState)
        else [layer.network for layer in state.stack.layers]
    )
    arrays = [array.tobytes() for network in networks for array in (*network.weights, *network.biases)]
    return arrays, [{k: v for k, v in record.items() if k != "seconds"} for record in state.history]


def stop_at(*epochs: tuple[int, int]) -> Any:
    """A callback that ends layers after an epoch: pairs of layer and epoch; it knows nothing of a resume."""
    return lambda state: (state.history[-1].get("layer", 0), state.history[-1]["epoch"]) in epochs


@pytest.mark.parametrize("kind", TRAIN)
@pytest.mark.parametrize("stops", [[(0, 2)], [(0, 2), (1, 3)], [(0, 1), (1, 1)], [(1, 2)], []])
def test_what_a_callback_ended_stays_ended_wherever_it_is_killed(
    tmp_path: Path, kind: str, stops: Any
) -> None:
    train = TRAIN[kind]
    whole = bits(train(stop_at(*stops)))
    for after in range(1, len(whole[1]) + 1):
        path = tmp_path / str(after)
        with pytest.raises(KilledError):
            train(stop_at(*stops), Dying(path, after))
        # A callback that is gone, or does not say it again, does not undo what the checkpoint knows.
        said = [stop for stop in stops if stop > (0, after)] if kind == "fine-tuning" else stops
        assert bits(train(stop_at(*said), Checkpoint(path))) == whole


def test_the_last_layers_end_is_known_when_all_is_over(tmp_path: Path) -> None:
    """Fine-tuning begins with a pre-training that is resumed after its end."""
    first = pretrained(stop_at((0, 1), (1, 2)), Checkpoint(tmp_path / "c"))
    again = pretrained(Checkpoint(tmp_path / "c"))
    assert bits(again) == bits(first)
    assert len(again.history) == 3


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a checkpoint of each kind."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for kind, train in TRAIN.items():
        with pytest.raises(KilledError):
            train(Dying(folder / kind, EPOCHS[kind] - 2))
    return folder


def put(record: Any, at: str, value: Any) -> None:
    *parts, last = at.split(".")
    for part in parts:
        record = record[int(part) if part.isdigit() else part]
    if value is KilledError:
        del record[int(last) if last.isdigit() else last]
    else:
        record[int(last) if last.isdigit() else last] = value


@pytest.mark.parametrize(
    ("kind", "at", "value"),
    [
        ("fine-tuning", "history", []), ("fine-tuning", "history", None), ("fine-tuning", "history.1", KilledError),
        ("fine-tuning", "history.0.epoch", 2), ("fine-tuning", "history.0.validation_error", "none"), ("fine-tuning", "history.0.loss", KilledError),
        ("fine-tuning", "history.0.sparsity", [0.5]), ("fine-tuning", "network.layer_sizes", [8, 6, 5, 3]),
        ("fine-tuning", "network.activations", ["tanh", "tanh"]), ("fine-tuning", "network.softplus_scale", 2.0), ("fine-tuning", "network", KilledError),
        ("fine-tuning", "network.output", "linear"), ("fine-tuning", "ended", "no"), ("fine-tuning", "configuration", "other"),
        ("pre-training", "history", []), ("pre-training", "history.0", KilledError), ("pre-training", "history.5.layer", 0),
        ("pre-training", "history.0.reconstruction_error", "x"), ("pre-training", "ended", KilledError), ("pre-training", "finished", []),
        ("pre-training", "finished", {}), ("pre-training", "finished.0.tied", True), ("pre-training", "current", KilledError), ("pre-training", "best", KilledError),
        ("pre-training", "current.reconstruction", "linear-quadratic"), ("pre-training", "current.network.activations", ["tanh"]),
        ("pre-training", "current.network.layer_sizes", [6, 6, 6]), ("pre-training", "best.deviation", -1),
    ],
    ids=str,
)  # fmt: skip
def test_forged_checkpoints_are_refused(kept: Path, tmp_path: Path, kind: str, at: str, value: Any) -> None:
    forged = forge(kept / kind, tmp_path / "forged", lambda record, _: put(record, at, value))
    with pytest.raises(
        ModelFileError, match="forged is (damaged: |a checkpoint of another training)"
    ) as raised:
        TRAIN[kind](Checkpoint(forged))
    assert str(raised.value).isprintable()


def shorten(name: str) -> Any:
    return lambda _, tensors: tensors.update({name: tensors[name][:-1].copy()})


def drop(name: str) -> Any:
    return lambda _, tensors: tensors.pop(name)


def turn(name: str) -> Any:
    return lambda _, tensors: tensors.update({name: -tensors[name]})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("fine-tuning", shorten("last.weights.0")), ("fine-tuning", drop("best.biases.1")), ("fine-tuning", drop("last.signs.0")),
        ("fine-tuning", turn("best.signs.1")), ("pre-training", drop("finished.0.weights.1")), ("pre-training", shorten("current.biases.0")),
        ("pre-training", lambda _, tensors: tensors.update({"given.output_scale": np.ones(6, "f4")})),
    ],
)  # fmt: skip
def test_arrays_that_are_not_this_trainings_are_refused(
    kept: Path, tmp_path: Path, kind: str, change: Any
) -> None:
    with pytest.raises(ModelFileError, match="forged is damaged: "):
        TRAIN[kind](Checkpoint(forge(kept / kind, tmp_path / "forged", change)))
    with pytest.raises(ModelFileError, match="damaged is damaged: it (lacks|has)|have its digest"):
        TRAIN[kind](Checkpoint(damage(kept / kind, tmp_path / "damaged", change)))


@pytest.mark.parametrize("kind", TRAIN)
def test_a_checkpoint_of_before_is_gone_on_with(kept: Path, tmp_path: Path, kind: str) -> None:
    old = as_of_before(kept / kind, tmp_path / "old")
    with pytest.warns(UserWarning, match="old is of a version that wrote no digest"):
        state = TRAIN[kind](Checkpoint(old))
    assert bits(state) == bits(TRAIN[kind]())
    assert "digest" in content_of(old)[2]
