"""What a trained network is and does: errors, sparsity, dead units."""

from __future__ import annotations

from truezero.analysis.description import describe, sparsity_of_layers
from truezero.analysis.explanation import Explanation, explain, weighted_words
from truezero.analysis.local_map import LocalMap, local_map
from truezero.analysis.measurement import Measurement, Sparsity, error_unit, measure, sparsity
from truezero.analysis.significance import Difference, mcnemar, paired_bootstrap
from truezero.analysis.units import ActiveUnits, active_units

__all__ = [
    "ActiveUnits",
    "Difference",
    "Explanation",
    "LocalMap",
    "Measurement",
    "Sparsity",
    "active_units",
    "describe",
    "error_unit",
    "explain",
    "local_map",
    "mcnemar",
    "measure",
    "paired_bootstrap",
    "sparsity",
    "sparsity_of_layers",
    "weighted_words",
]
