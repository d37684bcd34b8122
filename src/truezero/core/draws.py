"""Random draws that depend on what they are for, not on when they are made.

Every draw is a word of the counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011), addressed by (seed, purpose, layer, epoch,
example, unit). So all engines, dtypes, thread counts and resumed runs draw the same numbers, and
they are compared as integers so that no rounding can tell them apart.
"""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truezero.errors import OptionError

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_ROUNDS = 10


class Purpose(enum.IntEnum):
    """What a draw is for. The numbers are part of the engine contract and never change."""

    ORDER = 1
    INITIAL_WEIGHTS = 2
    SIGN_MASK = 3
    DROPOUT = 4
    SPLIT = 5
    CORRUPTION = 6
    PEPPER = 7
    SAMPLING = 8
    DECODER_WEIGHTS = 9
    # From 16 on: rows that are generated.
    DISTORTION = 16
    SCENE = 20


def philox(counter: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Philox4x32-10.

    Parameters
    ----------
    counter : ndarray of uint64, shape (4, ...)
        Four 32-bit words, each in the low half of a uint64.
    seed : int
        The 64-bit key.

    Returns
    -------
    ndarray of uint64, shape (4, ...)
        Four 32-bit words, each in the low half of a uint64.
    """
    c0, c1, c2, c3 = counter
    key0, key1 = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
    for _ in range(_ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (p1 >> _SHIFT) ^ c1 ^ np.uint64(key0),
            p1 & _LOW,
            (p0 >> _SHIFT) ^ c3 ^ np.uint64(key1),
            p0 & _LOW,
        )
        key0 = (key0 + _KEY_STEPS[0]) & 0xFFFFFFFF
        key1 = (key1 + _KEY_STEPS[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3])


def words(
    seed: int, purpose: Purpose, *, layer: int = 0, epoch: int = 0, examples: ArrayLike, n_units: int
) -> NDArray[np.uint32]:
    """Draw one 32-bit word for every (example, unit).

    Parameters
    ----------
    seed : int
        64-bit seed of the training.
    purpose : Purpose
        What the draw is for.
    layer, epoch : int
        Non-negative; the layer below 2**16, the epoch below 2**32.
    examples : array-like of int, shape (n_examples,)
        Example ids, 0 <= id < 2**32.
    n_units : int
        Words per example.

    Returns
    -------
    ndarray of uint32, shape (n_examples, n_units)
    """
    ids = np.asarray(examples, dtype=np.uint64)
    blocks = np.arange((n_units + 3) // 4, dtype=np.uint64)
    shape = (ids.size, blocks.size)
    counter = np.empty((4, *shape), dtype=np.uint64)
    counter[0] = blocks
    counter[1] = ids[:, np.newaxis]
    counter[2] = epoch
    counter[3] = (int(purpose) << 16) | layer
    drawn = np.moveaxis(philox(counter, seed), 0, -1).reshape(ids.size, -1)
    return drawn[:, :n_units].astype(np.uint32)


def words_at(
    seed: int, purpose: Purpose, *, layer: int = 0, epoch: int = 0, examples: ArrayLike, units: ArrayLike
) -> NDArray[np.uint32]:
    """Draw the words of some (example, unit) alone: those that `words` has at these places.

    Parameters
    ----------
    seed, purpose, layer, epoch
        As in `words`.
    examples, units : array-like of int, shape (n,)
        Example ids and units, pair by pair.

    Returns
    -------
    ndarray of uint32, shape (n,)
    """
    places = np.asarray(units, dtype=np.int64)
    counter = np.empty((4, places.size), dtype=np.uint64)
    counter[0] = places // 4
    counter[1] = np.asarray(examples, dtype=np.uint64)
    counter[2] = epoch
    counter[3] = (int(purpose) << 16) | layer
    drawn: NDArray[np.uint32] = philox(counter, seed)[places % 4, np.arange(places.size)].astype(np.uint32)
    return drawn


def uniform(drawn: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Words as float64 in the open interval (0, 1), centred in their 2**-32 wide cells."""
    return (drawn.astype(np.float64) + 0.5) * 2.0**-32


def threshold(probability: float) -> int:
    """Return the integer below which a word falls with the given probability.

    Raises
    ------
    OptionError
        If the probability is outside [0, 1].
    """
    if not 0.0 <= probability <= 1.0:
        raise OptionError(f"a probability must be in [0, 1], got {probability!r}")
    return round(probability * 2**32)


def permutation(
    seed: int, purpose: Purpose, ids: ArrayLike, *, layer: int = 0, epoch: int = 0
) -> NDArray[np.int64]:
    """Positions of `ids` in a random order that depends on the ids, not on their places.

    Parameters
    ----------
    seed : int
        64-bit seed.
    purpose : Purpose
        What the order is for.
    ids : array-like of int, shape (n_examples,)
        Example ids, 0 <= id < 2**32.
    layer, epoch : int
        A new order for every layer and epoch.

    Returns
    -------
    ndarray of int64, shape (n_examples,)
    """
    pair = words(seed, purpose, layer=layer, epoch=epoch, examples=ids, n_units=2).astype(np.uint64)
    return np.argsort((pair[:, 0] << _SHIFT) | pair[:, 1], kind="stable").astype(np.int64)
