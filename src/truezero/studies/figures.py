"""Figures that several studies have, as what is drawn: curves of learning, and pictures of pre-training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from truezero.core.autoencoder import initialize_autoencoder
from truezero.datasets import Dataset
from truezero.estimators import StackedDenoisingAutoencoder
from truezero.studies.confused import as_images, take
from truezero.studies.study import Figure

_N_FILTERS, _N_EXAMPLES = 24, 10
# Every activation has a colour of its own in all figures.
_COLOURS = {"rectifier": 0, "tanh": 1, "softplus": 2, "lif": 3, "rectified-tanh": 4, "abs-tanh": 5}

Row = dict[str, Any]
Namer = Callable[[Row], str]


def named(row: Row) -> str:
    """Name a network by its hidden units and how it started."""
    return f"{row['activation']}, pre-trained" if row["pretraining"] else str(row["activation"])


def colour(row: Row) -> int:
    """Colour of a network's hidden units, as a place in the palette."""
    return _COLOURS.get(row["activation"], len(_COLOURS))


def learning_curves(rows: list[Row], network: list[int], name: Namer, by_row: bool = False) -> list[Figure]:
    """Validation error, and sparsity, by epoch of fine-tuning; a panel for each kind of hidden units.

    Parameters
    ----------
    rows : list of dict
        As `arms.fine_tuned` gives them; dashed lines are networks that were pre-trained.
    network : list of int
        Layer sizes.
    name : callable
        Of a row.
    by_row : bool
        Every row has a panel and a colour of its own, not every kind of hidden units.
    """
    errors: dict[str, list[Row]] = {}
    zeros: dict[str, list[Row]] = {}
    for number, row in enumerate(rows):
        line = {
            "name": name(row),
            "colour": number if by_row else colour(row),
            "dashed": row["pretraining"] is not None,
        }
        histories = [run["history"] for run in row["runs"]]
        panel = name(row) if by_row else row["activation"]
        found = [[100 * r["validation_error"] for r in h] for h in histories]
        errors.setdefault(panel, []).append({**line, "runs": found})
        found = [
            [100 * float(np.average(r["sparsity"], weights=network[1:-1])) for r in h] for h in histories
        ]
        zeros.setdefault(panel, []).append({**line, "runs": found})
    about = (
        "One thin line per seed; the thick line is their mean for as long as all of them ran. Dashed "
        "networks were pre-trained; grey are the means of the other panels."
    )

    def panels(lines: dict[str, list[Row]], y: str, log: bool) -> dict[str, Any]:
        of_all = {"x": "epoch of fine-tuning", "y": y, "log": log}
        return {
            "panels": [{**of_all, "title": title, "lines": of} for title, of in lines.items()],
            "shared": True,
        }

    return [
        Figure("curves", "Learning curves", about, panels(errors, "validation error, %", True)),
        Figure("curves", "Sparsity while learning", about, panels(zeros, "exact zeros, %", False)),
    ]


def by_sparsity(
    rows: list[Row],
    name: Namer,
    *,
    by_row: bool = False,
    measure: str = "test_error",
    paper: str = "",
) -> Figure:
    """Error against sparsity, a point per network and seed.

    Parameters
    ----------
    rows : list of dict
        As `arms.fine_tuned` gives them, perhaps with the paper's numbers.
    name : callable
        Of a row; those with the same name have one mark.
    by_row : bool
        Every name has a colour of its own, not every kind of hidden units.
    measure : {"test_error", "test_rmse"}
    paper : str
        The data that the paper's numbers are of, where they are others.
    """
    times = 100 if measure == "test_error" else 1
    points: dict[str, Row] = {}
    stars = []
    for row in rows:
        hollow = row["pretraining"] is None
        if name(row) not in points:
            free = len(points) if by_row else colour(row)
            while any((of["colour"], of["hollow"]) == (free, hollow) for of in points.values()):
                free += 1
            points[name(row)] = {"name": name(row), "colour": free, "hollow": hollow, "x": [], "y": []}
        mark = points[name(row)]
        mark["x"] += [100 * run["sparsity"]["overall"] for run in row["runs"]]
        mark["y"] += [times * run[measure] for run in row["runs"]]
        x, y = row.get("paper_sparsity"), row.get(f"paper_{measure.removeprefix('test_')}")
        y = row.get("paper_test_error") if y is None else y
        if x is not None and y is not None:
            source = f"the paper ({paper})" if paper else "the paper"
            star = {"name": f"{source}, {name(row)}", "colour": mark["colour"], "star": True}
            stars.append({**star, "x": [100 * x], "y": [times * y]})
    return Figure(
        "scatter",
        "Error against sparsity",
        "A mark per network: how many of its hidden units' outputs are exactly 0 on the test rows, and its "
        "test error there. Down is better, right is sparser; hollow marks were not pre-trained."
        + (" Stars are the paper's numbers." if stars else ""),
        {
            "panels": [
                {
                    "title": "",
                    "x": "exact zeros, %",
                    "y": "test error, %" if times == 100 else "test RMSE",
                    "log": "y",
                    "points": [*points.values(), *stars],
                    "spans": [],
                }
            ]
        },
    )


