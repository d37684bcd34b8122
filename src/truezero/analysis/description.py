"""What a model is, as far as it says itself, without data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from truezero.analysis.measurement import Sparsity, error_unit
from truezero.analysis.rows import network_of
from truezero.core.network import Network
from truezero.estimators import StackedDenoisingAutoencoder
from truezero.models import estimator_of, step_names


def describe(model: Any) -> dict[str, Any]:
    """Say what a model is, and how its training went.

    Parameters
    ----------
    model : an estimator of truezero, Network or Pipeline

    Returns
    -------
    dict
        Its class as "model", a pipeline's "steps", "layer_sizes", "activations" and "dtype". Of an estimator
        also its "engine", "sparsity" and the epochs selected; with the "validation_error" and "dead_units"
        of that epoch and the "error_unit", or a stack's "reconstruction_errors". Of a network that was
        trained elsewhere nothing more is known. As JSON holds it; errors and sparsity are fractions.
    """
    name, steps = type(model).__name__, step_names(model)
    model = estimator_of(model)
    network = network_of(model)
    result: dict[str, Any] = {
        "model": name,
        **({"steps": steps} if steps else {}),
        "layer_sizes": list(network.layer_sizes),
        "activations": list(network.activations),
        "dtype": str(network.dtype),
    }
    if isinstance(model, StackedDenoisingAutoencoder):
        result |= {
            "engine": model.engine_,
            "epochs_selected": model.epochs_selected_,
            "reconstruction_errors": model.reconstruction_errors_,
            "sparsity": sparsity_of_layers(network, model.sparsity_),
        }
    elif not isinstance(model, Network) and model.history_:
        record = model.history_[model.epoch_selected_ - 1]
        result |= {
            "engine": model.engine_,
            "epoch_selected": model.epoch_selected_,
            "n_epochs": model.n_iter_,
            "validation_error": record["validation_error"],
            "error_unit": error_unit(model),
            "sparsity": sparsity_of_layers(network, record["sparsity"]),
            "dead_units": record["dead_units"],
        }
    return result


def sparsity_of_layers(network: Network, layers: Sequence[float]) -> Sparsity:
    """Sparsity of a network from that of its hidden layers; 0 overall where it has none.

    Parameters
    ----------
    network : Network
    layers : sequence of float
        Fraction of exact zeros of each hidden layer, 0..1.

    Returns
    -------
    Sparsity
        Overall, each layer counts by its number of units.
    """
    units = network.layer_sizes[1:-1]
    overall = float(np.average(layers, weights=units)) if units else 0.0
    return {"overall": overall, "layers": list(layers)}
