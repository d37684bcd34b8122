"""Figures that several studies have, as what is drawn: curves of learning, and pictures of pre-training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from truezero.core.autoencoder import initialize_autoencoder
from truezero.datasets import Dataset
from truezero.estimators import StackedDenoisingAutoencoder
from truezero.studies.study import Figure

_N_FILTERS, _N_EXAMPLES = 24, 10
# Every activation has a colour of its own in all figures.
_COLOURS = {"rectifier": 0, "tanh": 1, "softplus": 2}

Row = dict[str, Any]
Namer = Callable[[Row], str]


def named(row: Row) -> str:
    """Name a network by its hidden units and how it started."""
    return f"{row['activation']}, pre-trained" if row["pretraining"] else str(row["activation"])


def colour(row: Row) -> int:
    """Colour of a network's hidden units, as a place in the palette."""
    return _COLOURS.get(row["activation"], len(_COLOURS))


def learning_curves(rows: list[Row], network: list[int], name: Namer, by_row: bool = False) -> Figure:
    """Validation error and sparsity by epoch of fine-tuning.

    Parameters
    ----------
    rows : list of dict
        As `arms.fine_tuned` gives them; dashed lines are networks that were pre-trained.
    network : list of int
        Layer sizes.
    name : callable
        Of a row.
    by_row : bool
        Every row has a colour of its own, not every activation.
    """
    errors, zeros = [], []
    for number, row in enumerate(rows):
        line = {
            "name": name(row),
            "colour": number if by_row else colour(row),
            "dashed": row["pretraining"] is not None,
        }
        histories = [run["history"] for run in row["runs"]]
        errors.append({**line, "runs": [[100 * r["validation_error"] for r in h] for h in histories]})
        overall = [
            [100 * float(np.average(r["sparsity"], weights=network[1:-1])) for r in h] for h in histories
        ]
        zeros.append({**line, "runs": overall})
    axis = "epoch of fine-tuning"
    return Figure(
        "curves",
        "Learning curves",
        "One thin line per seed; the thick line is their mean for as long as all of them ran. Dashed "
        "networks were pre-trained.",
        {
            "panels": [
                {"title": "Learning", "x": axis, "y": "validation error, %", "log": True, "lines": errors},
                {"title": "Sparsity", "x": axis, "y": "exact zeros, %", "log": False, "lines": zeros},
            ]
        },
    )


def reconstruction_curves(rows: list[Row], name: Namer, by_row: bool = False) -> list[Figure]:
    """Held-out reconstruction error by epoch of pre-training, a panel per layer; none without pre-training.

    The error of each first epoch is set to 1, as costs of different kinds cannot be compared.
    """
    kinds = {
        (row["activation"], row["pretraining"]["reconstruction"], row["pretraining"]["target"]): (number, row)
        for number, row in enumerate(rows)
        if row["pretraining"]
    }
    if not kinds:
        return []
    panels = []
    for layer in range(max(len(row["pretraining"]["sparsity"]) for _, row in kinds.values())):
        lines = []
        for number, row in kinds.values():
            runs = []
            for stack in row["pretraining"]["layers"]:
                errors = [record["reconstruction_error"] for record in stack[layer]["history"]]
                runs.append([error / errors[0] for error in errors])
            lines.append(
                {"name": name(row), "colour": number if by_row else colour(row), "dashed": True, "runs": runs}
            )
        panels.append(
            {
                "title": f"layer {layer + 1}",
                "x": "epoch of pre-training",
                "y": "reconstruction error, first epoch = 1",
                "log": True,
                "lines": lines,
            }
        )
    caption = (
        "Cost of held-out rows under one fixed draw of the noise, relative to the first epoch: the kinds of "
        "cost cannot be compared. Cross-entropy cannot fall to 0, as targets lie between 0 and 1."
    )
    return [Figure("curves", "Pre-training", caption, {"panels": panels, "shared": True})]


def pictures(model: StackedDenoisingAutoencoder, dataset: Dataset) -> list[Figure]:
    """Filters and reconstructions of a pre-trained stack; none where the data are no images.

    Parameters
    ----------
    model : StackedDenoisingAutoencoder
        Fitted; as saved and loaded.
    dataset : Dataset
    """
    if dataset.image_shape is None:
        return []
    shape = dataset.image_shape[-2:]

    def images(rows: Any) -> Any:
        """First channel of rows, (n, height, width)."""
        return rows.reshape(len(rows), -1, *shape)[:, 0]

    first = model.stack_.layers[0]
    after = first.network.weights[0]
    n_in, n_units = after.shape
    before = initialize_autoencoder(
        n_in, n_units, first.network.activations[0], dtype=first.dtype, seed=model.seed_
    ).network.weights[0]
    largest = np.argsort(-(after**2).sum(axis=0), kind="stable")[:_N_FILTERS]
    rows = dataset.features("validation")
    chosen = np.linspace(0, rows.n_samples - 1, _N_EXAMPLES).astype(np.int64)
    clean = rows.take(chosen).values("float32")
    clean = clean.toarray() if sparse.issparse(clean) else clean
    corrupted = model.corrupt(clean)
    reconstructed = first.reconstruct(corrupted)
    return [
        Figure(
            "filters",
            "Filters of the first layer",
            "Of the rectifier network, strategy 1, seed 0: incoming weights of the units with the largest "
            "ones after pre-training; grey is 0, and each has a contrast of its own.",
            {
                "before pre-training": images(before[:, largest].T),
                "after pre-training": images(after[:, largest].T),
            },
        ),
        Figure(
            "examples",
            "Reconstructions of corrupted examples",
            "Validation rows, with the noise of pre-training, and what that network's first layer makes of "
            "them.",
            {
                "clean": images(clean),
                "corrupted": images(corrupted),
                "reconstructed": images(reconstructed),
            },
        ),
    ]


def without_histories(rows: list[Row]) -> list[Row]:
    """Rows without what is known of every epoch, wherever they have it: the store keeps it."""

    def short(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: short(part) for name, part in value.items() if name != "history"}
        return [short(part) for part in value] if isinstance(value, list) else value

    return [short(row) for row in rows]
