"""How a file must be read for a model: its width, and from what its features are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipelines import NUMBERS, TEXTS, Y, classifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from truezero import StackedDenoisingAutoencoder, load, save
from truezero.core.initial import initialize
from truezero.models import data_form


def test_the_width_is_that_of_the_first_step_which_has_one() -> None:
    model = classifier().fit(NUMBERS, Y)
    stack = StackedDenoisingAutoencoder((3,), max_iter=1, random_state=0)
    assert data_form(model) == {"n_features": 4}
    assert data_form(stack.fit(NUMBERS)) == {"n_features": 4}
    assert data_form(initialize((5, 3, 2))) == {"n_features": 5}
    for steps in (
        [("scale", StandardScaler())], [("nothing", "passthrough"), ("stack", stack)], [("inner", make_pipeline(StandardScaler(), stack))],
    ):  # fmt: skip
        assert data_form(Pipeline([*steps, ("last", classifier())]).fit(NUMBERS, Y)) == {"n_features": 4}
    inside = Pipeline([("scale", StandardScaler()), ("in", make_pipeline(stack, classifier()))]).fit(
        NUMBERS, Y
    )
    assert data_form(inside) == {"n_features": 4}


def test_a_model_of_text_has_none() -> None:
    assert data_form(make_pipeline(TfidfVectorizer(), classifier()).fit(TEXTS, Y)) == {}


@pytest.mark.parametrize("zero_based", [True, False])
def test_the_base_is_kept_in_files(tmp_path: Path, zero_based: bool) -> None:
    model = classifier().fit(NUMBERS, Y)
    model._data_form = {"zero_based": zero_based}
    save(model, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert data_form(loaded) == {"n_features": 4, "zero_based": zero_based}
    assert data_form(loaded.fit(NUMBERS, Y)) == {"n_features": 4}  # of rows from who knows where
    save(Pipeline([("scale", StandardScaler().fit(NUMBERS)), ("last", model)]), tmp_path / "p")
    assert data_form(load(tmp_path / "p")) == {"n_features": 4, "zero_based": zero_based}
    other: Any = classifier().fit(np.hstack([NUMBERS, NUMBERS]), Y)
    assert data_form(other) == {"n_features": 8}
