"""What `truezero inspect` finds out about a network on rows: as JSON, as a table, and as pictures."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from truezero.analysis import (
    ActiveUnits,
    active_overlap,
    active_paths,
    active_units,
    balancing_factors,
    linear_probe,
    regions,
    weight_norms,
)
from truezero.analysis.rows import network_and_rows
from truezero.cli.inspected_pictures import (
    Picture,
    balance_picture,
    overlap_picture,
    paths_picture,
    probe_picture,
    regions_picture,
    units_picture,
)
from truezero.cli.output import error_text
from truezero.cli.terminal import out_console
from truezero.core.atomic import make_folder, write_text, writing
from truezero.core.network import Network
from truezero.core.rows import Features
from truezero.core.text import printable
from truezero.errors import DataError, OptionError
from truezero.models import estimator_of

_N_ROWS = 2000  # of which the overlap under noise is the mean
_N_PATHS = 12
_QUANTILES = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "most": 1.0}


@dataclass
class Inspected:
    """What was found out, as JSON holds it, and pictures of it by name."""

    result: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)


def layers_of(units: ActiveUnits) -> list[dict[str, Any]]:
    """Say of each hidden layer which units are active and how many at once."""
    return [
        {
            "units": len(often),
            "sparsity": float(1 - often.mean()),
            "lifetime_sparsity": _mean(units.lifetime[layer]),
            "population_sparsity": _mean(units.population[:, layer]),
            "dead_units": len(units.dead[layer]),
            "always_on_units": len(units.always_on[layer]),
            "active_units": {
                name: int(np.quantile(units.counts[:, layer], q, method="nearest"))
                for name, q in _QUANTILES.items()
            },
        }
        for layer, often in enumerate(units.often)
    ]


def inspected(
    name: str, model: Any, X: Any, y: Any, beside: tuple[str, Any, Any] | None, note: Callable[[str], Any]
) -> Inspected:
    """Find out all there is to say of a network on rows.

    Parameters
    ----------
    name : str
        What it is called where another stands beside it.
    model : an estimator of truezero, Network or Pipeline
    X, y
        Rows as the model takes them; y may be None.
    beside : (str, model, X) or None
        Another model for the same rows: what it is called, and the rows as it takes them.
    note : callable
        Told what is being done.

    Raises
    ------
    OptionError
        If a network has no hidden layer.
    """
    found = Inspected()
    named = [(name, model, X), beside] if beside else [("", model, X)]
    estimators, networks, rows = [], [], []
    for _, one, of_one in named:
        network, taken = network_and_rows(one, of_one)
        if not network.n_hidden:
            raise OptionError(f"{network!r} has no hidden layer, so there is nothing to draw")
        estimators.append(estimator_of(one))
        networks.append(network)
        rows.append(taken)
    network, estimator = networks[0], estimators[0]
    note("counting active units")
    units = active_units(estimator, rows[0])
    found.result["layers"] = layers_of(units)
    found.pictures["units"] = units_picture(units)
    note("adding noise")
    overlaps = [active_overlap(*both, n_rows=_N_ROWS) for both in zip(estimators, rows, strict=True)]
    probes: list[Any] = [None] * len(named)
    if y is not None:
        note("fitting linear models on the codes")
        for place, both in enumerate(zip(estimators, rows, strict=True)):
            try:
                probes[place] = linear_probe(*both, y)
            except DataError as error:  # too few rows, or targets of another kind: all else can be said
                note(str(error))
    names = [f"{name}, " if name else "" for name, _, _ in named]
    found.pictures["overlap"] = overlap_picture(names, overlaps)
    for place, (name, _, _) in enumerate(named):
        into = found.result.setdefault("beside", {"model": name}) if place else found.result
        into["overlap"] = _plain(vars(overlaps[place]))
        into["probe"] = None if probes[place] is None else _plain(vars(probes[place]))
    if any(probes):
        found.pictures["probe"] = probe_picture([name for name, _, _ in named], probes)
    with contextlib.suppress(OptionError):  # units that are not linear by parts have no regions, and no paths
        _linear_parts(found, estimator, network, rows[0], note)
    with contextlib.suppress(OptionError):  # those that do not scale cannot be balanced
        factors, norms = balancing_factors(network), weight_norms(network)
        found.result |= {"weight_norms": norms.tolist(), "balancing_factors": factors.tolist()}
        found.pictures["balance"] = balance_picture(norms, norms / factors)
    return found


def write(found: Inspected, result: Mapping[str, Any], folder: Path) -> None:
    """Write a result as `inspect.json`, and the pictures beside it."""
    from truezero.plots import draw  # takes long to import

    make_folder(folder)
    for name, (kind, data) in found.pictures.items():
        with writing(folder / f"{name}.png") as beside:
            draw(kind, data).savefig(beside, dpi=150, format="png")
    write_text(folder / "inspect.json", json.dumps(result, indent=1) + "\n")


def show_layers(result: Mapping[str, Any]) -> None:
    """Print a column per hidden layer, and one of the input where linear models were fitted on it."""
    layers, overlap, probe = result["layers"], result.get("overlap"), result.get("probe")
    lines = {
        "units": [str(layer["units"]) for layer in layers],
        "exact zeros, %": [f"{100 * layer['sparsity']:.1f}" for layer in layers],
        "lifetime sparsity": [_number(layer["lifetime_sparsity"]) for layer in layers],
        "population sparsity": [_number(layer["population_sparsity"]) for layer in layers],
        "dead units": [str(layer["dead_units"]) for layer in layers],
        "always on": [str(layer["always_on_units"]) for layer in layers],
        "active in a row": [str(layer["active_units"]["median"]) for layer in layers],
        "  in 90 % of them": [
            f"{layer['active_units']['5 %']} to {layer['active_units']['95 %']}" for layer in layers
        ],
    }
    if overlap:
        for level, kept in zip(overlap["levels"], overlap["kept"], strict=True):
            lines[f"kept at noise {level:g}, %"] = [f"{100 * share:.1f}" for share in kept]
        lines["shared by two rows, %"] = ["—" if s is None else f"{100 * s:.1f}" for s in overlap["apart"]]
    table = Table(box=None, pad_edge=False)
    names = [*(["input"] if probe else []), *(f"layer {layer}" for layer in range(len(layers)))]
    for name in ("", *names):
        table.add_column(Text(name), justify="right" if name else "left")
    for name, cells in lines.items():
        table.add_row(name, *([""] if probe else []), *cells)
    if probe:
        errors = (error_text(error, probe["error_unit"]) for error in probe["errors"])
        table.add_row("linear probe", *(error.removesuffix(" squared units of y") for error in errors))
    out_console.print(table)
    if "regions" in result:
        found = result["regions"]
        print(f"{'linear regions:':<18} {found['n_regions']} of {found['n_rows']} rows")


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _mean(values: NDArray[np.float64]) -> float | None:
    """Mean of what is no NaN; None if all are."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else None


def _plain(value: Any) -> Any:
    """Numbers as JSON holds them; None for NaN."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _linear_parts(
    found: Inspected, estimator: Any, network: Network, rows: Features, note: Callable[[str], Any]
) -> None:
    """Regions among the rows, and the paths of the first of them."""
    note("telling regions apart")
    parts = regions(estimator, rows)
    found.result["regions"] = {
        "n_rows": rows.n_samples, "n_regions": parts.n_regions, "layers": list(parts.n_of_layers),
    }  # fmt: skip
    found.pictures["regions"] = regions_picture(parts)
    if not rows.n_samples:
        return
    best = active_paths(network, rows.take(slice(1)).values("float64"), n_paths=_N_PATHS)
    found.result["paths"] = {
        "row": 0, "output": best.output, "active": best.n_active, "carried_by_all": best.total,
        "strongest": [
            {"units": units, "carried": carried}
            for units, carried in zip(best.units.tolist(), best.carried.tolist(), strict=True)
        ],
    }  # fmt: skip
    classes = getattr(estimator, "classes_", None)
    to = printable(best.output if classes is None else classes[best.output], 20)
    found.pictures["paths"] = paths_picture(best, network.layer_sizes, f"output {to}")