def by_layer(rows: Sequence[Row], name: Namer) -> list[Figure]:
    """Sparsity of every hidden layer of the networks that have zeros; none if no network has."""
    sparse_ones = [row for row in rows if any(row["sparsity"]["layers"])]
    if not sparse_ones:
        return []
    others = [name(row) for row in rows if not any(row["sparsity"]["layers"])]
    dense = f" Never exactly 0 is an output of: {'; '.join(others)}." if others else ""
    n_layers = max(len(row["sparsity"]["layers"]) for row in sparse_ones)
    return [
        Figure(
            "dots",
            "Sparsity per layer",
            "Share of each hidden layer's outputs that are exactly 0 on the test rows, from the layer next "
            "to the input (1) upward; mean over the networks." + dense,
            {
                "rows": [
                    {"name": name(row), "values": [100 * share for share in row["sparsity"]["layers"]]}
                    for row in sparse_ones
                ],
                "series": [f"layer {layer + 1}" for layer in range(n_layers)],
                "x": "exact zeros, %",
            },
        )
    ]


def reconstruction_curves(rows: list[Row], name: Namer) -> list[Figure]:
    """Held-out reconstruction error by epoch of pre-training, a panel for each kind; none without any.

    The error of each first epoch is set to 1, as costs of different kinds cannot be compared.
    """
    kinds = {
        (row["activation"], row["pretraining"]["reconstruction"], row["pretraining"]["target"]): row
        for row in reversed(rows)
        if row["pretraining"]
    }
    if not kinds:
        return []
    panels = []
    for row in reversed(kinds.values()):
        lines = []
        for layer in range(len(row["pretraining"]["sparsity"])):
            runs = []
            for stack in row["pretraining"]["layers"]:
                errors = [record["reconstruction_error"] for record in stack[layer]["history"]]
                runs.append([error / errors[0] for error in errors])
            lines.append({"name": f"layer {layer + 1}", "colour": layer, "dashed": False, "runs": runs})
        panels.append(
            {
                "title": name(row),
                "x": "epoch of pre-training",
                "y": "error, first epoch = 1",
                "log": True,
                "lines": lines,
            }
        )
    caption = (
        "Reconstruction error of held-out rows under one fixed draw of the noise, relative to the first "
        "epoch: the kinds of cost cannot be compared. Cross-entropy cannot fall to 0, as targets lie between "
        "0 and 1. One thin line per seed, their mean thick; grey are the other panels."
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
    first = model.stack_.layers[0]
    after = first.network.weights[0]
    n_in, n_units = after.shape
    before = initialize_autoencoder(
        n_in, n_units, first.network.activations[0], dtype=first.dtype, seed=model.seed_
    ).network.weights[0]
    largest = np.argsort(-(after**2).sum(axis=0), kind="stable")[:_N_FILTERS]
    rows = dataset.features("validation")
    chosen = np.linspace(0, rows.n_samples - 1, _N_EXAMPLES).astype(np.int64)
    clean = take(dataset, "validation", chosen)
    corrupted = model.corrupt(clean)
    reconstructed = first.reconstruct(corrupted)
    return [
        Figure(
            "filters",
            "Filters of the first layer",
            "Of the rectifier network, strategy 1, seed 0: incoming weights of the units with the largest "
            "ones after pre-training; grey is 0, and each has a contrast of its own.",
            {
                "before pre-training": as_images(dataset, before[:, largest].T),
                "after pre-training": as_images(dataset, after[:, largest].T),
            },
        ),
        Figure(
            "examples",
            "Reconstructions of corrupted examples",
            "Validation rows, with the noise of pre-training, and what that network's first layer makes of "
            "them.",
            {
                "clean": as_images(dataset, clean),
                "corrupted": as_images(dataset, corrupted),
                "reconstructed": as_images(dataset, reconstructed),
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
