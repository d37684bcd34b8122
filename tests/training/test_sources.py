"""Where rows come from: codes that are kept or computed block by block, and parts of an order."""

from __future__ import annotations

import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from comparing import parameters, same_bits
from scipy import sparse
from small_pretraining import plan, records, same_stacks, settings, train, unlabeled

from truezero.core.autoencoder import initialize_autoencoder
from truezero.core.corruption import Corruption
from truezero.engines import (
    AutoencoderSettings,
    Tally,
    Unlabeled,
    get_engine,
)
from truezero.errors import DivergenceError
from truezero.training import (
    Pretraining,
    codes,
)
from truezero.training.epochs import train_pieces
from truezero.training.sources import Ordering, Piece

CROSS_ENTROPY = "sigmoid-cross-entropy"


# ---- the order, in parts ----------------------------------------------------------------------------


def test_stretches_cut_no_minibatch() -> None:
    assert codes.stretches(10, 20, 10) == [slice(0, 10)]
    assert codes.stretches(40, 20, 10) == [slice(0, 20), slice(20, 40)]
    assert codes.stretches(55, 20, 10) == [slice(0, 20), slice(20, 40), slice(40, 55)]
    # Less than a minibatch would be a smaller minibatch to the engine, which may choose other products.
    assert codes.stretches(45, 20, 10) == [slice(0, 20), slice(20, 45)]
    assert codes.stretches(0, 20, 10) == [slice(0, 0)]


@pytest.mark.parametrize("as_csr", [False, True])
@pytest.mark.parametrize("batch_size", [10, 100])
@pytest.mark.parametrize(
    "options", [{}, {"tied": True}, {"sampling": 0.3}, {"density": (1.0, 1.0), "n_threads": 3}]
)
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_parts_of_an_order_train_to_the_same_bits(
    engine: str, options: dict[str, Any], batch_size: int, as_csr: bool
) -> None:
    random = np.random.default_rng(0)
    X: Any = np.where(random.random((1005, 60)) < 0.3, random.random((1005, 60)), 0).astype("f4")
    rows, order = unlabeled(sparse.csr_array(X) if as_csr else X), random.permutation(1005)
    step = AutoencoderSettings(0.05, batch_size, 1e-3, Corruption(), options.get("sampling"))
    whole = initialize_autoencoder(60, 70, tied=options.get("tied", False))
    parts = whole.copy()
    for autoencoder, size in ((whole, 1005), (parts, 300)):
        for part in codes.stretches(1005, size, batch_size):
            get_engine(engine).train_autoencoder(
                autoencoder, rows.take(order[part]), np.arange(len(order[part])), step,
                layer=1, epoch=2, seed=3, n_threads=options.get("n_threads", 1),
                density=options.get("density", (0.3, 0.5)),
            )  # fmt: skip
    assert same_bits(whole, parts)


# ---- codes ------------------------------------------------------------------------------------------

STACKS: dict[str, Any] = {
    "dense": (settings(plan(40), plan(20), plan(10)), False),
    "sparse": (settings(plan(40, l1=0.3), plan(20, l1=0.1)), True),
    "sparse, rows in CSR": (
        settings(plan(40, l1=0.3), plan(20, corruption=Corruption("gaussian", 0.1))),
        True,
    ),
    "signs": (settings(plan(40), plan(20, reconstruction="linear-quadratic"), sign_mask="half"), False),
    "before": (settings(plan(40), plan(20, reconstruction="linear-quadratic", target="before")), False),
    "before, sparse": (
        settings(plan(40, l1=0.3), plan(20, reconstruction="linear-quadratic", target="before")),
        True,
    ),
    "cross-entropy": (
        settings(plan(40), plan(20, reconstruction=CROSS_ENTROPY), plan(10, reconstruction=CROSS_ENTROPY)),
        False,
    ),
    "cross-entropy, each unit its own": (
        settings(plan(40, l1=0.3), plan(20, reconstruction=CROSS_ENTROPY, unit_scaling=True)),
        True,
    ),
    "cross-entropy on softplus": (
        settings(plan(40, activation="softplus"), plan(20, reconstruction=CROSS_ENTROPY)),
        False,
    ),
    "tanh": (settings(plan(40, activation="tanh"), plan(20, reconstruction=CROSS_ENTROPY)), False),
    "tied": (settings(plan(40, l1=0.3), plan(20, tied=True)), True),
    "sampled": (settings(plan(40, l1=0.3), plan(20, sampling=0.5)), True),
    "large minibatches": (settings(plan(40), plan(20, 100, activation="softplus"), plan(10, 100)), False),
    "factored": (settings(plan(80, l1=0.2), plan(8, 2, reconstruction="linear-quadratic")), True),
    "float64, unshuffled": (settings(plan(40), plan(20), dtype="float64", shuffle=False), False),
}


