"""Data sets of raw texts, and the rows of words that are made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.terms import N_TERMS, NGRAM_RANGE, each_text, most_frequent, presence
from truezero.datasets.dataset import PARTS, Dataset, Part
from truezero.datasets.labels import checked_labels
from truezero.errors import DataError

WORD = r"(?u)\b\w\w+\b"
"""scikit-learn's pattern of a word."""


@dataclass(frozen=True)
class TextDataset:
    """Texts of a data set in its parts.

    Attributes
    ----------
    name : str
    texts_train, texts_validation, texts_test : sequence of str, or None
    y_train, y_validation, y_test : ndarray of shape (n_texts,), or None
        Numbers or classes.
    unlabeled : sequence of str
        Texts that have no target.
    token_pattern : str
        Regular expression of a word; texts of some formats are words already, with spaces between them.
    stand_in_for : str or None
        The paper's data that these are used in place of.

    Raises
    ------
    DataError
        If there are no training texts, or texts and targets do not fit each other.
    """

    name: str
    texts_train: Sequence[str]
    y_train: NDArray[Any] | None
    texts_validation: Sequence[str] | None = None
    y_validation: NDArray[Any] | None = None
    texts_test: Sequence[str] | None = None
    y_test: NDArray[Any] | None = None
    unlabeled: Sequence[str] = ()
    token_pattern: str = WORD
    stand_in_for: str | None = None

    def __post_init__(self) -> None:
        for part in PARTS:
            texts, y = self.part(part)
            if texts is None:
                if y is not None or part == "train":
                    raise DataError(f"{self.name} has no {part} texts")
                continue
            self._check(part, texts)
            if not len(texts):
                raise DataError(f"{self.name} has no {part} texts")
            try:
                object.__setattr__(self, f"y_{part}", None if y is None else checked_labels(y, len(texts)))
            except DataError as error:
                raise DataError(f"{self.name}: {part} {error}") from error
        self._check("unlabelled", self.unlabeled)

    def _check(self, which: str, texts: Sequence[str]) -> None:
        try:
            for _ in each_text(texts):
                pass
        except DataError as error:
            raise DataError(f"{self.name}: {which} {error}") from error

    def part(self, part: Part) -> tuple[Sequence[str] | None, NDArray[Any] | None]:
        """Texts and targets of a part; None where there are none."""
        return getattr(self, f"texts_{part}"), getattr(self, f"y_{part}")

    def texts_to_measure(self) -> tuple[Sequence[str], NDArray[Any] | None]:
        """Texts and targets of the test part, or, where there is none, of all."""
        return (self.texts_train, self.y_train) if self.texts_test is None else (self.texts_test, self.y_test)

    def bag(self, n_terms: int | None = 5000, ngram_range: tuple[int, int] = (1, 1)) -> Dataset:
        """Make rows of words, for runs and studies.

        Parameters
        ----------
        n_terms : int or None, default=5000
            Terms, those that are in the most training and unlabelled texts, as many as the paper takes
            (section 4.2); None takes all.
        ngram_range : (int, int), default=(1, 1)
            Fewest and most words of a term.

        Returns
        -------
        Dataset
            CSR of float32, a one for each term that a text has. `X_unlabeled` are those of the unlabelled
            texts.

        Raises
        ------
        DataError
            If no text has a word in it.
        OptionError
            If `n_terms` or `ngram_range` cannot be used.
        """
        N_TERMS.check("n_terms", n_terms)
        NGRAM_RANGE.check("ngram_range", ngram_range)
        from sklearn.feature_extraction.text import CountVectorizer  # here, as it takes long to import

        terms_of = CountVectorizer(ngram_range=ngram_range, token_pattern=self.token_pattern).build_analyzer()
        try:
            vocabulary = most_frequent(chain(self.texts_train, self.unlabeled), terms_of, n_terms)
        except DataError as error:
            raise DataError(f"{self.name}: {error}") from error
        rows: dict[str, Any] = {}
        for part in PARTS:
            texts, y = self.part(part)
            if texts is not None:
                rows |= {f"X_{part}": presence(texts, terms_of, vocabulary), f"y_{part}": y}
        if self.unlabeled:
            rows["X_unlabeled"] = presence(self.unlabeled, terms_of, vocabulary)
        return Dataset(self.name, **rows, columns=tuple(vocabulary), stand_in_for=self.stand_in_for)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all texts and targets, as hexadecimal digits; they are gone through once."""
        digest = hashlib.sha256(self.token_pattern.encode())
        for part in PARTS:
            texts, y = self.part(part)
            _add_texts(digest, texts)
            digest.update(
                b"none"
                if y is None
                else f"{y.dtype.str}{y.shape}".encode() + np.ascontiguousarray(y).tobytes()
            )
        _add_texts(digest, self.unlabeled)
        return digest.hexdigest()


def _add_texts(digest: Any, texts: Sequence[str] | None) -> None:
    """Add texts with their lengths, so that none can be taken for a part of another."""
    digest.update(f"{'none' if texts is None else len(texts)}".encode())
    for text in texts or ():
        content = text.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "little") + content)
