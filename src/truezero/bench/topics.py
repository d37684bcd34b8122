"""Rows shaped like bags of words, with something in them to learn: a topic model."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

_TOPICS = 10  # few, so that some epochs are enough to learn more than the words' frequencies
_RANK_OFFSET = (
    90.0  # of a bag of words at 0.6 % ones: the words more frequent than these are stop words, left out
)
_WORDS_OF_TOPIC = 0.1  # shape of the gamma numbers that make words common in some topics and rare in others
_TOPICS_OF_ROW = 0.1  # Dirichlet's: most rows are of one topic or two
_BLOCK = 500


def topic_rows(n_rows: int, n_features: int, density: float, *, seed: int = 0) -> sparse.csr_array[Any]:
    """Make binary CSR float32 rows: words by Zipf's law, which of them depends on a row's topics.

    Parameters
    ----------
    n_rows, n_features : int
    density : float
        Mean share of ones, 0..0.5.
    seed : int

    Returns
    -------
    csr_array of shape (n_rows, n_features)
        Words lie in random order, not by frequency.
    """
    random = np.random.default_rng(seed)
    frequency = 1 / (_RANK_OFFSET + np.arange(n_features))
    words = random.permutation(frequency) * random.gamma(_WORDS_OF_TOPIC, size=(_TOPICS, n_features))
    words /= words.sum(axis=1, keepdims=True)
    topics = random.dirichlet(np.full(_TOPICS, _TOPICS_OF_ROW), size=n_rows)

    def occurs(rows: Any, length: float) -> Any:
        return -np.expm1(-length * (topics[rows] @ words))  # at least once in a text of about this length

    some = slice(0, min(n_rows, _BLOCK))
    least, most = 0.0, 1.0
    while occurs(some, most).mean() < density:
        most *= 2
    for _ in range(30):
        length = (least + most) / 2
        least, most = (length, most) if occurs(some, length).mean() < density else (least, length)
    blocks = []
    for start in range(0, n_rows, _BLOCK):
        chance = occurs(slice(start, min(start + _BLOCK, n_rows)), most)
        blocks.append(sparse.csr_array((random.random(chance.shape) < chance).astype(np.float32)))
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))
