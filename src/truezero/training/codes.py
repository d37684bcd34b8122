"""Codes of finished layers as a source of rows, kept in memory or computed block by block in every epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Stack
from truezero.core.rows import SAMPLED_ROWS, Features, Unlabeled
from truezero.engines import Engine
from truezero.training.sources import Ordering, Piece, Source, blocks_of

# Bytes of codes, with their targets, that are kept.
MAX_KEPT = 2**30
# Bytes of codes that one call of an engine trains on.
STRETCH = 2**28
# Codes with more non-zeros than this are kept as a matrix: their list would take as much memory.
_DENSE_ABOVE = 0.5


class Encoder:
    """The finished layers, as they make the input of the layer above: codes without noise.

    Parameters
    ----------
    stack : Stack
        With one layer or more; later changes of it do not matter.
    before : bool
        The targets are what the topmost layer computes before its activation.
    engine : Engine
    n_threads : int
    """

    def __init__(self, stack: Stack, before: bool, engine: Engine, n_threads: int) -> None:
        network = stack.network()
        self._before = None
        if before:
            self._before = replace(
                network,
                weights=network.weights[:-1],
                biases=network.biases[:-1],
                activations=network.activations[:-1],
                signs=network.signs[:-1],
            ).freeze()
        self._network, self._engine, self._n_threads = network.freeze(), engine, n_threads
        self._top = network.n_hidden - 1
        self.width, self.dtype = network.layer_sizes[-2], network.dtype
        # Whether codes have zeros at all; else they are a matrix.
        self.true_zeros = network.activation(self._top).true_zeros
        self.bytes_of_target = self.width * self.dtype.itemsize if before else 0

    def encode(self, features: Features) -> tuple[Any, Array | None]:
        """Codes of some rows, CSR if they can be, and their targets, each of shape (n_samples, width)."""
        code = self._engine.encode(self._network, features, self._top, n_threads=self._n_threads)
        target = None
        if self._before is not None:
            target = self._engine.forward(self._before, features, n_threads=self._n_threads)
        return code if self.true_zeros else code.toarray(), target

    def rows(
        self, rows: Unlabeled, order: NDArray[np.int64] | None = None, as_matrix: bool | None = None
    ) -> Unlabeled:
        """Input of the layer above, all at once.

        Parameters
        ----------
        rows : Unlabeled
        order : ndarray of int64, optional
            Positions of those that are wanted, in the order they are wanted in.
        as_matrix : bool, optional
            Whether the codes shall be an array; by default their own density says.
        """
        n_samples, n_features = rows.features.X.shape
        n_samples = n_samples if order is None else len(order)
        codes: list[Any] = []
        targets: list[Array] = []
        for part in blocks_of((n_samples, n_features)):
            code, target = self.encode(rows.features.take(part if order is None else order[part]))
            codes.append(code)
            targets += [] if target is None else [target]
        if as_matrix is None:
            as_matrix = self.as_matrix(sum(map(_non_zeros, codes)), n_samples)
        return self.together(codes, targets, rows.ids if order is None else rows.ids[order], as_matrix)

    def as_matrix(self, n_non_zeros: int, n_samples: int) -> bool:
        """Whether so many codes are better an array than CSR."""
        return not self.true_zeros or n_non_zeros > _DENSE_ABOVE * n_samples * self.width

    def together(
        self, codes: list[Any], targets: list[Array], ids: NDArray[np.int64], as_matrix: bool
    ) -> Unlabeled:
        """Blocks of codes as one; `codes` is emptied, as both together take twice the memory."""
        target = np.concatenate(targets) if targets else None
        if not as_matrix:
            return Unlabeled(Features(sparse.csr_array(sparse.vstack(codes))), ids, target)
        matrix, start = np.empty((len(ids), self.width), self.dtype), 0
        codes.reverse()
        while codes:
            code = codes.pop()
            matrix[start : start + code.shape[0]] = code.toarray() if sparse.issparse(code) else code
            start += code.shape[0]
        return Unlabeled(Features(matrix), ids, target)


class Codes(Source[Unlabeled]):
    """What finished layers make of rows in memory.

    Codes that take `MAX_KEPT` at most are computed once. Of others there is never more than one stretch:
    it is computed when its rows' turn comes, in every epoch anew. A row's code does not depend on the rows
    around it, so training comes to the same bits either way (with the native engine; NumPy's products
    round by the shape of the block).

    Parameters
    ----------
    rows : Unlabeled
        Input of the lowest layer.
    encoder : Encoder
    batch_size : int
        No minibatch is cut.
    """

    _as_matrix: bool

    def __init__(self, rows: Unlabeled, encoder: Encoder, batch_size: int) -> None:
        self._rows, self._encoder, self._batch_size = rows, encoder, batch_size
        self._least, self._largest = math.inf, np.zeros(encoder.width)
        size = self._go_through()
        rows_of_stretch = STRETCH * self.shape[0] // max(size, 1)
        self._stretch = max(rows_of_stretch // batch_size, 1) * batch_size
        if self._as_matrix:
            self._density = self.first(SAMPLED_ROWS).features.density()

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and of codes' units."""
        return self._rows.features.n_samples, self._encoder.width

    def _go_through(self) -> int:
        """Compute all codes once, to know what they are like; keep them if they fit; return their bytes."""
        encoder, features, n_samples = self._encoder, self._rows.features, self.shape[0]
        of_targets = n_samples * encoder.bytes_of_target
        of_matrix = n_samples * encoder.width * encoder.dtype.itemsize
        codes: list[Any] | None = []
        targets: list[Array] = []
        n_non_zeros = of_codes = 0
        for part in blocks_of(features.X.shape):
            code, target = encoder.encode(features.take(part))
            self._least = min(self._least, Features(code).least())
            np.maximum(self._largest, Features(code).largest(), out=self._largest)
            n_non_zeros += _non_zeros(code)
            of_codes += n_bytes(code)
            if min(of_codes, of_matrix) + of_targets > MAX_KEPT:
                codes, targets = None, []
            if codes is not None:
                codes.append(code)
                targets += [] if target is None else [target]
        self._density = n_non_zeros / max(n_samples * encoder.width, 1)
        self._as_matrix = encoder.as_matrix(n_non_zeros, n_samples)
        size = (of_matrix if self._as_matrix else of_codes) + of_targets
        self._kept = None
        if codes is not None and size <= MAX_KEPT:
            self._kept = encoder.together(codes, targets, self._rows.ids, self._as_matrix)
        return size

    def pieces(self, ordering: Ordering, epoch: int) -> Iterator[Piece[Unlabeled]]:
        """All rows; in more than one piece if their codes take more than `STRETCH`."""
        order = ordering.of(self._rows.ids, epoch)
        for part in stretches(len(order), self._stretch, self._batch_size):
            positions = order[part]
            rows = self._kept
            if rows is None:
                rows = self._encoder.rows(self._rows, positions, self._as_matrix)
                positions = np.arange(len(positions), dtype=np.int64)
            yield Piece(rows, positions, self._density)

    def blocks(self) -> Iterator[Unlabeled]:
        """All codes as their rows lie, a block at a time."""
        return map(self._codes, blocks_of(self.shape))

    def first(self, n: int) -> Unlabeled:
        """The first n codes, or all where there are fewer."""
        return self._codes(slice(n))

    def least(self) -> float:
        """Least value."""
        return self._least

    def largest(self) -> NDArray[np.float64]:
        """Largest absolute value of every feature, shape (n_features,)."""
        return self._largest

    def _codes(self, part: slice) -> Unlabeled:
        if self._kept is not None:
            return self._kept.take(part)
        return self._encoder.rows(self._rows.take(part), as_matrix=self._as_matrix)


def stretches(n: int, size: int, batch_size: int) -> list[slice]:
    """Cut n rows into parts of `size` rows, a multiple of the minibatch.

    What is left over is a part of its own, or of the last one if it is less than a minibatch: an engine
    chooses how it multiplies by the rows of a minibatch, and would see a smaller one.
    """
    starts = list(range(0, max(n, 1), size))
    if len(starts) > 1 and n - starts[-1] < batch_size:
        starts.pop()
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], n], strict=True)]


def _non_zeros(code: Any) -> int:
    return int(code.nnz if sparse.issparse(code) else np.count_nonzero(code))


def n_bytes(X: Any) -> int:
    """Bytes of an array, or of CSR."""
    return sum(part.nbytes for part in ((X.data, X.indices, X.indptr) if sparse.issparse(X) else (X,)))
