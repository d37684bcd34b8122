"""What pre-training looks like: filters and reconstructions, for the report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.autoencoder import initialize_autoencoder
from truezero.datasets import Dataset
from truezero.estimators import StackedDenoisingAutoencoder

Arrays = dict[str, NDArray[Any]]

_N_FILTERS, _N_EXAMPLES = 24, 10


def illustrate(model: StackedDenoisingAutoencoder, dataset: Dataset) -> Arrays | None:
    """Draw examples of a pre-trained model on images.

    Parameters
    ----------
    model : StackedDenoisingAutoencoder
        Fitted; as saved and loaded.
    dataset : Dataset

    Returns
    -------
    dict of ndarray, or None where the data are no images
        "filters_before" and "filters_after", (n_filters, height, width): incoming weights of the first
        layer's units with the largest ones after; "clean", "corrupted" and "reconstructed", (n_examples,
        height, width): validation rows, the first layer's view of them.
    """
    shape = dataset.image_shape
    if shape is None:
        return None
    first = model.stack_.layers[0]
    after = first.network.weights[0]
    n_in, n_units = after.shape
    before = initialize_autoencoder(
        n_in, n_units, first.network.activations[0], dtype=first.dtype, seed=model.seed_
    ).network.weights[0]
    largest = np.argsort(-(after**2).sum(axis=0), kind="stable")[:_N_FILTERS]
    rows = dataset.scaled("validation")
    chosen = np.linspace(0, rows.shape[0] - 1, _N_EXAMPLES).astype(np.int64)
    clean = rows[chosen].toarray() if sparse.issparse(rows) else np.asarray(rows[chosen])
    corrupted = model.corrupt(clean)
    reconstructed = first.reconstruct(corrupted)
    return {
        "filters_before": before[:, largest].T.reshape(-1, *shape),
        "filters_after": after[:, largest].T.reshape(-1, *shape),
        "clean": clean.reshape(-1, *shape),
        "corrupted": corrupted.reshape(-1, *shape),
        "reconstructed": reconstructed.reshape(-1, *shape),
    }
