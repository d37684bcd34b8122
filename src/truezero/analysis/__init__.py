"""What a trained network is and does: errors, sparsity, dead units, its linear parts, what its codes hold."""

from __future__ import annotations

from truezero.analysis.description import describe, sparsity_of_layers
from truezero.analysis.explanation import Explanation, explain, weighted_words
from truezero.analysis.local_map import LocalMap, local_map
from truezero.analysis.measurement import Measurement, Sparsity, error_unit, measure, sparsity
from truezero.analysis.overlap import Overlap, active_overlap
from truezero.analysis.paths import ActivePaths, active_paths
from truezero.analysis.probe import Probe, linear_probe
from truezero.analysis.regions import Regions, regions
from truezero.analysis.rescaling import balancing_factors, rebalance, rescale, weight_norms
from truezero.analysis.significance import Difference, mcnemar, paired_bootstrap
from truezero.analysis.units import ActiveUnits, active_units

__all__ = [
    "ActivePaths",
    "ActiveUnits",
    "Difference",
    "Explanation",
    "LocalMap",
    "Measurement",
    "Overlap",
    "Probe",
    "Regions",
    "Sparsity",
    "active_overlap",
    "active_paths",
    "active_units",
    "balancing_factors",
    "describe",
    "error_unit",
    "explain",
    "linear_probe",
    "local_map",
    "mcnemar",
    "measure",
    "paired_bootstrap",
    "rebalance",
    "regions",
    "rescale",
    "sparsity",
    "sparsity_of_layers",
    "weight_norms",
    "weighted_words",
]
