"""svmlight and libsvm text: a label, then ``index:value`` for every feature that is not 0; a line a row.

Read in pieces, each taken apart by vectors, so memory follows what is stored and not how long a line is. What
follows a # is a comment, blank lines are skipped, and query numbers (``qid:3``) are left out. Features are
counted from 1, or from 0; "auto" takes a file as counted from 0 if it has a feature 0, as scikit-learn does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.text import printable
from truezero.datasets.formats.source import Allowance, Unpacked, unpacked
from truezero.errors import DataError

ZeroBased = bool | Literal["auto"]

MOST_FEATURES = 2**31 - 1  # indices of 32 bits reach
_PIECE = 1 << 18
_LONGEST_WORD = 200
_SPACE, _LINE_END, _COLON, _DIGIT, _OTHER = 1, 2, 3, 4, 5
_KIND = np.zeros(256, np.uint8)  # 0: may not be there
_KIND[list(b" \t\r\v\f")] = _SPACE
_KIND[list(b"\n")] = _LINE_END
_KIND[list(b":")] = _COLON
_KIND[list(b"0123456789")] = _DIGIT
_KIND[list(b"+-.eEnNaAiIfFtTyY")] = _OTHER  # of numbers, nan and infinity
_QUERY = re.compile(rb"(?<!\S)qid:\d+(?!\S)")
_COMMENT = re.compile(rb"#[^\n]*")
_WHOLE = 2.0**53  # whole numbers below are exact in float64
_LARGEST = float(np.finfo(np.float32).max)


def load_svmlight(
    file: Unpacked, allowance: Allowance, n_features: int | None, zero_based: ZeroBased
) -> tuple[Any, NDArray[Any], bool | None]:
    """Read svmlight rows.

    Parameters
    ----------
    file : Unpacked
    allowance : Allowance
    n_features : int or None
        Width; None takes the greatest index.
    zero_based : bool or "auto"
        Whether features are counted from 0.

    Returns
    -------
    csr_array of shape (n_samples, n_features)
        float32.
    ndarray of shape (n_samples,)
        int64 if all labels are whole numbers, else float64.
    bool or None
        Whether features were counted from 0; None if none is there to tell.

    Raises
    ------
    DataError
        Naming the line that is no such row, or has a feature beyond the width.
    """
    rows = _Rows(allowance)
    for text in _pieces(file, allowance, rows):
        rows.add(text)
    if not rows.n_rows:
        raise DataError("holds no rows")
    counted = zero_based if zero_based != "auto" else None if rows.widest < 0 else rows.zero_at is not None
    if counted is False and rows.zero_at is not None:
        raise DataError(
            f"line {rows.zero_at}: has a feature 0, though features are said to be counted from 1"
        )
    base = 0 if counted else 1
    width = max(rows.widest + 1 - base, 1) if n_features is None else n_features
    if rows.widest + 1 - base > width:
        raise DataError(
            f"line {rows.widest_at}: has feature {rows.widest} (counted from {base}), beyond the {width} "
            "features that the model takes, or n_features says"
        )
    if n_features is None and width > allowance.most_features:
        raise DataError(
            f"line {rows.widest_at}: has feature {rows.widest}, far more features than such a file can use; "
            f"if that is meant, ask for {width} with n_features"
        )
    labels = np.concatenate(rows.labels)
    if np.isfinite(labels).all() and (abs(labels) < _WHOLE).all() and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    return rows.matrix(base, width), labels, counted


_FIRST_LINE = re.compile(rb"[-+0-9.eE]+(\s+qid:\d+)?(\s+\d+:[-+0-9.eE]+)+\s*(#.*)?")


def looks_like_svmlight(path: str | os.PathLike[str]) -> bool:
    """Whether the first row of a file, whatever its name, is a label and features.

    Raises
    ------
    OSError, EOFError, and what damaged compression raises
    """
    with unpacked(path) as file:
        text = file.read(_PIECE)
    whole = len(text) < _PIECE
    lines = [line for line in text.split(b"\n") if line.strip() and not line.lstrip().startswith(b"#")]
    if not lines:
        return False
    first = lines[0].strip()
    if len(lines) == 1 and not whole:
        first = first.rpartition(b" ")[0]
    return _FIRST_LINE.fullmatch(first) is not None


def _pieces(file: Unpacked, allowance: Allowance, rows: _Rows) -> Iterator[bytes]:
    """Text without comments, cut where a word has ended."""
    most = allowance.most_unpacked
    rest, in_comment, n_read, begun = b"", False, 0, False
    while piece := file.read(_PIECE):
        n_read += len(piece)
        if n_read > most:
            raise DataError(f"unpacks to more than {most >> 20} MiB, too much for its size; unpack it first")
        if not begun:
            piece, begun = piece.removeprefix(b"\xef\xbb\xbf"), True  # what some editors begin UTF-8 with
        if in_comment:
            end = piece.find(b"\n")
            if end < 0:
                continue
            piece = piece[end:]
        in_comment = piece.rfind(b"#") > piece.rfind(b"\n")
        text = rest + _COMMENT.sub(b" ", piece)
        cut = max(text.rfind(b" "), text.rfind(b"\n"), text.rfind(b"\t")) + 1
        rest = text[cut:]
        if len(rest) > _LONGEST_WORD:
            line = rows.line + text.count(b"\n", 0, cut)
            raise DataError(f"line {line}: {_shown(rest)} is no feature and no label")
        yield text[:cut]
    yield rest + b"\n"


@dataclass
class _Rows:
    """What has been read so far.

    Attributes
    ----------
    line : int
        Number of the line that goes on, from 1.
    within : bool
        Whether that line has a label already.
    last : int
        Greatest index of that line; −1 before its first.
    zero_at : int or None
        First line with a feature 0.
    widest, widest_at : int
        Greatest index, and its line; −1 before the first.
    """

    allowance: Allowance
    line: int = 1
    within: bool = False
    last: int = -1
    zero_at: int | None = None
    widest: int = -1
    widest_at: int = 0
    n_rows: int = 0
    labels: list[NDArray[np.float64]] = field(default_factory=list)
    lengths: list[NDArray[np.int64]] = field(default_factory=list)
    indices: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, text: bytes) -> None:
        """Take text apart that ends after a word."""
        if b"qid:" in text:
            text = _QUERY.sub(b"", text)
        letters = np.frombuffer(text, np.uint8)
        kinds = _KIND[letters]
        ends_of_lines = np.flatnonzero(kinds == _LINE_END)
        apart = (kinds == _SPACE) | (kinds == _LINE_END)
        starts = np.flatnonzero(~apart & np.concatenate([[True], apart[:-1]]))
        stops = np.flatnonzero(~apart & np.concatenate([apart[1:], [True]])) + 1
        words = _Words(self, letters, kinds, starts, stops, np.searchsorted(ends_of_lines, starts))
        if len(starts):
            self._add_words(words)
        self.line += len(ends_of_lines)
        if len(ends_of_lines) and (not len(starts) or ends_of_lines[-1] > starts[-1]):
            self.within = False

    def _add_words(self, words: _Words) -> None:
        of_line = words.lines
        is_label = np.concatenate([[not (self.within and of_line[0] == 0)], of_line[1:] != of_line[:-1]])
        colons = words.colons(is_label)
        features = np.flatnonzero(~is_label)
        indices = words.indices(features, colons)
        numbers = words.numbers(features, colons, is_label)
        labels, values = numbers[is_label], numbers[features]
        words.refuse(is_label & np.isinf(numbers), "the label {} is infinite")
        words.refuse(~is_label & ~np.isfinite(numbers), "{} is NaN or infinite; fill or drop it")
        words.refuse(~is_label & (abs(numbers) > _LARGEST), "{} is too large for float32")
        row = np.cumsum(is_label)[features]  # 0: of the line that goes on
        ascending = np.ones(len(is_label), np.bool_)
        ascending[features] = indices > self._before(row, indices)
        words.refuse(~ascending, "{} does not ascend; the features of a row must, each once")
        self.allowance.take(2 * (12 * len(features) + 16 * len(labels)), "its rows")
        lengths = np.bincount(row, minlength=len(labels) + 1)
        if self.lengths:
            self.lengths[-1][-1] += lengths[0]
        if len(labels):
            self.lengths.append(lengths[1:])
            self.labels.append(labels)
        self.indices.append(indices)
        self.values.append(values.astype(np.float32))
        self.n_rows += len(labels)
        self._note(indices, self.line + of_line[features])
        self.within = True
        if len(row) and row[-1] == len(labels):
            self.last = int(indices[-1])
        elif len(labels):
            self.last = -1

    def _before(self, row: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the feature before each in its row; −1 where it is the first."""
        first = self.last if len(row) and row[0] == 0 else -1
        follows = np.concatenate([[True], row[1:] == row[:-1]])[: len(row)]
        return np.where(follows, np.concatenate([[first], indices[:-1]])[: len(row)], -1)

    def _note(self, indices: NDArray[np.int64], lines: NDArray[np.int64]) -> None:
        if not len(indices):
            return
        at = int(np.argmax(indices))
        if indices[at] > self.widest:
            self.widest, self.widest_at = int(indices[at]), int(lines[at])
        if self.zero_at is None and (zeros := np.flatnonzero(indices == 0)).size:
            self.zero_at = int(lines[zeros[0]])

    def matrix(self, base: int, width: int) -> Any:
        """All rows."""
        ends = np.concatenate([[0], np.cumsum(np.concatenate(self.lengths))])
        indices = np.concatenate([np.zeros(0, np.int64), *self.indices])
        self.indices.clear()
        indices -= base
        values = np.concatenate([np.zeros(0, np.float32), *self.values])
        # Not every SciPy sees that indices could be shorter.
        kind = np.int32 if max(width, len(values)) <= np.iinfo(np.int32).max else np.int64
        rows = (values, indices.astype(kind), ends.astype(kind))
        return sparse.csr_array(rows, shape=(self.n_rows, width))


