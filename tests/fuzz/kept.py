"""What truezero writes and reads again: models, checkpoints, predictions, the store of runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from forging import as_of_before
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fuzz.readers import Reader
from truezero import (
    BagOfWords,
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.core.tensors import read_tensors, write_tensors
from truezero.datasets import load_file
from truezero.errors import DivergenceError
from truezero.models import data_form, estimator_of
from truezero.runs import Data, Run, RunStore, train_to_file
from truezero.training import Checkpoint

_X = np.round(np.random.default_rng(5).random((40, 6)), 3)
_Y = np.arange(40) % 3
_TEXTS = ["the cat sat", "a dog ran", "cat and dog", "fish"] * 10
_WORDS = np.array([["a", "b"], ["c", "d"]] * 20, dtype=object)
_OPTIONS: dict[str, Any] = {"max_iter": 2, "n_iter_no_change": None, "random_state": 0, "n_threads": 1}

# ---- models -----------------------------------------------------------------------------------------


def _network() -> Any:
    return initialize((6, 5, 4, 3), sign_mask="half")


def _classifier() -> Any:
    model = DeepRectifierClassifier(
        (5, 4), sign_mask="half", class_weight={"a": 2, "b": 1, "c": 1}, **_OPTIONS
    )
    return model.fit(_X * 20, np.array(["a", "b", "c"])[_Y])


def _regressor() -> Any:
    return DeepRectifierRegressor((5,), **_OPTIONS).fit(_X, _X[:, :2] * 9 + 3)


def _stack() -> Any:
    return StackedDenoisingAutoencoder(
        (5, 4), sign_mask="half", reconstruction="sigmoid-cross-entropy", **_OPTIONS
    ).fit(_X)


def _pipeline() -> Any:
    return make_pipeline(StandardScaler(), DeepRectifierClassifier((4,), **_OPTIONS)).fit(_X, _Y)


def _of_words() -> Any:
    return make_pipeline(OneHotEncoder(), DeepRectifierClassifier((4,), **_OPTIONS)).fit(_WORDS, _Y)


def _of_texts() -> Any:
    return make_pipeline(TfidfVectorizer(), DeepRectifierClassifier((4,), **_OPTIONS)).fit(_TEXTS, _Y)


def _of_raw_text() -> Any:
    return make_pipeline(BagOfWords(), DeepRectifierClassifier((4,), **_OPTIONS)).fit(_TEXTS, _Y)


def _model(made: Callable[[], Any], old: bool = False) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        np.savez(folder / "rows.npz", X=_X)
        path = folder / "m.safetensors"
        save(made(), path)
        return as_of_before(path, folder / "old.safetensors") if old else path

    return make


def _used(rows: Any) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        model = load(path)
        data_form(model)
        if isinstance(model, Network):
            return model(rows), model.encode(rows).toarray(), vars(model)
        last = estimator_of(model)
        found: list[Any] = [last.history_, last.get_params(deep=False), last.engine_, vars(last.network_)]
        found.append(getattr(last, "classes_", None))
        for use in ("predict", "transform"):
            if hasattr(model, use):
                found.append(_tried(getattr(model, use), rows))
        if isinstance(model, StackedDenoisingAutoencoder):
            _tried(model.partial_fit, rows)
        elif model is last:
            _tried(model.partial_fit, rows, np.resize(getattr(model, "classes_", rows[:, :2]), (40, 2))[:, 0])
        return found

    return read


def _tried(use: Callable[..., Any], *given: Any) -> Any:
    """What comes of it; a parameter that is no good may be said to be so when it is used."""
    try:
        return use(*given)
    except ValueError as error:  # scikit-learn says some of it
        return str(error)


_ON_ROWS = (("predict", "{path}", "{folder}/rows.npz"), ("inspect", "{path}"))

# ---- checkpoints and predictions --------------------------------------------------------------------

_TRAIN = (
    "train", "{folder}/rows.npz", "--out", "{folder}/m", "--resume", "--hidden-layer-sizes", "5,4", "--max-iter", "2",
    "--n-threads", "1", "--n-iter-no-change", "none",
)  # fmt: skip
_PRETRAIN = (*_TRAIN, "--pretrain", "sigmoid-cross-entropy", "--pretrain-max-iter", "2")


class _Kept(Checkpoint):
    """A checkpoint that is read and not written."""

    def __call__(self, state: Any) -> None:
        pass


class _DiedError(Exception):
    pass


def _die(*_: Any) -> None:
    raise _DiedError


def _checkpoint(pretraining: bool) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        np.savez(folder / "rows.npz", X=_X, y=_Y)
        path = folder / ("m.pretraining" if pretraining else "m.checkpoint")
        options: dict[str, Any] = {
            "parameters": {
                "hidden_layer_sizes": (5, 4),
                "max_iter": 2,
                "n_threads": 1,
                "n_iter_no_change": None,
            }
        }
        if pretraining:
            options |= {"pretrain": "sigmoid-cross-entropy", "pretraining_parameters": {"max_iter": 2}}
        with mock.patch("truezero.runs.train.save", _die), contextlib.suppress(_DiedError):
            train_to_file(folder / "rows.npz", folder / "m", **options)
        if pretraining:
            (folder / "m.checkpoint").unlink()
        return path

    return make


def _resumed(pretraining: bool) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        data = load_file(path.with_name("rows.npz"))
        kept = _Kept(path, data.fingerprint)
        stack = StackedDenoisingAutoencoder(
            reconstruction="sigmoid-cross-entropy", max_iter=2, callbacks=[kept]
        )
        model = DeepRectifierClassifier(
            (5, 4), max_iter=2 if pretraining else 3, n_iter_no_change=None, random_state=0, n_threads=1,
            callbacks=[] if pretraining else [kept], pretraining=stack if pretraining else None,
        )  # fmt: skip
        with contextlib.suppress(DivergenceError):  # from weights that somebody made up
            model.fit(data.features("train"), data.y_train)
        if not hasattr(model, "network_"):
            return None
        history = [{k: v for k, v in record.items() if k != "seconds"} for record in model.history_]
        return history, vars(model.network_)

    return read


def _predictions(folder: Path) -> Path:
    write_tensors(
        folder / "p.safetensors", {"predicted": np.arange(40, dtype=np.uint8)}, {}, kind="predictions"
    )
    return folder / "p.safetensors"


# ---- the store --------------------------------------------------------------------------------------

_RUN = Run(
    "baseline", {"estimator": "DummyClassifier", "parameters": {"random_state": 0}}, Data("rows", "0" * 40)
)
_RESULT = {
    "test_error": 0.5, "validation_error": None, "n_train": 30, "n_validation": 0, "n_test": 10, "seed": 0, "seconds": 0.25,
    "engine": {"name": "scikit-learn"},
}  # fmt: skip


def _stored(name: str, old: bool = False) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        store = RunStore(folder)
        store.begin(_RUN)
        store.finish(_RUN, dict(_RESULT), {"truezero": "0.1.0", "n_threads": 1})
        made = store.place(_RUN) / "provenance.json"
        if old:
            made.write_text(json.dumps({"truezero": "0.1.0"}))
        return store.place(_RUN) / name

    return make


def _found(path: Path) -> Any:
    store = RunStore(path.parent.parent)
    return list(store), store.find(_RUN), store.provenance(_RUN.key)


_OF_RUNS = (("runs", "list", "{folder}/.."), ("runs", "show", "{folder}/..", _RUN.key))

KEPT: dict[str, Reader] = {
    **{
        f"model-{made.__name__.strip('_')}{'-old' * old}": Reader(_model(made, old), _used(rows), not old, commands)
        for made, rows, commands in (
            (_network, _X, _ON_ROWS[1:]), (_classifier, _X, _ON_ROWS), (_regressor, _X, _ON_ROWS), (_stack, _X, _ON_ROWS[1:]),
            (_pipeline, _X, _ON_ROWS), (_of_words, _WORDS, _ON_ROWS[1:]), (_of_texts, _TEXTS, _ON_ROWS[1:]),
            (_of_raw_text, _TEXTS, _ON_ROWS[1:]),
        )
        for old in (False, True)
    },
    "checkpoint": Reader(_checkpoint(False), _resumed(False), True, (_TRAIN,)),
    "checkpoint-pretraining": Reader(_checkpoint(True), _resumed(True), True, (_PRETRAIN,)),
    "predictions": Reader(_predictions, lambda path: read_tensors(path, kind="predictions"), True, ()),
    **{
        f"store-{name.split('.')[0]}{'-old' * old}": Reader(_stored(name, old), _found, not old, _OF_RUNS)
        for name in ("run.json", "result.json", "provenance.json")
        for old in (False, True)
    },
}  # fmt: skip