@pytest.mark.parametrize("name", STACKS)
def test_codes_block_by_block_train_to_the_same_bits(
    X: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept as a whole, or a stretch at a time computed in every epoch; measured ones too."""
    monkeypatch.setattr("truezero.training.sources._BLOCK", 6000)  # some hundred rows
    what, is_sparse = STACKS[name]
    rows = sparse.csr_array(X) if "CSR" in name else X
    kinds: list[tuple[bool, bool]] = []
    pieces = codes.Codes.pieces

    def watched(self: codes.Codes, ordering: Ordering, epoch: int) -> Iterator[Any]:
        for number, piece in enumerate(pieces(self, ordering, epoch)):
            kinds.append((sparse.issparse(piece.rows.features.X), number > 0))
            yield piece

    monkeypatch.setattr(codes.Codes, "pieces", watched)
    plain = train(rows[:333], what, rows[333:])
    assert (is_sparse, False) in kinds
    assert not any(cut for _, cut in kinds)
    monkeypatch.setattr(codes, "STRETCH", 9000)  # some 50 rows, or 100 where minibatches are as large
    kept = train(rows[:333], what, rows[333:])
    assert (is_sparse, True) in kinds
    monkeypatch.setattr(codes, "MAX_KEPT", 0)
    monkeypatch.setattr("truezero.training.layer_measure.MAX_KEPT", 0)
    for n_threads in (1, 3):
        computed = train(rows[:333], what, rows[333:], n_threads=n_threads)
        assert same_stacks(computed, kept)
        assert records(computed) == records(kept)
        for a, b in zip(computed.stack.layers, kept.stack.layers, strict=True):
            for scale in ("input_scale", "output_scale"):
                np.testing.assert_array_equal(getattr(a, scale), getattr(b, scale))
    if name == "factored":
        assert [record["products"] for record in kept.of_layer(1)] == [["sparse", "factored"]] * 2
        return  # each call of an engine takes the decoder apart anew: rounding
    assert same_stacks(plain, kept)
    for record, other in zip(records(plain), records(kept), strict=True):
        assert record["loss"] == pytest.approx(other["loss"], rel=1e-12)  # of sums in another order
        assert record["penalty"] == pytest.approx(other["penalty"], rel=1e-12)
        assert record | {"loss": 0, "penalty": 0} == other | {"loss": 0, "penalty": 0}


@pytest.mark.parametrize("name", ["dense", "sparse", "before", "cross-entropy", "tanh"])
def test_the_reference_computes_codes_block_by_block_too(
    X: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To rounding: NumPy's products depend on the shape of the block."""
    what, _ = STACKS[name]
    what = Pretraining(what.layers, seed=5, dtype="float64")
    kept = train(X[:133], what, X[333:], engine="reference")
    monkeypatch.setattr(codes, "MAX_KEPT", 0)
    monkeypatch.setattr(codes, "STRETCH", 9000)
    computed = train(X[:133], what, X[333:], engine="reference")
    for a, b in zip(kept.stack.layers, computed.stack.layers, strict=True):
        for x, y in zip(parameters(a), parameters(b), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)


def test_without_held_out_rows(X: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    what = settings(plan(40), plan(20))
    kept = train(X, what)
    monkeypatch.setattr(codes, "MAX_KEPT", 0)
    computed = train(X, what)
    assert same_stacks(kept, computed)
    assert records(kept) == records(computed)


def test_codes_know_what_they_are_like(X: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extremes, density and first rows of codes that are not kept are those of the codes."""
    monkeypatch.setattr("truezero.training.sources._BLOCK", 6000)  # some hundred rows
    engine = get_engine("native")
    for l1, before in ((0.0, False), (0.3, True)):
        stack = train(X, settings(plan(40, l1=l1), sign_mask="half")).stack
        encoder = codes.Encoder(stack, before, engine, 1)
        whole = encoder.rows(unlabeled(X))
        for limit in (2**30, 0):
            monkeypatch.setattr(codes, "MAX_KEPT", limit)
            source = codes.Codes(unlabeled(X), encoder, 10)
            assert source.shape == (400, 40)
            assert source.least() == whole.features.least() < 0
            np.testing.assert_array_equal(source.largest(), whole.features.largest())
            (piece,) = source.pieces(Ordering(1), 1)
            assert piece.density == whole.features.density()
            assert type(piece.rows.features.X) is type(whole.features.X)
            monkeypatch.setattr(codes, "STRETCH", 3000)
            pieces = list(codes.Codes(unlabeled(X), encoder, 10).pieces(Ordering(1), 1))
            monkeypatch.setattr(codes, "STRETCH", 2**28)
            assert len(pieces) > 1
            assert {part.density for part in pieces} == {piece.density}  # of all, not of the part
            for part in (source.first(7), next(source.blocks())):
                other = whole.take(slice(len(part.ids)))
                a, b = part.features.values("f4"), other.features.values("f4")
                assert (a != b).sum() == 0
                np.testing.assert_array_equal(part.ids, other.ids)
                if before:
                    np.testing.assert_array_equal(part.target, other.target)


def test_codes_that_are_not_kept_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).random((24_000, 20)).astype("f4")
    what = settings(plan(300, 100, max_epochs=1), plan(4, 100, max_epochs=1))
    below = train(rows[:500], settings(plan(300, 100, max_epochs=1))).stack

    def peak() -> int:
        tracemalloc.start()
        train(rows, what, rows[:6000], below=below)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken

    assert peak() > 24_000 * 300 * 4
    monkeypatch.setattr(codes, "MAX_KEPT", 10**5)
    monkeypatch.setattr("truezero.training.layer_measure.MAX_KEPT", 10**5)
    monkeypatch.setattr(codes, "STRETCH", 10**6)
    for module in ("training.sources", "core.rows"):  # smaller blocks, as these are small rows
        monkeypatch.setattr(f"truezero.{module}._BLOCK", 10**5)
    assert peak() < 24_000 * 300 * 4 / 2


def test_a_layer_of_codes_that_dies(X: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "MAX_KEPT", 0)
    with pytest.raises(DivergenceError, match=r"layer 2 died in epoch \d+ .* L1 coefficient 50 is too high"):
        train(X, settings(plan(20), plan(20, l1=50.0, max_epochs=20)), X[:50])


def test_one_piece_is_in_memory_at_a_time() -> None:
    last: list[Any] = []

    def pieces() -> Iterator[Piece[Unlabeled]]:
        for first_id in (0, 10, 20):
            assert all(gone() is None for gone in last)
            piece = Piece(unlabeled(np.zeros((10, 3)), first_id), np.arange(10), 0.0)
            last.append(weakref.ref(piece))
            yield piece
            del piece

    tallies = iter([Tally(1.0, 0.5, ("sparse",)), Tally(4.0, 0.0, ("dense",)), Tally(1.0, 1.0, ("sparse",))])
    assert train_pieces(pieces(), lambda piece: next(tallies)) == Tally(2.0, 0.5, ("sparse",), n_rows=30)
    assert len(last) == 3
