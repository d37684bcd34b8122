"""What the compiled core is given it checks: no call reads or writes outside of the arrays, none changes them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from truezero import Network, initialize
from truezero.core.autoencoder import initialize_autoencoder
from truezero.engines import (
    AutoencoderSettings,
    Examples,
    Features,
    StepSettings,
    Unlabeled,
    _native,
    get_engine,
)
from truezero.engines import native as module
from truezero.errors import DataError, OptionError

ROWS, COLUMNS = 4, 5
STEPS = StepSettings(0.1, 2, (0.0,))


def network(dtype: str = "float32") -> Network:
    return initialize((COLUMNS, 9, 3), dtype=dtype, seed=1)


def evaluate(rows: Any) -> Any:
    output = np.empty((ROWS, 3), np.float32)
    predictor = _native.PredictorFloat32(module._arrays(network()))
    predictor.evaluate((rows, 1.0, 0.0), output, _native.Products.automatic, False, 1)
    return output


def encode(rows: Any) -> Any:
    return _native.PredictorFloat32(module._arrays(network())).encode((rows, 1.0, 0.0), 0, 1)


def train(rows: Any = None, **changes: Any) -> Any:
    rows = np.ones((ROWS, COLUMNS), np.float32) if rows is None else rows
    given = {
        "network": module._arrays(network()), "input": (rows, 1.0, 0.0), "target": np.zeros(ROWS, np.int64), "weight": None,
        "ids": np.arange(ROWS), "order": np.arange(ROWS), "settings": module._settings(STEPS, ("sparse",) * 2, 0, 0),
        "n_threads": 1, **changes,
    }  # fmt: skip
    return _native.train_float32(*given.values())


def train_autoencoder(rows: Any) -> Any:
    autoencoder = initialize_autoencoder(COLUMNS, 9)
    settings = module._autoencoder_settings(
        autoencoder, AutoencoderSettings(0.1, 2), ("sparse",) * 2, 0, 0, 0
    )
    arrays = module._arrays(autoencoder.network)
    order = np.arange(ROWS)
    return _native.train_autoencoder_float32(arrays, (rows, 1.0, 0.0), None, order, order, settings, 1)


CALLS: list[Callable[..., Any]] = [evaluate, encode, train, train_autoencoder]
INDICES, INDPTR = [0, 3, 1, 4, 2], [0, 2, 2, 4, 5]

MALFORMED: dict[str, tuple[list[int], list[int], str]] = {
    "a negative index": ([0, 3, -4, 4, 2], INDPTR, "out of range"),
    "an index behind the end": ([0, 3, 1, 77, 2], INDPTR, "out of range"),
    "the least index of all": ([-(2**31), 3, 1, 4, 2], INDPTR, "out of range"),
    "an index twice": ([3, 3, 1, 4, 2], INDPTR, "ascend"),
    "indices that descend": ([3, 0, 1, 4, 2], INDPTR, "ascend"),
    "indptr behind the data": (INDICES, [0, 2, 2, 4, 10**6], "behind the end"),
    "indptr behind the data in the middle": (INDICES, [0, 10**9, 2, 4, 5], "decreases"),
    "indptr that decreases": (INDICES, [0, 2, 1, 4, 5], "decreases"),
    "indptr that begins below 0": (INDICES, [-5, 2, 2, 4, 5], "begin with 0"),
    "indptr that begins later": (INDICES, [1, 2, 2, 4, 5], "begin with 0"),
    "indptr that ends below 0": (INDICES, [0, 2, 2, 4, -1], "decreases"),
}


def csr(indices: Any, indptr: Any, data: Any = None, wide: bool = False) -> tuple[Any, ...]:
    columns = np.array(indices, np.int64 if wide else np.int32)
    values = np.ones(len(columns), np.float32) if data is None else data
    return values, columns, np.array(indptr, np.int64), COLUMNS


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_csr_is_refused(name: str, call: Callable[..., Any], wide: bool) -> None:
    indices, indptr, reason = MALFORMED[name]
    with pytest.raises(ValueError, match=reason):
        call(csr(indices, indptr, wide=wide))


@pytest.mark.parametrize("call", CALLS)
def test_csr_of_the_wrong_length_or_type_is_refused(call: Callable[..., Any]) -> None:
    call(csr(INDICES, INDPTR))
    values, columns, indptr, _ = csr(INDICES, INDPTR)
    for parts, reason in (
        ((values[:-1], columns, indptr, COLUMNS), "one length"),
        ((values, columns[:-1], indptr, COLUMNS), "one length"),
        ((values, columns, indptr[:0], COLUMNS), "shapes"),
        ((values, columns, indptr.astype(np.int32), COLUMNS), "indptr must be a C-contiguous array of int64"),
        ((values, columns, indptr[::-1], COLUMNS), "indptr must be a C-contiguous array of int64"),
        ((values.astype(np.float16), columns, indptr, COLUMNS), "uint8, float32 or float64"),
        ((values, columns.astype(np.int16), indptr, COLUMNS), "int32 or int64"),
        ((values, columns, indptr, COLUMNS + 1), "another number of features"),
        ((np.repeat(values, 2)[::2], columns, indptr, COLUMNS), "contiguous"),
        ((values, columns, indptr), "4 parts"),
        (([1.0], columns, indptr, COLUMNS), "data must be an array"),
    ):
        with pytest.raises(ValueError, match=reason):
            call(parts)


def test_rows_that_are_not_there_are_not_trained_on() -> None:
    values, columns, indptr, _ = csr(INDICES, INDPTR)
    for call in (evaluate, train, train_autoencoder):
        with pytest.raises(ValueError, match="(another shape|one id per row)"):
            call((values, columns, indptr[:-1], COLUMNS))


def test_of_many_damaged_matrices_those_are_taken_that_are_right() -> None:
    random, taken = np.random.default_rng(0), 0
    for _ in range(3000):
        columns, indptr = np.array(INDICES), np.array(INDPTR)
        for array in (columns, indptr):
            if random.random() < 0.5:
                value = random.choice([-1, 0, 1, 2, 3, 4, 5, 6, 2**31 - 1, -(2**31)])
                array[random.integers(len(array))] = value
        right = indptr[0] == 0 and (np.diff(indptr) >= 0).all() and indptr[-1] <= 5
        for start, end in itertools.pairwise(indptr) if right else ():
            row = columns[start:end]
            right = right and (np.diff(row) > 0).all() and (row >= 0).all() and (row < COLUMNS).all()
        taken += int(right)
        call = CALLS[random.integers(len(CALLS))]
        if right:
            call(csr(columns, indptr))
        else:
            with pytest.raises(ValueError, match="CSR"):
                call(csr(columns, indptr))
    assert 300 < taken < 2700


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"order": np.array([0, 4])}, "order: a row that is not there"),
        ({"order": np.array([-1])}, "order: a row that is not there"),
        ({"order": np.array([0.0])}, "order must be a C-contiguous array of int64"),
        ({"ids": np.arange(3)}, "one id per row"),
        ({"ids": np.array([0, 1, 2, -1])}, "ids must be at least 0"),
        ({"ids": np.array([0, 1, 2, 2**32])}, "ids must be at least 0"),
        ({"target": np.array([0, 1, 2, 3])}, "a class that the network does not know"),
        ({"target": np.array([0, 1, 2, -1])}, "a class that the network does not know"),
        ({"target": np.zeros(3, np.int64)}, "one class per row"),
        ({"target": np.zeros(4)}, "classes must be"),
        ({"weight": np.ones(3)}, "one weight per row"),
        ({"weight": np.ones(4, np.float32)}, "weights of rows must be"),
    ],
)
def test_numbers_of_rows_and_classes_are_checked(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        train(**changes)


def test_networks_are_checked() -> None:
    def change(part: int, value: Any) -> tuple[Any, ...]:
        arrays = list(module._arrays(network()))
        arrays[part] = value
        return tuple(arrays)

    weights, biases = network().weights, network().biases
    read_only = network().freeze().weights
    for arrays, reason in (
        (change(0, [weights[0], weights[1][:-1]]), "do not fit"),
        (
            change(0, [weights[0].T.copy().T, weights[1]]),
            "weights must be a writable C-contiguous array of float32",
        ),
        (change(0, [weights[0].astype(np.float64), weights[1]]), "weights must be"),
        (change(0, read_only), "weights must be a writable"),
        (change(0, [weights[0]]), "different lengths"),
        (change(1, [biases[0], biases[1][:-1]]), "do not fit"),
        (change(2, [-1]), "no such activation"),
        (change(2, [99]), "no such activation"),
        (change(3, [np.ones(8, np.float32)]), "sign mask of the wrong length"),
        (change(3, [np.ones(9)]), "a sign mask must be"),
    ):
        with pytest.raises(ValueError, match=reason):
            train(network=arrays)


@pytest.mark.parametrize("form", ["csr", "int64", "dense", "uint8"])
def test_arrays_of_the_caller_stay_as_they_are_and_may_be_read_only(form: str) -> None:
    random = np.random.default_rng(0)
    X: Any = np.where(random.random((20, COLUMNS)) < 0.5, random.random((20, COLUMNS)), 0).astype(np.float32)
    X = (X * 255).astype(np.uint8) if form == "uint8" else X
    if form in ("csr", "int64"):
        X = sparse.csr_array(X)
        if form == "int64":
            X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    arrays = [X.data, X.indices, X.indptr] if sparse.issparse(X) else [X]
    y, weight, ids, order = (
        random.integers(0, 3, 20),
        random.random(20),
        np.arange(20),
        random.permutation(20),
    )
    arrays += [y, weight, ids, order]
    for array in arrays:
        array.flags.writeable = False
    before = [array.tobytes() for array in arrays]
    features = Features(X)
    for name in ("native", "reference"):
        engine = get_engine(name)
        engine.train(
            network(), Examples(features, y, weight, ids), order, STEPS, epoch=0, seed=0, n_threads=1
        )
        engine.train_autoencoder(
            initialize_autoencoder(COLUMNS, 9), Unlabeled(features, ids), order, AutoencoderSettings(0.1, 2),
            layer=0, epoch=0, seed=0, n_threads=1,
        )  # fmt: skip
        engine.evaluate(network().freeze(), features, n_threads=1)
        engine.encode(network(), features, 0, n_threads=1)
    assert [array.tobytes() for array in arrays] == before


def test_what_the_core_refuses_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    features = Features(sparse.csr_array(np.eye(5, dtype=np.float32)))
    features.X.indices[0] = 77
    monkeypatch.setattr(Features, "canonical", lambda self: self)  # which would see it before
    with pytest.raises(DataError, match="refused by the compiled core: CSR: a column index is out of range"):
        module.NativeEngine().evaluate(network(), features, n_threads=1)
    with pytest.raises(OptionError, match="read-only"):
        get_engine("native").train(
            network().freeze(), Examples(Features(np.eye(5)), np.zeros(5, np.int64), None, np.arange(5)),
            np.arange(5), STEPS, epoch=0, seed=0, n_threads=1,
        )  # fmt: skip
