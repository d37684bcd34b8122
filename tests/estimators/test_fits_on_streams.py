"""Fits on a `Stream`: the bits of arrays where it repeats them, and what it cannot have beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from truezero import (
    Checkpoint,
    DataError,
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    OptionError,
    RatingPredictor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.core.initial import initialize
from truezero.engines import Examples, Features, StepSettings, Unlabeled, get_engine
from truezero.training import FineTuning, Stream, fine_tune

PIXELS, DIGITS = load_digits(return_X_y=True)
BYTES = (PIXELS * 15).astype(np.uint8)
TRAIN, HELD_OUT = slice(300), slice(300, 420)
X_VAL = Features(BYTES[HELD_OUT], 1 / 255)
SMALL: Any = {"hidden_layer_sizes": (16, 8), "max_iter": 3, "random_state": 5}


def rows(which: slice = TRAIN) -> Features:
    return Features(BYTES[which], 1 / 255)


def repeated(features: Any, y: Any) -> Stream[Examples]:
    piece = Examples(features, np.asarray(y), None, np.arange(features.n_samples))
    return Stream(lambda epoch: [piece])


def new_rows(epoch: int) -> Iterator[Examples]:
    """Pieces of 37, 60 and 23 rows that no other epoch has."""
    start = 120 * (epoch - 1)
    for n in (37, 60, 23):
        ids = np.arange(start, start + n)
        yield Examples(rows().take(ids % 300), DIGITS[ids % 300], None, ids)
        start += n


def bits(model: Any) -> list[bytes]:
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)]


def stack_bits(model: StackedDenoisingAutoencoder) -> list[bytes]:
    networks = [layer.network for layer in model.stack_.layers]
    return [array.tobytes() for network in networks for array in (*network.weights, *network.biases)]


def timeless(history: Any) -> list[Any]:
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


def of_many_units() -> Features:
    """Columns whose sizes differ, and rows that are far out."""
    X = np.random.default_rng(0).normal(size=(300, 6)) * [1e-3, 1, 50, 1e4, 1, 1] + [0, 0, 0, 1e4, 0, 0]
    X[[3, 70], [1, 2]] = 1e4, -1e6
    return Features(X)


# ---- the same bits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "options"),
    [
        (rows(), {}),
        (rows(), {"dropout": 0.3, "shuffle": False, "sign_mask": "half"}),
        (Features(sparse.csr_array(PIXELS[TRAIN])), {"dtype": "float64"}),
        (of_many_units(), {}),
        (rows(), {"engine": "reference"}),
    ],
    ids=["pixels", "dropout", "csr", "many units", "reference"],
)
@pytest.mark.parametrize("validated", [True, False])
def test_one_piece_that_is_always_the_same_is_the_rows(
    features: Features, options: dict[str, Any], validated: bool
) -> None:
    held_out: Any = {"X_val": features.take(slice(50)), "y_val": DIGITS[:50]} if validated else {}
    models = [
        DeepRectifierClassifier(**SMALL, **options, early_stopping=validated) for _ in ("rows", "stream")
    ]
    models[0].fit(features, DIGITS[TRAIN], **held_out)
    models[1].fit(repeated(features, DIGITS[TRAIN]), **held_out)
    assert bits(models[0]) == bits(models[1])
    assert timeless(models[0].history_) == timeless(models[1].history_)
    a, b = ({n: v for n, v in vars(m).items() if n.endswith("_")} for m in models)
    for name in ("n_samples_", "t_", "epoch_selected_", "sparsity_", "n_features_in_", "engine_"):
        assert a[name] == b[name], name
    assert a["classes_"].dtype == b["classes_"].dtype
    assert list(a["classes_"]) == list(b["classes_"])


@pytest.mark.parametrize("outputs", [1, 2])
def test_regression(outputs: int) -> None:
    y = 1e4 + np.stack([PIXELS.sum(axis=1), PIXELS[:, 20] / 100], axis=1)[:, :outputs]
    models = [DeepRectifierRegressor(**SMALL) for _ in ("rows", "stream")]
    models[0].fit(rows(), y[TRAIN], X_val=X_VAL, y_val=y[HELD_OUT])
    models[1].fit(repeated(rows(), y[TRAIN]), X_val=X_VAL, y_val=y[HELD_OUT])
    assert bits(models[0]) == bits(models[1])
    assert np.array_equal(models[0].predict(X_VAL), models[1].predict(X_VAL))
    assert timeless(models[0].history_) == timeless(models[1].history_)


def test_ratings() -> None:
    stars = 1 + DIGITS / 2
    models = [RatingPredictor(**SMALL) for _ in ("rows", "stream")]
    models[0].fit(rows(), stars[TRAIN], X_val=X_VAL, y_val=stars[HELD_OUT])
    models[1].fit(repeated(rows(), stars[TRAIN]), X_val=X_VAL, y_val=stars[HELD_OUT])
    assert bits(models[0]) == bits(models[1])
    models[1].fit(repeated(rows(), stars[TRAIN]), X_val=X_VAL, y_val=np.full(120, 7.0))
    assert models[1].classes_.tolist() == [*models[0].classes_.tolist(), 7.0]


def test_pretraining() -> None:
    layers = StackedDenoisingAutoencoder(max_iter=2, validation_fraction=0)
    models = [DeepRectifierClassifier(**SMALL, pretraining=layers) for _ in ("rows", "stream")]
    models[0].fit(rows(), DIGITS[TRAIN], X_val=X_VAL, y_val=DIGITS[HELD_OUT])
    models[1].fit(repeated(rows(), DIGITS[TRAIN]), X_val=X_VAL, y_val=DIGITS[HELD_OUT])
    assert bits(models[0]) == bits(models[1])
    errors = models[1].pretraining_.reconstruction_errors_
    assert errors == models[0].pretraining_.reconstruction_errors_ == [None, None]


def test_validation_rows_measure_pretraining_on_a_stream() -> None:
    layers = StackedDenoisingAutoencoder(max_iter=2, random_state=7)
    model = DeepRectifierClassifier(**SMALL, pretraining=layers)
    model.fit(Stream(new_rows), X_val=X_VAL, y_val=DIGITS[HELD_OUT])
    alone = StackedDenoisingAutoencoder((16, 8), max_iter=2, random_state=7)
    alone.fit(Stream(new_rows), X_val=X_VAL)
    assert stack_bits(model.pretraining_) == stack_bits(alone)
    assert None not in model.pretraining_.reconstruction_errors_


@pytest.mark.parametrize("reconstruction", ["auto", "sigmoid-cross-entropy"])
def test_layers_of_a_stack(reconstruction: str) -> None:
    features = Features(PIXELS[TRAIN] * 3)  # which have a scale to be learned
    pieces = [
        repeated(features, DIGITS[TRAIN]),
        Stream(lambda epoch: [Unlabeled(features, np.arange(300, dtype=np.int64))]),
    ]
    options: Any = {"max_iter": 2, "random_state": 5, "reconstruction": reconstruction}
    whole = StackedDenoisingAutoencoder((16, 8), **options).fit(features, X_val=X_VAL)
    for stream in pieces:
        fitted = StackedDenoisingAutoencoder((16, 8), **options).fit(stream, X_val=X_VAL)
        assert stack_bits(fitted) == stack_bits(whole)
        assert timeless(fitted.history_) == timeless(whole.history_)
        below = StackedDenoisingAutoencoder((16,), **options).fit(stream, X_val=X_VAL)
        above = StackedDenoisingAutoencoder((16, 8), **options).fit(stream, X_val=X_VAL, below=below)
        assert stack_bits(above) == stack_bits(whole)
    others = Stream(lambda epoch: [Unlabeled(features, np.arange(1000, 1300))])  # of another order and noise
    fitted = StackedDenoisingAutoencoder((16, 8), **options).fit(others, X_val=X_VAL)
    assert stack_bits(fitted) != stack_bits(whole)


# ---- rows that are new ---------------------------------------------------------------------------------


def classifier(**changes: Any) -> DeepRectifierClassifier:
    return DeepRectifierClassifier(**{**SMALL, **changes})


def test_every_epoch_has_its_own_rows() -> None:
    seen: list[int] = []

    def noted(epoch: int) -> Iterator[Examples]:
        seen.append(epoch)
        return new_rows(epoch)

    model = classifier().fit(Stream(noted), X_val=X_VAL, y_val=DIGITS[HELD_OUT])
    assert seen[-3:] == [1, 2, 3]
    assert model.n_samples_ == (120, 120)
    assert model.t_ == 360
    assert [record["n_rows"] for record in model.history_] == [120, 120, 120]
    again = classifier(max_iter=1).fit(Stream(new_rows), X_val=X_VAL, y_val=DIGITS[HELD_OUT])
    assert bits(again) != bits(model)
    again.set_params(warm_start=True, max_iter=2)
    seen.clear()
    again.fit(Stream(noted), X_val=X_VAL, y_val=DIGITS[HELD_OUT])
    assert seen[-2:] == [2, 3]  # as training goes on, so does the stream
    assert again.partial_fit(rows(), DIGITS[TRAIN]).n_samples_ == (300, 0)


def test_pieces_are_trained_on_as_they_come() -> None:
    """By hand: the same rows, orders and noise, which ids say."""
    model = classifier(dropout=0.2).fit(Stream(new_rows), X_val=X_VAL, y_val=DIGITS[HELD_OUT])
    assert model._input_scale.divisor is None
    seed = model._seed()
    network = initialize((64, 16, 8, 10), seed=seed)
    model._input_scale.begin(network)
    step = StepSettings(0.05, 10, (1e-4, 1e-4), dropout=0.2)
    held_out = Examples(X_VAL, DIGITS[HELD_OUT], None, np.arange(120))
    state = fine_tune(
        network, Stream(new_rows), held_out, FineTuning(step, 3, seed=seed), engine=get_engine("native")
    )
    arrays = (*state.best_network.weights, *state.best_network.biases)
    assert bits(model) == [array.tobytes() for array in arrays]


def test_a_training_is_resumed(tmp_path: Path) -> None:
    layers = StackedDenoisingAutoencoder(max_iter=2, random_state=7)

    def trained(stream: Callable[[int], Any], *paths: Path) -> DeepRectifierClassifier:
        of_network, of_layers = ([Checkpoint(path, "rows")] for path in paths) if paths else (None, None)
        model = classifier(callbacks=of_network, pretraining=layers.set_params(callbacks=of_layers))
        return model.fit(Stream(stream), X_val=X_VAL, y_val=DIGITS[HELD_OUT])

    whole = trained(new_rows)
    left = 0

    def torn(epoch: int) -> Iterator[Examples]:
        nonlocal left
        for piece in new_rows(epoch):
            if left == 0:
                raise OSError("the tape is torn")
            left -= 1
            yield piece

    tears = 0
    while True:
        left = 13  # pieces: enough for an epoch more, of a layer or of the network
        try:
            resumed = trained(torn, tmp_path / "network", tmp_path / "layers")
            break
        except OSError:
            tears += 1
            assert tears < 20
    assert tears > 2
    assert bits(resumed) == bits(whole)
    assert timeless(resumed.history_) == timeless(whole.history_)
    assert (resumed.n_samples_, resumed.t_) == (whole.n_samples_, whole.t_)
    save(resumed, tmp_path / "model")
    assert bits(load(tmp_path / "model")) == bits(whole)
    assert load(tmp_path / "model").n_samples_ == (120, 120)


def test_classes_are_those_of_the_first_piece_and_of_the_validation_rows() -> None:
    few = DIGITS[TRAIN] % 4

    def pieces(epoch: int) -> Iterator[Examples]:
        for part in (slice(150), slice(150, 300)):
            rest = few[part] if epoch == 3 else few[part] % 3
            yield Examples(rows().take(part), rest, None, np.arange(300)[part])

    model = classifier().fit(Stream(pieces), X_val=X_VAL, y_val=DIGITS[HELD_OUT] % 4)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    message = r"a piece of the stream, ids from 0 on: y has labels that are not among the classes: \[3\]"
    with pytest.raises(DataError, match=message):
        classifier().fit(Stream(pieces), X_val=X_VAL, y_val=DIGITS[HELD_OUT] % 3)
    names = np.array(["zero", "one", "a much longer name", "three"])
    words = Stream(
        lambda epoch: [Examples(rows(), names[few % 2], None, np.arange(300))]
    )  # shorter texts than those of y_val
    named = classifier(max_iter=1).fit(words, X_val=X_VAL, y_val=names[DIGITS[HELD_OUT] % 4])
    assert named.classes_.tolist() == sorted(names.tolist())


def test_rows_without_a_label_only_pretrain() -> None:
    y = np.where(np.arange(300) % 3 == 0, -1, DIGITS[TRAIN])
    kept = np.flatnonzero(y >= 0)
    stream = repeated(rows(), y)
    alone = Stream(lambda epoch: [Examples(rows().take(kept), y[kept], None, kept)])
    held_out: Any = {"X_val": X_VAL, "y_val": DIGITS[HELD_OUT]}
    model = classifier(unlabeled_label=-1).fit(stream, **held_out)
    assert bits(model) == bits(classifier().fit(alone, **held_out))
    assert model.n_samples_ == (200, 120)
    layers = StackedDenoisingAutoencoder(max_iter=1, random_state=7)
    model = classifier(unlabeled_label=-1, pretraining=layers).fit(stream, **held_out)
    of_all = StackedDenoisingAutoencoder((16, 8), max_iter=1, random_state=7).fit(rows(), X_val=X_VAL)
    assert stack_bits(model.pretraining_) == stack_bits(of_all)
    with pytest.raises(DataError, match="all of the stream's first piece is unlabeled_label=-1"):
        classifier(unlabeled_label=-1).fit(repeated(rows(), np.full(300, -1)), **held_out)


# ---- what cannot be ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "parameters", "message"),
    [
        (
            {"X_val": None, "y_val": None},
            {},
            "no validation rows can be split off a Stream: give X_val and y_val",
        ),
        ({"y": DIGITS[TRAIN]}, {}, "y must be None where X is a Stream"),
        ({"sample_weight": np.ones(300)}, {}, "sample_weight is for arrays, and X is a Stream: leave it out"),
        ({"X_unlabeled": PIXELS}, {}, "X_unlabeled is for arrays"),
        ({}, {"class_weight": "balanced"}, "class_weight is for arrays"),
        (
            {"X_val": None, "y_val": None},
            {"early_stopping": False, "pretraining": StackedDenoisingAutoencoder()},
            "no rows of a Stream can be held out to measure pre-training: give X_val",
        ),
    ],
)
def test_what_a_stream_cannot_have_beside_it(
    given: dict[str, Any], parameters: dict[str, Any], message: str
) -> None:
    model = classifier(**parameters)
    with pytest.raises(OptionError, match=message):
        model.fit(repeated(rows(), DIGITS[TRAIN]), **{"X_val": X_VAL, "y_val": DIGITS[HELD_OUT], **given})
    assert not hasattr(model, "n_features_in_")


def test_where_no_stream_can_be() -> None:
    stream = repeated(rows(), DIGITS[TRAIN])
    model = classifier(max_iter=1, early_stopping=False).fit(rows(), DIGITS[TRAIN])
    layers = StackedDenoisingAutoencoder((8,), max_iter=1).fit(rows())
    for call in (
        model.predict,
        model.transform,
        layers.transform,
        layers.partial_fit,
        lambda X: model.partial_fit(X, DIGITS[TRAIN]),
        lambda X: model.score(X, DIGITS[TRAIN]),
        lambda X: model.fit(rows(), DIGITS[TRAIN], X_val=X, y_val=DIGITS[TRAIN]),
        lambda X: layers.fit(rows(), X_val=X),
        lambda X: classifier(pretraining=layers).fit(rows(), DIGITS[TRAIN], X_unlabeled=X),
    ):
        with pytest.raises(DataError, match="a Stream can only be what fit learns from; hand in rows"):
            call(stream)
    with pytest.raises(OptionError, match="no rows of a Stream can be held out .*set validation_fraction=0"):
        layers.fit(stream)
    layers.set_params(validation_fraction=0).fit(stream)
    with pytest.raises(DataError, match="requires y to be passed, but the target y is None"):
        model.fit(rows())


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        ((PIXELS[:9], DIGITS[:9]), "pieces of a stream must be Examples or Unlabeled, got a tuple"),
        (Unlabeled(rows(slice(9)), np.arange(9)), "ids from 0 on: it has no targets; give Examples"),
        (
            Examples(rows(slice(9)), DIGITS[:9], np.ones(9), np.arange(9)),
            "it has weights, which are for arrays",
        ),
        (Examples(rows(slice(9)), DIGITS[:8], None, np.arange(9)), "X has 9 rows, y 8"),
        (
            Examples(Features(np.full((9, 64), np.nan)), DIGITS[:9], None, np.arange(9)),
            "ids from 0 on: row 0, feature 0 is NaN or infinite",
        ),
        (Examples(rows(slice(9)), DIGITS[:9] / 7, None, np.arange(9)), "for regression use"),
    ],
    ids=["tuple", "unlabeled", "weights", "lengths", "NaN", "numbers"],
)
@pytest.mark.parametrize("place", [0, 1])
def test_pieces_that_cannot_be_learned_from(piece: Any, message: str, place: int) -> None:
    pieces = list(new_rows(1))
    pieces[place:place] = [Examples(rows(slice(0)), DIGITS[:0], None, np.arange(0)), piece]
    with pytest.raises(DataError, match=message):
        classifier().fit(Stream(lambda epoch: pieces), X_val=X_VAL, y_val=DIGITS[HELD_OUT])


def test_features_of_a_later_epoch() -> None:
    narrow = Examples(Features(np.zeros((9, 5), "f4")), DIGITS[:9], None, np.arange(9))
    stream = Stream(lambda epoch: [narrow] if epoch == 2 else new_rows(epoch))
    with pytest.raises(DataError, match="a piece of the stream"):
        classifier().fit(stream, X_val=X_VAL, y_val=DIGITS[HELD_OUT])
    with pytest.raises(DataError, match="a piece of the stream"):
        StackedDenoisingAutoencoder((8,), max_iter=2).fit(stream, X_val=X_VAL)


@pytest.mark.parametrize("estimator", [DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor])
def test_a_piece_without_labels_changes_nothing(estimator: Any) -> None:
    mark = -1
    pieces = list(new_rows(1))
    nothing = Examples(pieces[1].features, np.full(60, mark), None, pieces[1].ids)

    def fitted(*of: Examples) -> Any:
        model = estimator(unlabeled_label=mark, early_stopping=False, **SMALL)
        return model.fit(Stream(lambda epoch: of), None)

    model, other = fitted(pieces[0], nothing, pieces[2]), fitted(pieces[0], pieces[2])
    assert bits(model) == bits(other)
    assert model.n_samples_ == (60, 0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda piece: [piece], r"Stream\(lambda epoch: pieces\)"),
        (lambda piece: lambda epoch: [(piece.features, piece.target)], "import them"),
        (lambda piece: lambda epoch: [Examples(piece.features.X, piece.target, None, piece.ids)], "Features"),
        (lambda piece: lambda epoch: [piece.take(slice(1))], "make it larger"),
    ],
)
def test_what_is_no_stream_is_refused_with_what_to_do(rows: Any, message: str) -> None:
    piece = next(new_rows(1))
    stream: Any = Stream
    with pytest.raises(DataError, match=message):
        DeepRectifierRegressor(early_stopping=False, **SMALL).fit(stream(rows(piece)), None)


def test_one_class_alone_is_no_list_of_classes() -> None:
    with pytest.raises(OptionError, match="a list of all classes, got 10"):
        DeepRectifierClassifier().partial_fit(PIXELS[:20], DIGITS[:20], classes=10)


def test_a_classifier_learns_from_pieces_of_one_row() -> None:
    piece = next(new_rows(1))
    rows = [piece.take(slice(at, at + 1)) for at in range(37)]
    model = DeepRectifierClassifier(**SMALL).fit(
        Stream(lambda epoch: rows), None, X_val=X_VAL, y_val=DIGITS[HELD_OUT]
    )
    assert model.history_[-1]["n_rows"] == 37
