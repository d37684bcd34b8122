"""What a trained network is and does: errors, sparsity, dead units."""

from __future__ import annotations

from truezero.analysis.description import describe, sparsity_of_layers
from truezero.analysis.explanation import Explanation, explain
from truezero.analysis.local_map import LocalMap, local_map
from truezero.analysis.measurement import Measurement, Sparsity, error_unit, measure, sparsity
from truezero.analysis.significance import Difference, mcnemar, paired_bootstrap

__all__ = [
    "Difference",
    "Explanation",
    "LocalMap",
    "Measurement",
    "Sparsity",
    "describe",
    "error_unit",
    "explain",
    "local_map",
    "mcnemar",
    "measure",
    "paired_bootstrap",
    "sparsity",
    "sparsity_of_layers",
]
