"""Whether small changes of the input leave the active units as they are (section 2.2, "disentangling")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.analysis.rows import network_and_rows, parts
from truezero.core.constraints import whole_number
from truezero.core.corruption import Corruption
from truezero.core.draws import Purpose, permutation
from truezero.core.rows import Features
from truezero.errors import OptionError


@dataclass(frozen=True)
class Overlap:
    """What noise changes in the codes of rows, means over the rows.

    The overlap of two sets of active units is Jaccard's: of the units that are active in one of them, the
    share that is so in both; 1 where neither has any.

    Attributes
    ----------
    corruption : str
        "gaussian" or "masking".
    levels : tuple of float
        How much noise.
    kept : ndarray of shape (n_levels, n_layers)
        Overlap of the active units without noise and with it, 0..1.
    changed : ndarray of shape (n_levels, n_layers)
        Share of a layer's units whose value is another one with noise, 0..1: in a dense code, all.
    apart : ndarray of shape (n_layers,)
        Overlap of the active units of two different rows, drawn at random: what `kept` must be compared
        with. NaN of a single row.
    n_rows : int
        Rows gone through.
    """

    corruption: str
    levels: tuple[float, ...]
    kept: NDArray[np.float64]
    changed: NDArray[np.float64]
    apart: NDArray[np.float64]
    n_rows: int


def active_overlap(
    model: Any,
    X: Any,
    *,
    corruption: str | None = None,
    levels: Sequence[float] = (0.01, 0.03, 0.1, 0.3),
    n_rows: int | None = None,
    random_state: int = 0,
) -> Overlap:
    """Measure what small changes of the input change in the codes of a network.

    Parameters
    ----------
    model : an estimator of truezero, Network, or Pipeline that ends in one
        Fitted, with a hidden layer or more. Of a pipeline its last step's input is changed.
    X : ndarray, CSR or Features of shape (n_rows, n_features)
    corruption : {None, "gaussian", "masking"}
        "gaussian" adds normal numbers to each feature, with `level` times the standard deviation that the
        feature has over all rows; "masking" sets each feature to 0 with probability `level`. None: masking
        for CSR, gaussian for all else.
    levels : sequence of float
        How much: at least 0, of masking at most 1.
    n_rows : int, optional
        As many rows, drawn at random; without it all.
    random_state : int, default=0
        Seed of noise and order. A row's noise does not depend on the rows beside it.

    Returns
    -------
    Overlap

    Raises
    ------
    OptionError
        If the corruption is none of these, or normal numbers shall be added to sparse rows; if a level or
        a number is out of range.
    DataError
        If rows and model do not fit.
    """
    (whole_number(least=1) | None).check("n_rows", n_rows)
    whole_number().check("random_state", random_state)
    network, rows = network_and_rows(model, X)
    rows = rows.canonical()
    is_sparse = sparse.issparse(rows.X)
    kind = ("masking" if is_sparse else "gaussian") if corruption is None else corruption
    if kind not in ("gaussian", "masking") or (kind == "gaussian" and is_sparse):
        raise OptionError(
            f"corruption must be 'masking'{'' if is_sparse else ' or gaussian'} for these rows, got {kind!r}"
        )
    noises = [Corruption(kind, level) for level in levels]
    deviation = _deviations(rows) if kind == "gaussian" else np.zeros(0)
    order = permutation(random_state, Purpose.SPLIT, np.arange(rows.n_samples))[:n_rows]
    kept, changed = np.zeros((2, len(noises), network.n_hidden))
    apart, n_pairs = np.zeros(network.n_hidden), 0
    for part in parts(len(order), network):
        ids = order[part]
        clean = rows.take(ids).values(network.dtype)
        n_pairs += max(len(ids) - 1, 0)
        codes = [network.encode(clean, layer) for layer in range(network.n_hidden)]
        for layer, code in enumerate(codes):
            apart[layer] += _overlap(code[:-1], code[1:]).sum()
        for place, noise in enumerate(noises):
            noisy = _noisy(clean, noise, deviation, ids, random_state)
            for layer, code in enumerate(codes):
                other = network.encode(noisy, layer)
                kept[place, layer] += _overlap(code, other).sum()
                changed[place, layer] += (code != other).nnz / code.shape[1]
    n = len(order)
    return Overlap(
        kind,
        tuple(map(float, levels)),
        kept / max(n, 1),
        changed / max(n, 1),
        apart / n_pairs if n_pairs else np.full(network.n_hidden, np.nan),
        n,
    )


def _noisy(clean: Any, noise: Corruption, deviation: Any, ids: NDArray[np.int64], seed: int) -> Any:
    """Rows with noise; normal numbers are in units of each feature's own deviation."""
    where = {"layer": 0, "epoch": 0, "seed": seed}
    if noise.kind == "gaussian":
        normal = noise.apply(np.zeros(clean.shape), ids, **where)
        return (clean + deviation * normal).astype(clean.dtype)
    apply = noise.apply_csr if sparse.issparse(clean) else noise.apply
    return apply(clean, ids, **where)


def _overlap(a: sparse.csr_array[Any], b: sparse.csr_array[Any]) -> NDArray[np.float64]:
    """Jaccard's overlap of the active units, row by row."""
    # What is stored is what is active: so products of the patterns cannot vanish, as those of values can.
    one, other = (
        sparse.csr_array((np.ones(len(code.data), np.int8), code.indices, code.indptr), shape=code.shape)
        for code in (a, b)
    )
    both = np.diff(one.multiply(other).tocsr().indptr)
    either = np.diff(a.indptr) + np.diff(b.indptr) - both
    return np.asarray(np.divide(both, either, out=np.ones(len(both)), where=either > 0))


def _deviations(rows: Features) -> NDArray[np.float64]:
    """Standard deviation of every feature, block by block (Chan, Golub, LeVeque 1979)."""
    n, mean, squares = 0, np.zeros(rows.n_features), np.zeros(rows.n_features)
    for block in rows.blocks():
        total, off = n + len(block), block.mean(axis=0) - mean
        squares += ((block - block.mean(axis=0)) ** 2).sum(axis=0) + off**2 * (n * len(block) / total)
        mean += off * (len(block) / total)
        n = total
    return np.asarray(np.sqrt(squares / max(n, 1)))
