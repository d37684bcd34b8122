"""Pixels from other places of the same image; outside of it all is black."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from truezero.datasets.distortions.draws import SIDE, Images

ROWS = np.arange(SIDE, dtype=np.float32)[:, np.newaxis]
COLUMNS = np.arange(SIDE, dtype=np.float32)
MIDDLE = (SIDE - 1) / 2

_FRAMED = SIDE + 2
_BLOCK = 32  # images whose arrays fit the second-level cache


def nearest(images: Images, down: Images, across: Images) -> Images:
    """Nearest pixels.

    Parameters
    ----------
    images : ndarray of float32, shape (n, SIDE, SIDE)
    down, across : ndarray of float32, shape (n, SIDE, SIDE)
        Where each pixel comes from, as row and column.

    Returns
    -------
    ndarray of float32, shape (n, SIDE, SIDE)
    """
    out = np.empty_like(images)
    for part in _blocks(len(images)):
        flat = _framed(images[part])
        # The frame is black, and where all that is outside comes from. What is positive is cut off: floor.
        row = np.clip(down[part] + np.float32(1.5), 0, _FRAMED - 1).astype(np.intp)
        row *= _FRAMED
        row += np.clip(across[part] + np.float32(1.5), 0, _FRAMED - 1).astype(np.intp)
        row += _starts(len(row))
        np.take(flat, row, out=out[part], mode="clip")
    return out


def bilinear(images: Images, down: Images, across: Images) -> Images:
    """Means of the four pixels around; arguments and result are those of `nearest`."""
    out = np.empty_like(images)
    last = np.float32(SIDE + 1 - 1e-3)
    for part in _blocks(len(images)):
        flat = _framed(images[part])
        y = np.clip(down[part] + np.float32(1), 0, last)
        x = np.clip(across[part] + np.float32(1), 0, last)
        row, column = y.astype(np.intp), x.astype(np.intp)
        y -= row.astype(np.float32)
        x -= column.astype(np.float32)
        row *= _FRAMED
        row += column
        row += _starts(len(row))
        first = np.take(flat, row, mode="clip")
        row += 1
        second = np.take(flat, row, mode="clip")
        row += _FRAMED
        fourth = np.take(flat, row, mode="clip")
        row -= 1
        third = np.take(flat, row, mode="clip")
        for left, right in ((first, second), (third, fourth)):
            right -= left
            right *= x
            left += right
        third -= first
        third *= y
        np.add(first, third, out=out[part])
    return out


def moved(images: Images, down: NDArray[np.int64], across: NDArray[np.int64]) -> Images:
    """Images moved by whole pixels, each by its own, at most SIDE, shape as they come."""
    framed = np.pad(images, ((0, 0), (SIDE, SIDE), (SIDE, SIDE)))
    windows = sliding_window_view(framed, (SIDE, SIDE), axis=(1, 2))
    return np.asarray(windows[np.arange(len(images)), SIDE - down, SIDE - across])


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, n, _BLOCK)]


def _starts(n: int) -> NDArray[np.intp]:
    return np.arange(n, dtype=np.intp)[:, np.newaxis, np.newaxis] * _FRAMED**2


def _framed(images: Images) -> NDArray[np.float32]:
    framed = np.zeros((len(images), _FRAMED, _FRAMED), np.float32)
    framed[:, 1:-1, 1:-1] = images
    return framed.reshape(-1)
