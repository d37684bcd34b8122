"""Small data of every kind, and pipelines fitted on them, for the tests of model files."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from forging import forge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from truezero import DeepRectifierClassifier, save

N = 60
random = np.random.default_rng(0)
NUMBERS: Any = random.random((N, 4)) + 0.1
Y = (NUMBERS[:, 0] + NUMBERS[:, 2] > 1.2).astype(int)
GAPS = np.where(NUMBERS < 0.3, np.nan, NUMBERS)
WORDS = np.array([["a", "b"], ["c", "d"], ["a", None]] * (N // 3), dtype=object)
TEXTS = ["the cat sat", "a dog ran", "cat and dog", "fish"] * (N // 4)
RECORDS = [{"a": 1, "b": "x"}, {"b": "y"}] * (N // 2)
TABLE = pd.DataFrame(NUMBERS, columns=list("abcd")).assign(e=np.where(Y, "u", "v"))


def classifier(**options: Any) -> DeepRectifierClassifier:
    return DeepRectifierClassifier((4,), **{"max_iter": 1, "random_state": 0, **options})


def pipeline_of(step: Any, rows: Any) -> Pipeline:
    """The step and a classifier, fitted on the rows; the step itself is left as it is."""
    return Pipeline([("step", copy.deepcopy(step)), ("classifier", classifier())]).fit(rows, Y)


def rare(**options: Any) -> OneHotEncoder:
    return OneHotEncoder(min_frequency=21, handle_unknown="infrequent_if_exist", **options)


def forged(pipeline: Pipeline, folder: Path, change: Callable[[Any, Any], Any]) -> Path:
    """File of a pipeline with its record or its arrays changed."""
    save(pipeline, folder / "p")
    return forge(folder / "p", folder / "forged", change)
