"""What a trained network does: errors, sparsity, dead units."""

from __future__ import annotations

from truezero.analysis.measurement import Measurement, Sparsity, measure, sparsity

__all__ = ["Measurement", "Sparsity", "measure", "sparsity"]