@dataclass
class _Words:
    """Words of a piece of text: where each starts and stops, and its line, 0 for the one that goes on."""

    rows: _Rows
    letters: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    lines: NDArray[np.int64]

    def refuse(self, wrong: NDArray[np.bool_], message: str) -> None:
        """Name the first word that is wrong, and its line."""
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            word = self.letters[self.starts[first] : self.stops[first]].tobytes()
            raise DataError(f"line {self.rows.line + self.lines[first]}: {message.format(_shown(word))}")

    def colons(self, is_label: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Where the colon of every feature is; refuse words that are no label or feature."""
        places = np.flatnonzero(self.kinds == _COLON)
        n = np.bincount(np.searchsorted(self.starts, places, side="right") - 1, minlength=len(self.starts))
        commas = np.add.reduceat(self.letters == ord(","), self.starts) > 0
        self.refuse(is_label & commas, "{} are several labels, which are not supported")
        self.refuse(is_label & (n > 0), "begins with {} instead of a label; write 0 where there is none")
        strange = np.add.reduceat(self.kinds == 0, self.starts) > 0
        wrong = (n != ~is_label) | strange | (self.stops - self.starts > _LONGEST_WORD)
        self.refuse(wrong, "{} is no label and no feature (index:value)")
        return places

    def indices(self, features: NDArray[np.int64], colons: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of every feature: digits before its colon."""
        starts, found = self.starts[features], np.zeros(len(features), np.int64)
        n_digits = colons - starts
        wrong = (n_digits < 1) | (n_digits > 10)
        for place in range(int(n_digits.max(initial=0, where=~wrong))):
            here = place < n_digits
            at = np.where(here, starts + place, starts)
            wrong |= here & (self.kinds[at] != _DIGIT)
            found = np.where(here, 10 * found + self.letters[at] - ord("0"), found)
        wrong |= found >= MOST_FEATURES
        of_words = np.zeros(len(self.starts), np.bool_)
        of_words[features] = wrong
        self.refuse(of_words, f"{{}} has no index from 0 to {MOST_FEATURES - 1}")
        return found

    def numbers(
        self, features: NDArray[np.int64], colons: NDArray[np.int64], is_label: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Label, or value of a feature, of every word."""
        begins = self.starts.copy()
        begins[features] = colons + 1
        self.refuse(begins == self.stops, "{} has no value")
        # All but labels and values is made blank; what is left is split at once.
        change = np.zeros(len(self.letters) + 1, np.int8)
        change[begins] = 1
        change[self.stops] -= 1
        numbers = np.where(np.cumsum(change[:-1]) > 0, self.letters, ord(" ")).astype(np.uint8)
        words = numbers.tobytes().split()
        try:
            return np.fromiter(map(float, words), np.float64, len(words))
        except ValueError:
            self.refuse(np.array([not _is_number(word) for word in words]), "{} is no number")
            raise


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _shown(word: bytes) -> str:
    return f"'{printable(word, 40)}'"
