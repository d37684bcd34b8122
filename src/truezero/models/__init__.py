"""Model files: networks, fitted estimators and pipelines that end in one; nothing is unpickled."""

from __future__ import annotations

import truezero.estimators  # noqa: F401 - whose classes register themselves
from truezero.models.parts import (
    check_rows,
    data_form,
    estimator_of,
    predict,
    rows_of,
    step_names,
    takes_text,
)
from truezero.models.persistence import load, save

__all__ = [
    "check_rows",
    "data_form",
    "estimator_of",
    "load",
    "predict",
    "rows_of",
    "save",
    "step_names",
    "takes_text",
]
