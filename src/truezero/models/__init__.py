"""Model files: networks and fitted estimators; nothing is unpickled."""

from __future__ import annotations

import truezero.estimators  # noqa: F401 - whose classes register themselves
from truezero.models.persistence import load, save

__all__ = ["load", "save"]
