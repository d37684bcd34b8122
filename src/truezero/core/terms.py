"""Terms of texts: which are the most frequent, and which of them a text has.

Terms are counted in one pass, in a memory that does not grow with the number of texts: when there are too
many, the rarest are forgotten. Of one that comes again, a known number of texts at most was missed; so it is
known, too, whether the most frequent terms are those of an exact count, which they nearly always are: what is
forgotten was in one text or two, and a vocabulary ends far above that.
"""

from __future__ import annotations

import warnings
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.constraints import Constraint, whole_number
from truezero.core.text import printable
from truezero.errors import DataError

TermsOf = Callable[[str], Iterable[str]]
"""What takes a text apart, a term as often as it comes."""

N_TERMS = whole_number(1) | None
NGRAM_RANGE = Constraint(
    ("a pair of whole numbers such as (1, 2)",),
    lambda value: (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and all(map(whole_number(1).admits, value))
        and value[0] <= value[1]
    ),
)

_MOST_COUNTED = 2_000_000  # different terms that are held: some 300 MB


def each_text(texts: Any) -> Iterator[str]:
    """Texts one after the other, as they are.

    Parameters
    ----------
    texts : iterable of str
        A list, an array, a column of pandas' or Polars', or what reads a file.

    Raises
    ------
    DataError
        If it is a single text or a table, or one of them is no text, naming its row.
    """
    if isinstance(texts, (str, bytes)):
        raise DataError("texts must be several, a list of them say, got a single one")
    shape = getattr(texts, "shape", ())
    if len(shape) > 1:
        raise DataError(f"texts must be one column, got shape {tuple(shape)}; choose a column of it")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            kind = "bytes, which must be decoded" if isinstance(text, bytes) else printable(repr(text), 40)
            raise DataError(f"text {row} is {kind}, no str; an empty text is ''")
        yield text


def most_frequent(texts: Any, terms_of: TermsOf, most: int | None) -> dict[str, int]:
    """Find the terms that are in the most texts.

    Parameters
    ----------
    texts : iterable of str
        See `each_text`. They are gone through once.
    terms_of : callable
    most : int or None
        Terms at most; None for all. Of terms in equally many texts the first by alphabet count as more
        frequent.

    Returns
    -------
    dict of str to int
        Number of each term, in alphabetical order.

    Raises
    ------
    DataError
        If no text has a term.

    Warns
    -----
    UserWarning
        If there were too many terms to count, and another one might belong to the most frequent.
    """
    counts, n_exact, missed = _counted(each_text(texts), terms_of)
    if not counts:
        raise DataError("no text has a word in it: the vocabulary is empty")
    numbers = np.fromiter(counts.values(), np.int64, len(counts))
    least, chosen = _chosen(counts, numbers, len(counts) if most is None else most)
    others = np.setdiff1d(np.arange(n_exact, len(numbers)), chosen)
    if missed and (most is None or int(numbers[others].max(initial=0)) + missed >= least):
        warnings.warn(
            f"more than {_MOST_COUNTED} different terms: of those in {least + missed} texts or fewer some "
            "may be missing from the vocabulary",
            stacklevel=2,
        )
    names = list(counts)
    return {term: number for number, term in enumerate(sorted(names[place] for place in chosen.tolist()))}


def _counted(texts: Iterable[str], terms_of: TermsOf) -> tuple[dict[str, int], int, int]:
    """Count the texts that have each term.

    Returns
    -------
    dict of str to int
    int
        How many of them, from the first, are counted exactly.
    int
        Texts that may have been missed of each of the others, and of terms that are not there.
    """
    counts: Counter[str] = Counter()
    n_exact, missed = None, 0
    for text in texts:
        counts.update(set(terms_of(text)))
        if len(counts) > _MOST_COUNTED:
            numbers = np.fromiter(counts.values(), np.int64, len(counts))
            rare = int(
                np.partition(numbers, len(counts) // 2)[len(counts) // 2]
            )  # half of all are no more frequent
            kept = numbers > rare
            n_exact = int(kept[:n_exact].sum())
            counts = Counter({term: n for term, n in counts.items() if n > rare})
            missed += rare
    return counts, len(counts) if n_exact is None else n_exact, missed


def _chosen(
    counts: Mapping[str, int], numbers: NDArray[np.int64], most: int
) -> tuple[int, NDArray[np.int64]]:
    """Places of the most frequent terms, and how many texts the rarest of them is in."""
    if most >= len(numbers):
        return int(numbers.min()), np.arange(len(numbers))
    least = int(np.partition(numbers, len(numbers) - most)[len(numbers) - most])
    above, equal = np.flatnonzero(numbers > least), np.flatnonzero(numbers == least)
    names = list(counts)
    equal = np.array(sorted(equal.tolist(), key=names.__getitem__)[: most - len(above)], np.int64)
    return least, np.concatenate([above, equal])


def presence(texts: Any, terms_of: TermsOf, vocabulary: Mapping[str, int]) -> Any:
    """Make of texts rows that say which terms of a vocabulary each of them has.

    Parameters
    ----------
    texts : iterable of str
        See `each_text`. They are gone through once, and not kept.
    terms_of : callable
    vocabulary : mapping of str to int
        Terms and their columns.

    Returns
    -------
    csr_array of float32, shape (n_texts, n_terms)
        Ones, in the order of the columns. A text without any of the terms is an empty row.
    """
    columns, ends = array("i"), array("q", [0])
    for text in each_text(texts):
        found = {vocabulary.get(term, -1) for term in terms_of(text)} - {-1}
        columns.extend(sorted(found))
        ends.append(len(columns))
    kind = np.int32 if len(columns) < 2**31 else np.int64
    indices = np.frombuffer(columns, np.intc) if columns else np.zeros(0, np.intc)
    arrays = (np.ones(len(indices), np.float32), indices.astype(kind, copy=False), np.array(ends, kind))
    return sparse.csr_array(arrays, shape=(len(ends) - 1, len(vocabulary)))


def in_chunks(texts: Any, n: int) -> Iterator[list[str]]:
    """Lists of n texts each, the last may have fewer."""
    each = each_text(texts)
    while chunk := list(islice(each, n)):
        yield chunk
