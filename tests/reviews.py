"""Made-up reviews as bags of words, with ratings."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse


def reviews(n: int = 900, n_words: int = 300) -> tuple[Any, Any]:
    """Binary bags of words, of which a third are used the more the better, or worse, the rating of 1 to 5."""
    random = np.random.default_rng(0)
    y = random.choice(5, n, p=[0.1, 0.1, 0.15, 0.35, 0.3]) + 1
    often = 1.5 / np.arange(1, n_words + 1) ** 0.6
    lean = np.where(random.random(n_words) < 0.3, random.normal(0, 1, n_words), 0)
    likely = np.minimum(often * np.exp(lean * (y[:, np.newaxis] - 3) / 2), 0.9)
    return sparse.csr_array((random.random((n, n_words)) < likely).astype(np.float32)), y
