"""Auto-encoders of wide sparse input: steps of a linear decoder with quadratic cost, whatever the width.

After Vincent, de Brébisson, Bouthillier ("Efficient exact gradient update for training deep networks with
very large sparse targets", NIPS 2015). Of a decoder V, n_units × n_in with its biases as one more row, and a
minibatch of m rows h and targets t, H and T, a step of rate η is

    V ← (I − (2η/m) HᵀH) V + (2η/m) HᵀT.

The first term changes all of V, but from the left: V is kept as U A, U small and square, and U takes it.
The second changes the columns in which T is not 0, of A then by U⁻¹ times it. Cost and gradient to H need
V's products with H and T, which Q = V Vᵀ and those columns give. So a step takes O(n_units²) for an example
and not O(n_in n_units), and is the same step.

What it takes to be as exact as it is in theory: U shrinks along the mean of h in every step. Before A has
grown too much against it, singular values of U that have become small are made 1, and A takes them, in one
pass over it. What one step would crush, or stretch, A takes right away.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import blas

from truezero.core.activations import Array
from truezero.core.autoencoder import Autoencoder
from truezero.core.network import Network
from truezero.core.rows import Unlabeled
from truezero.engines.contract import AutoencoderSettings

# The paper's count of operations promises a gain of n_in / (4 n_units). That leaves room at 10 for what it
# does not count: Q at the start of an epoch, V at its end, the passes in between.
WIDE = 10
# A minibatch that touches more than this share of the columns goes through most of A anyway.
TOUCHED = 0.5

# Bound of ‖U⁻¹‖ (‖U‖ is about 1). Rounding errors of A come back times it: in epochs of 3000 steps, 6e-5 and
# 7e-12 of what the weights moved. The contract allows 1e-3 and 1e-9; tighter bounds cost more passes over A.
_STRETCH = {np.dtype("f4"): 1e3, np.dtype("f8"): 1e4}
_CRUSHED = 1 / 8  # a step's factor along a direction below which A takes it
_LOST = 1e-4  # Q is computed anew once this share of its largest is left: the rounding errors stayed

Small = NDArray[np.float64]


def applies(
    autoencoder: Autoencoder,
    examples: Unlabeled,
    settings: AutoencoderSettings,
    n_order: int,
    density: Sequence[float] | None,
) -> bool:
    """Whether steps can be made this way, and are worth it.

    Parameters
    ----------
    autoencoder : Autoencoder
    examples : Unlabeled
    settings : AutoencoderSettings
    n_order : int
        Examples of the call.
    density : sequence of float or None
        As in `Engine.train`.

    Returns
    -------
    bool
        True for an untied linear decoder with quadratic cost, CSR input at least `WIDE` times as wide as the
        code, targets that are 0 where it is, and all of them reconstructed. A call starts with Q and ends
        with V, together the work of about n_units dense rows: there must be as many rows. A minibatch may
        touch `TOUCHED` of the columns.
    """
    n_in, n_units = autoencoder.network.weights[0].shape
    features = examples.features
    return (
        autoencoder.reconstruction == "linear-quadratic"
        and autoencoder.target in ("input", "magnitude")
        and not autoencoder.tied
        and examples.target is None
        and settings.sampling is None
        and sparse.issparse(features.X)
        and n_in >= WIDE * n_units
        and n_order >= n_units
        and settings.batch_size * (density[0] if density else features.density()) <= TOUCHED
    )


def train(
    autoencoder: Autoencoder,
    examples: Unlabeled,
    order: NDArray[np.int64],
    settings: AutoencoderSettings,
    *,
    layer: int,
    epoch: int,
    seed: int,
) -> tuple[float, float]:
    """Run minibatch SGD over `order`, changing the auto-encoder in place; see `Engine.train_autoencoder`.

    The same bits come out every time if BLAS runs on one thread. Whether it `applies` is not asked again.

    Returns
    -------
    tuple of float
        Sums over the examples of cost and penalty, each before its update.
    """
    if not len(order):
        return 0.0, 0.0
    stop = threading.Event()
    # An interrupt reaches the main thread alone, so a step on this one is always finished and V written back.
    with ThreadPoolExecutor(1) as pool:
        try:
            done = pool.submit(_train, autoencoder, examples, order, settings, layer, epoch, seed, stop)
            while not done.done():
                wait([done], 0.1)  # not for ever: an interrupt must get through on every system
            return done.result()
        finally:
            stop.set()


def _train(
    autoencoder: Autoencoder,
    examples: Unlabeled,
    order: NDArray[np.int64],
    settings: AutoencoderSettings,
    layer: int,
    epoch: int,
    seed: int,
    stop: threading.Event,
) -> tuple[float, float]:
    network, features = autoencoder.network, examples.features.canonical()
    loss = penalty = 0.0
    # Divergence ends in weights that are not finite, which the caller reports.
    with np.errstate(over="ignore", invalid="ignore"):
        decoder = _Decoder(network)
        try:
            for start in range(0, len(order), settings.batch_size):
                if stop.is_set():
                    break
                rows = order[start : start + settings.batch_size]
                batch = Unlabeled(features.take(rows), examples.ids[rows])
                batch_loss, batch_penalty = _step(autoencoder, decoder, batch, settings, layer, epoch, seed)
                loss, penalty = loss + batch_loss, penalty + batch_penalty
                if not math.isfinite(loss):
                    break
        finally:
            decoder.write_to(network)
        if not math.isfinite(loss):
            for array in (*network.weights, *(network.biases if network.use_biases else ())):
                array[:] = np.nan  # as after some more steps
    return loss, penalty


def _step(
    autoencoder: Autoencoder,
    decoder: _Decoder,
    batch: Unlabeled,
    settings: AutoencoderSettings,
    layer: int,
    epoch: int,
    seed: int,
) -> tuple[float, float]:
    """One step of SGD; returns the sums over the batch of cost and penalty."""
    network, dtype, n = autoencoder.network, autoencoder.dtype, batch.features.n_samples
    encoder, function = network.weights[0], network.activation(0)
    clean = batch.features.values(dtype)
    x = settings.corruption.apply_csr(clean, batch.ids, layer=layer, epoch=epoch, seed=seed)
    if sparse.issparse(x) and x.nnz > TOUCHED * x.shape[1]:  # much pepper
        x = x.toarray()
    z = np.asarray(x @ encoder) + network.biases[0]
    h = function.value(z, network.softplus_scale) + dtype.type(0)
    penalty = settings.l1 * float(np.abs(h).sum(dtype=np.float64))

    target = abs(clean) if autoencoder.target == "magnitude" else clean
    rate = dtype.type(settings.learning_rate)
    loss, d_h = decoder.step(h.astype(np.float64), target.astype(np.float64), float(rate))

    delta_h = d_h.astype(dtype) + dtype.type(settings.l1 / n) * np.sign(h)
    delta_z = delta_h * function.derivative(z, network.softplus_scale)
    if sparse.issparse(x):
        columns, x = _touched(x)
        encoder[columns] -= rate * (x.T @ delta_z)
    else:
        _add_product(encoder, -rate * x, delta_z)
    if network.use_biases:
        network.biases[0] -= rate * delta_z.sum(axis=0)
    return loss, penalty


class _Decoder:
    """V = U A, biases included. What is square is float64; A has the network's dtype, as V had.

    Attributes
    ----------
    columns : ndarray of shape (n_in, width)
        Aᵀ, so that a column of V is one piece of memory.
    factor, inverse : ndarray of shape (width, width), in Fortran's order as BLAS wants it
        U and U⁻¹.
    gram : ndarray of shape (width, width), likewise
        Q, its upper triangle.
    """

    columns: Array
    factor: Small
    inverse: Small
    gram: Small
    stretch: float  # a bound of ‖U⁻¹‖
    largest: float  # trace of Q so far

    def __init__(self, network: Network) -> None:
        weights, biases = network.weights[1], network.biases[1]
        self.biased = network.use_biases
        n_units, n_in = weights.shape
        self.columns = np.empty((n_in, n_units + self.biased), weights.dtype)
        for block in _blocks(n_in):
            self.columns[block, :n_units] = weights[:, block].T
            if self.biased:
                self.columns[block, n_units] = biases[block]
        self._clear()
        self._measure()

    def write_to(self, network: Network) -> None:
        """Make the network's decoder V."""
        n_units = len(network.weights[1])
        change = self._change()
        for block in _blocks(len(self.columns)):
            V = self.columns[block] + self.columns[block] @ change
            network.weights[1][:, block] = V[:, :n_units].T
            if self.biased:
                network.biases[1][block] = V[:, n_units]

    def step(self, h: Small, target: sparse.csr_array[Any], rate: float) -> tuple[float, Small]:
        """Make one step; return what was before it, the batch's summed cost and the gradient to h."""
        n, n_units = h.shape
        H = np.hstack([h, np.ones((n, 1))]) if self.biased else h
        columns, T = _touched(target)
        HQ = blas.dsymm(1.0, self.gram, H.T).T
        TV = (T @ np.float64(self.columns[columns])) @ self.factor.T  # T Vᵀ
        loss = float(np.vdot(H, HQ) - 2 * np.vdot(H, TV) + T.data @ T.data)
        d_h = (2 / n) * (HQ - TV)[:, :n_units]

        # The minibatch in another basis, H = X R / c: R's rows are orthogonal, and I − c² HᵀH = I − RᵀR
        # multiplies what lies along each by one number, 1 minus its square.
        c = math.sqrt(2 * rate / n)
        if not np.isfinite(H).all() or not math.isfinite(c * c * float(np.vdot(H, H))):
            return math.nan, d_h
        X, B = np.linalg.qr(c * H) if n > H.shape[1] else (np.eye(n), c * H)
        square, rotation = np.linalg.eigh(B @ B.T)
        X, R = X @ rotation, rotation.T @ B
        left = 1 - square

        # Q, by symmetric terms RᵀC + CᵀR.
        RQ, TV, TT = c * (X.T @ HQ), c * (X.T @ TV), c * c * (X.T @ ((T @ T.T) @ X))
        C = TV - RQ + (RQ @ R.T / 2 - TV @ R.T + TT / 2) @ R
        self.gram = blas.dsyr2k(1.0, R.T, C.T, 1.0, self.gram, overwrite_c=1)

        RU, inverse_R = R @ self.factor, R @ self.inverse.T
        small = (np.abs(left) < _CRUSHED) | (np.abs(left) > 1 + 1e-9)
        if small.any():
            self._add(-RU[small], inverse_R[small])
            left = np.where(small, 1.0, left)
        into_columns = inverse_R / left[:, np.newaxis]  # by the new U⁻¹
        mild = ~small
        _add_product(self.factor, -R[mild], RU[mild])
        _add_product(self.inverse, into_columns[mild], R[mild])
        self.columns[columns] += T.T @ ((c * X) @ into_columns)

        self.stretch /= float(np.abs(left).min())
        if self.stretch > _STRETCH[self.columns.dtype]:
            self._mend()
        size = float(np.trace(self.gram))
        self.largest = max(self.largest, size)
        if size < _LOST * self.largest:
            self._take_factor()
            self._measure()
        return loss, d_h

    def _mend(self) -> None:
        """Make singular values of U that are small 1, and let A take them: U A = (U F) (F⁻¹ A).

        F = I + Z (1/s − 1) Zᵀ for the directions Z that U shrinks most, by s. They come from a few steps of
        subspace iteration, and need not be exact: F and F⁻¹ are each other's inverse for any s.
        """
        width = len(self.factor)
        n = max(8, width // 16)
        if n < width:
            Z = np.random.default_rng(0).standard_normal((width, n))
            for _ in range(3):
                Z = np.linalg.qr(self.inverse @ (self.inverse.T @ Z))[0]
            _, s, rotation = np.linalg.svd(self.factor @ Z, full_matrices=False)
            Z, small = Z @ rotation.T, s < 0.5
            if not small.all():
                self.stretch = max(1 / float(s[~small].min()), 1.0)
                if small.any():
                    Z, s = Z[:, small], s[small]
                    self._add(Z.T, (Z * (s - 1)).T)
                    _add_product(self.factor, (self.factor @ Z).T, (Z * (1 / s - 1)).T)
                    self.inverse = np.asfortranarray(np.linalg.inv(self.factor))
                return
        self._take_factor()  # there are too many of them

    def _take_factor(self) -> None:
        """A ← U A, U ← I."""
        change = self._change()
        for block in _blocks(len(self.columns)):
            self.columns[block] += self.columns[block] @ change
        self._clear()

    def _add(self, left: Small, right: Small) -> None:
        """A ← A + rightᵀ left A."""
        dtype = self.columns.dtype
        left, right = left.astype(dtype), right.astype(dtype)
        for block in _blocks(len(self.columns), 256):  # few enough to be in the cache for both products
            _add_product(self.columns[block], left @ self.columns[block].T, right)

    def _change(self) -> Array:
        """(U − I)ᵀ in A's dtype: what changed little is not rounded as if it were new."""
        return (self.factor - np.eye(len(self.factor))).T.astype(self.columns.dtype)

    def _clear(self) -> None:
        """U ← I."""
        width = self.columns.shape[1]
        self.factor, self.inverse = np.eye(width).copy("F"), np.eye(width).copy("F")
        self.stretch = 1.0

    def _measure(self) -> None:
        """Compute Q, of a U that is I."""
        width = self.columns.shape[1]
        gram = np.zeros((width, width), order="F")
        for block in _blocks(len(self.columns)):
            gram = blas.dsyrk(1.0, np.float64(self.columns[block]).T, 1.0, gram, overwrite_c=1)
        self.gram, self.largest = gram, float(np.trace(gram))


def _blocks(n: int, size: int = 1024) -> Iterator[slice]:
    """Pieces of a pass over n columns of V."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _touched(x: sparse.csr_array[Any]) -> tuple[NDArray[np.int64], sparse.csr_array[Any]]:
    """Columns with any entry, and the matrix of these alone."""
    columns, indices = np.unique(x.indices, return_inverse=True)
    return columns, sparse.csr_array((x.data, indices, x.indptr), shape=(x.shape[0], len(columns)))


def _add_product(c: Array, a: Array, b: Array) -> None:
    """C ← C + aᵀ b in place."""
    gemm = blas.sgemm if c.dtype == np.float32 else blas.dgemm
    if c.flags.f_contiguous:
        result = gemm(1.0, a.T, b.T, 1.0, c, trans_b=1, overwrite_c=1)
    else:
        result = gemm(1.0, b.T, a.T, 1.0, c.T, trans_b=1, overwrite_c=1).T
    if not np.may_share_memory(result, c):  # it would not take C as it is
        c[:] = result
