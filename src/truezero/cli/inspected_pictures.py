"""Pictures of what `truezero inspect` finds out, as kinds of figures and their data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.analysis import ActivePaths, ActiveUnits, Overlap, Probe, Regions

_N_BINS = 40
_N_POINTS = 200  # of a curve

Picture = tuple[str, dict[str, Any]]
"""A kind of figure and its data."""


def _layer_names(n: int) -> list[str]:
    return [f"layer {layer}" for layer in range(n)]


def regions_picture(regions: Regions) -> Picture:
    """How many different sets of active units there are among the rows seen so far."""
    n = len(regions.of_row)
    at = np.unique(np.linspace(0, n - 1, _N_POINTS).astype(int)) if n else np.zeros(0, int)
    names = [*_layer_names(regions.of_layer.shape[1]), "network: linear regions", "one each row"]
    seen = [*regions.seen_of_layers.T, regions.seen, np.arange(1, n + 1)]
    lines = [
        {"name": name, "colour": place, "dashed": place == len(names) - 1, "x": (at + 1).tolist()}
        | {"y": line[at].tolist()}
        for place, (name, line) in enumerate(zip(names, seen, strict=True))
    ]
    title = f"{regions.n_regions:,} linear functions"
    panel = {"title": title, "x": "rows seen", "y": "sets of active units", "log": False, "lines": lines}
    return "lines", {"panels": [panel]}


def paths_picture(best: ActivePaths, layer_sizes: Sequence[int], to: str) -> Picture:
    """Active units, and the paths that carry most to the output that is called so."""
    names = ["input", *_layer_names(len(layer_sizes) - 2), "output"]
    active = [*(np.flatnonzero(on).tolist() for on in best.active), [best.output]]
    return "paths", {
        "layers": [
            {"name": name, "n": size, "active": on}
            for name, size, on in zip(names, layer_sizes, active, strict=True)
        ],
        "paths": [
            {"units": [*units, best.output], "carried": carried}
            for units, carried in zip(best.units.tolist(), best.carried.tolist(), strict=True)
        ],
        "title": f"the {len(best.units)} strongest of {best.n_active:,} active paths to {to}",
    }


def units_picture(units: ActiveUnits) -> Picture:
    """Histograms of active units by row, of how often each is, and of lifetime sparsity."""
    shares = np.linspace(0, 100, _N_BINS + 1)
    of_rows, of_units, lifetimes = [], [], []
    for layer, (name, often) in enumerate(zip(_layer_names(len(units.often)), units.often, strict=True)):
        line = {"name": name, "colour": layer}
        # A bin holds a whole number of units, so that none has more of them than another.
        width = -(-len(often) // _N_BINS)
        edges = np.arange(0, len(often) + 1 + width, width) - 0.5
        counts, _ = np.histogram(units.counts[:, layer], edges)
        of_rows.append({**line, "edges": (100 * edges / len(often)).tolist(), "counts": counts.tolist()})
        counts, _ = np.histogram(100 * often, shares)
        of_units.append({**line, "edges": shares.tolist(), "counts": counts.tolist()})
        alive = units.lifetime[layer][~np.isnan(units.lifetime[layer])]
        counts, _ = np.histogram(alive, shares / 100)
        lifetimes.append({**line, "edges": (shares / 100).tolist(), "counts": counts.tolist()})
    panels = (
        ("active units of a row", "% of the layer's units", "rows", False, of_rows),
        ("how often a unit is active", "% of rows (0: dead)", "units", True, of_units),
        ("lifetime sparsity", "0: equal on all rows, 1: on one alone", "units", False, lifetimes),
    )
    return "histograms", {
        "panels": [
            {"title": title, "x": x, "y": y, "log": log, "lines": lines} for title, x, y, log, lines in panels
        ]
    }


def overlap_picture(names: list[str], overlaps: list[Overlap]) -> Picture:
    """Overlap of active units, and entries that change, by noise; the second model's dashed."""
    kept, changed, apart = [], [], []
    for place, (name, overlap) in enumerate(zip(names, overlaps, strict=True)):
        for layer, title in enumerate(_layer_names(len(overlap.apart))):
            line = {"name": f"{name}{title}", "colour": layer, "dashed": place > 0, "x": list(overlap.levels)}
            kept.append({**line, "y": (100 * overlap.kept[:, layer]).tolist()})
            changed.append({**line, "y": (100 * overlap.changed[:, layer]).tolist()})
            if not place and not np.isnan(overlap.apart[layer]):
                level = {"name": f"{title}, two rows", "colour": layer}
                apart.append({**level, "y": 100 * float(overlap.apart[layer])})
    noise = {
        "gaussian": "noise, in deviations of a feature",
        "masking": "share of the input set to 0",
    }[overlaps[0].corruption]
    about = {"x": noise, "log": True, "most": 103}
    return "lines", {
        "panels": [
            {**about, "title": "active units kept", "y": "overlap, %", "lines": kept, "levels": apart},
            {**about, "title": "entries that change", "y": "% of the layer's units", "lines": changed},
        ]
    }  # fmt: skip


def probe_picture(names: list[str], probes: list[Probe | None]) -> Picture:
    """Error of linear models from the input to the last layer; the second model's dashed."""
    fraction = next(probe.error_unit == "fraction" for probe in probes if probe is not None)
    scale, unit = (100, "error, %") if fraction else (1, "mean squared error")
    lines: list[dict[str, Any]] = []
    for place, (name, probe) in enumerate(zip(names, probes, strict=True)):
        for colour, (what, errors) in enumerate(
            (("other rows", probe.errors), ("rows fitted", probe.fitted)) if probe is not None else ()
        ):
            y = [None if error is None else scale * error for error in errors]
            title = f"{name}, {what}" if name else what
            lines.append(
                {"name": title, "colour": colour, "dashed": place > 0, "x": list(range(len(y))), "y": y}
            )
    ticks = ["input", *_layer_names(max(len(line["x"]) for line in lines) - 1)]
    panel = {"title": "a linear model on each code", "x": "", "y": unit, "log": False, "ticks": ticks}
    return "lines", {"panels": [{**panel, "lines": lines}]}


def balance_picture(norms: NDArray[np.float64], balanced: NDArray[np.float64]) -> Picture:
    """Norms of the layers' weights, and those once they are balanced."""
    lines = [
        {"name": name, "colour": place, "dashed": bool(place), "x": list(range(len(y))), "y": y.tolist()}
        for place, (name, y) in enumerate((("as it is", norms), ("rebalanced, the same function", balanced)))
    ]
    ticks = [*_layer_names(len(norms) - 1), "output"]
    panel = {"title": "size of the layers' weights", "x": "", "y": "Frobenius norm", "log": False}
    return "lines", {"panels": [{**panel, "ticks": ticks, "lines": lines}]}
