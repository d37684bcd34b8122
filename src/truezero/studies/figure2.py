"""Figure 2: what two inputs send through a small network of rectifiers, and rectifiers beside softplus."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.analysis import LocalMap, active_paths, active_units, local_map, regions
from truezero.core.activations import get_activation
from truezero.core.network import Network
from truezero.core.rows import Features
from truezero.errors import DivergenceError
from truezero.models import load
from truezero.runs import Requests
from truezero.runs.recipes import MODEL
from truezero.studies import paper, sentences
from truezero.studies.arms import Arm, Scale, fine_tuning_run
from truezero.studies.claims import claimed
from truezero.studies.figures import without_histories
from truezero.studies.study import Claim, Column, Figure, Setting, Study, StudyResult, Table
from truezero.studies.tables import facts, said_of, stand_ins_of

SCALES = {
    "smoke": Scale((12, 12), (0.1,), 1, 3, None, (), 0),
    "laptop": Scale((12, 12), (0.1,), 5, 100, 20, (), 0),
    "paper": Scale((12, 12), (0.1,), 20, 300, 50, (), 0),
}
_MOST_DRAWN = 20  # inputs that a picture has room for
_N_ROWS = 500  # test rows whose linear function is compared with the network
_NEAR, _FAR = 0.01, 0.5  # changes of every input, as shares of it
_EXACT = 1e-9  # relative deviations below are rounding in float64

CHOICES = (
    "The paper's picture is a sketch. Here a network of two layers of 12 rectifiers is trained, without sign "
    "mask and pre-training, at a rate of 0.1 in batches of 10, in float64, so that what is left of a "
    "deviation is rounding.",
    "Drawn are the first test rows of the first two classes that the network of seed 0 gets right. What a "
    "connection carries is its weight times the output of the unit it comes from; a layer's connections are "
    "drawn relative to its strongest.",
    f"Of more than {_MOST_DRAWN} inputs those are drawn that do most to the two rows' outputs, by the rows' "
    "linear functions; the tables count all.",
    "W and b of a test row's linear function are set against the network on that row, and on one that "
    f"differs by up to {100 * _NEAR:g} % in each input if the same units are active then. Deviations are "
    "relative to the row's largest output before the softmax.",
    "Softplus is (1/α) log(1 + exp(αz)), with the α of section 4.1; α = 1 is that of the paper's figure.",
)

_BESIDE = (
    "Not in the paper: both tables, which count what its picture shows and measure what its section 3.1 says "
    "of linear functions.",
    "Not in the paper's figure: softplus with α other than 1.",
)

Row = dict[str, Any]


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: a small network per seed, of which the first is drawn."""
    arm = Arm("rectifier", settings={"sign_mask": None, "dtype": "float64", "keep_model": True})
    rate = setting.scale.learning_rates[0]
    runs = [fine_tuning_run(setting, arm, rate, seed, []) for seed in range(setting.scale.n_seeds)]
    results = yield runs
    diverged = next((result["diverged"] for result in results if "diverged" in result), None)
    if diverged is not None:
        raise DivergenceError(f"{setting.title}: {diverged}")
    rows = setting.dataset.features("test")
    models = [load(setting.store.folder / run.key / MODEL) for run in runs]
    networks = [
        {"name": f"seed {seed}", "key": run.key, **_found(model, rows), **without_histories([result])[0]}
        for seed, (run, model, result) in enumerate(zip(runs, models, results, strict=True))
    ]
    chosen = _two_rows(models[0], rows, np.asarray(setting.dataset.y_test))
    inputs = [_through(models[0], rows, row, setting.dataset.y_test) for row in chosen]
    n_hidden = sum(setting.scale.hidden_layer_sizes)
    stand_ins = stand_ins_of(setting, None)
    named = said_of(stand_ins)
    return StudyResult(
        setting.study,
        setting.title,
        facts(setting),
        [
            Table(
                "The two inputs",
                _OF_INPUTS,
                inputs,
                "The rows that the figure shows; paths lead from an input to the output that is "
                f"largest.{named}",
            ),
            Table(
                "Networks on test rows",
                _OF_NETWORKS,
                networks,
                f"Linear functions are set against the network on the first {_N_ROWS} rows; {n_hidden} units "
                f"have 2^{n_hidden} sets.{named}",
            ),
        ],
        [_drawn(setting, models[0], rows, chosen, inputs, named), _smooth()],
        choices=list(CHOICES),
        departures=list(_BESIDE),
        stand_ins=stand_ins,
        claims=_claims(setting, networks, n_hidden),
    )


_OF_INPUTS = [
    Column("name", "input", about="A test row, by its number, and its class."),
    Column("predicted", "output", about="The class whose output is largest."),
    Column("active", "active units", "count", about="Inputs and, layer by layer, units that are not 0."),
    Column(
        "n_active_paths", "active paths", "count",
        about="Paths to that output, one unit of each layer long, on which all units are active.",
    ),
    Column("n_paths", "all paths", "count", about="All paths to that output."),
    Column("share", "active paths, %", "sparsity", digits=2, about="Active paths, as a share of all."),
    Column(
        "deviation", "deviation of the linear function", "number", detail=True,
        about="Distance of the linear function of the active units from the network, as a share of the "
        "largest output before the softmax.",
    ),
]  # fmt: skip
_OF_NETWORKS = [
    Column("name", "network", about="By its seed; that of seed 0 is drawn."),
    Column("test_error", "error, %", "error", about="Test rows that the network puts into the wrong class."),
    Column(
        "active", "active units", "number", digits=1,
        about="Units of each hidden layer that are not 0, mean of the test rows.",
    ),
    Column(
        "n_regions", "linear functions", "count",
        about="Different sets of active units that test rows have: of each set the network is one linear "
        "function.",
    ),
    Column("n_test", "rows", "count", about="Test rows."),
    Column(
        "deviation", "deviation", "number",
        about="Largest distance of a row's linear function from the network on that row, as a share of the "
        "row's largest output before the softmax.",
    ),
    Column(
        "n_near", "rows near by", "count", detail=True,
        about=f"Rows that keep their active units when each input changes by up to {100 * _NEAR:g} %.",
    ),
    Column(
        "deviation_near", "deviation there", "number", detail=True,
        about="The largest distance on these changed rows, from the linear functions of the unchanged.",
    ),
    Column(
        "kept_far", "rows far away", "count", detail=True,
        about=f"Rows that keep their active units when each input changes by up to {100 * _FAR:g} %.",
    ),
    Column(
        "most_active", "most units active", "count", detail=True,
        about="Hidden units that are active for the row that has most.",
    ),
]  # fmt: skip


# ---- what is measured -----------------------------------------------------------------------------------


def _row(rows: Features, number: int) -> NDArray[np.float64]:
    values = rows.take(np.array([number])).values("float64")
    dense: NDArray[np.float64] = np.asarray(values.toarray() if sparse.issparse(values) else values)
    return dense.ravel()


def _deviation(of: LocalMap, network: Network, x: NDArray[np.float64]) -> float:
    """Distance of a row's linear function from what the network gives for a row, relative to the latter."""
    output = np.asarray(network(x[np.newaxis]), np.float64)[0]
    linear = x[of.inputs] @ of.weights + of.bias
    return float(np.abs(linear - output).max() / np.abs(output).max())


def _found(model: Any, rows: Features) -> Row:
    """What a network does on the test rows."""
    network, counts = model.network_, active_units(model, rows).counts
    rng = np.random.default_rng(0)
    at, near, n_kept = list[float](), list[float](), 0
    n = min(_N_ROWS, rows.n_samples)
    for number in range(n):
        x = _row(rows, number)
        of = local_map(network, x)
        at.append(_deviation(of, network, x))
        change = rng.uniform(-1, 1, x.shape)
        if _same_units(of, local_map(network, x * (1 + _NEAR * change))):
            near.append(_deviation(of, network, x * (1 + _NEAR * change)))
        n_kept += _same_units(of, local_map(network, x * (1 + _FAR * change)))
    return {
        "active": counts.mean(axis=0).tolist(),
        "most_active": int(counts.sum(axis=1).max()),
        "n_regions": regions(model, rows).n_regions,
        "n_compared": n,
        "deviation": max(at),
        "n_near": len(near),
        "deviation_near": max(near, default=None),
        "kept_far": n_kept,
    }


def _same_units(a: LocalMap, b: LocalMap) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.active, b.active, strict=True))


def _two_rows(model: Any, rows: Features, y: NDArray[Any]) -> list[int]:
    """The first row of each of two classes, of those that the model gets right if there are any."""
    wrong = model.predict(rows) != y
    first = {
        label: min(np.flatnonzero(y == label), key=lambda row: (wrong[row], row)) for label in np.unique(y)
    }
    return [int(first[label]) for label in sorted(first, key=lambda label: (wrong[first[label]], label))[:2]]


def _through(model: Any, rows: Features, number: int, y: Any) -> Row:
    """What a row sends through the network."""
    network, x = model.network_, _row(rows, number)
    of, best = local_map(network, x), active_paths(network, x, n_paths=1)
    n_paths = math.prod(network.layer_sizes[:-1])
    return {
        "name": f"row {number}, a {y[number]}",
        "row": number,
        "predicted": str(model.classes_[best.output]),
        "output": best.output,
        "active": [len(of.inputs), *(int(on.sum()) for on in of.active)],
        "n_active_paths": best.n_active,
        "n_paths": n_paths,
        "share": best.n_active / n_paths,
        "deviation": _deviation(of, network, x),
    }


# ---- what is drawn --------------------------------------------------------------------------------------


def _sent(network: Network, x: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The input and each layer's output."""
    codes = (network.encode(x[np.newaxis], layer).toarray()[0] for layer in range(network.n_hidden))
    return [x, *(np.asarray(code, np.float64) for code in codes)]


def _inputs_drawn(network: Network, xs: list[NDArray[np.float64]], outputs: list[int]) -> NDArray[np.int64]:
    """Features that are drawn, the same of all rows: those that do most to their outputs."""
    does = np.zeros(network.layer_sizes[0])
    for x, output in zip(xs, outputs, strict=True):
        of = local_map(network, x)
        does[of.inputs] += np.abs(of.contributions[:, output])
    return np.sort(np.argsort(-does, kind="stable")[:_MOST_DRAWN])


def _panel(model: Any, x: NDArray[np.float64], about: Row, features: NDArray[np.int64], image: Any) -> Row:
    """What the picture of a row shows."""
    network, classes = model.network_, [str(label) for label in model.classes_]
    sent = _sent(network, x)
    carried = [values[:, np.newaxis] * w for values, w in zip(sent, network.weights, strict=True)]
    carried[0] = carried[0][features]
    layers = [
        {"name": name, "n": len(values), "units": list(range(len(values))), "active": on, "n_active": len(on)}
        for name, values, on in zip(
            ["input", *(f"layer {layer + 1}" for layer in range(network.n_hidden))],
            sent,
            [np.flatnonzero(values).tolist() for values in sent],
            strict=True,
        )
    ]
    layers[0]["units"] = features.tolist()
    outputs = list(range(len(classes)))
    layers.append(
        {"name": "output", "n": len(classes), "units": outputs, "active": outputs, "n_active": None}
        | {"names": classes}
    )
    return {
        "title": f"{about['name']}\n{about['n_active_paths']:,} of {about['n_paths']:,} paths are active",
        "layers": layers,
        "carried": [values.tolist() for values in carried],
        "output": about["output"],
        "image": image,
    }


def _drawn(
    setting: Setting, model: Any, rows: Features, chosen: list[int], inputs: list[Row], named: str
) -> Figure:
    shape, n_features = setting.dataset.image_shape, model.network_.layer_sizes[0]
    xs = [_row(rows, row) for row in chosen]
    features = _inputs_drawn(model.network_, xs, [row["output"] for row in inputs])
    panels = [
        _panel(model, x, about, features, None if shape is None else x.reshape(-1, *shape[-2:])[0])
        for x, about in zip(xs, inputs, strict=True)
    ]
    only = f" {len(features)} of {n_features:,} inputs are drawn, those that do most to the two outputs."
    return Figure(
        "propagation",
        "Propagation through a trained network of rectifiers",
        "Two test rows of different classes select different active units; what is computed is linear in "
        f"these. A square is the output that is largest.{only if len(features) < n_features else ''}{named}",
        {"panels": panels},
    )


def _smooth() -> Figure:
    """Rectifier and softplus, the paper's Figure 2 (right)."""
    z = np.linspace(-3, 3, 301)
    curves = [("rectifier", get_activation("rectifier").value(z, 1.0))]
    curves += [
        (f"softplus, α = {alpha:g}", get_activation("softplus").value(z, alpha))
        for alpha in paper.SOFTPLUS
        if alpha is not None
    ]
    lines = [
        {"name": name, "colour": place + 1 if place else 0, "x": z.tolist(), "y": np.asarray(y).tolist()}
        for place, (name, y) in enumerate(curves)
    ]
    return Figure(
        "functions",
        "Rectifier and softplus",
        "Softplus is log(1 + exp(z)); rescaled by α, as in section 4.1, it goes to the rectifier.",
        {"panels": [{"title": "", "x": "z", "y": "output", "lines": lines}]},
    )


# ---- what the paper says of it --------------------------------------------------------------------------


def _claims(setting: Setting, networks: list[Row], n_hidden: int) -> list[Claim]:
    n, n_rows = len(networks), networks[0]["n_test"]
    n_compared = sum(network["n_compared"] for network in networks)
    n_near, n_far = (sum(network[key] for network in networks) for key in ("n_near", "kept_far"))
    deviation = max(network["deviation"] for network in networks)
    near = max((network["deviation_near"] or 0.0) for network in networks)
    mean = float(np.mean([np.sum(network["active"]) for network in networks]))
    most = max(network["most_active"] for network in networks)
    fewest, largest = (bound(network["n_regions"] for network in networks) for bound in (min, max))
    z = np.linspace(-20, 20, 4001)
    rectifier = get_activation("rectifier").value(z, 1.0)
    apart = {
        alpha: float(np.abs(get_activation("softplus").value(z, alpha) - rectifier).max())
        for alpha in paper.SOFTPLUS
        if alpha is not None
    }
    falls = all(abs(distance - math.log(2) / alpha) < _EXACT for alpha, distance in apart.items())
    return [
        claimed(
            setting,
            sentences.SUBSET,
            "confirmed" if most < n_hidden else "refuted",
            f"{mean:.1f} of {n_hidden} hidden units are active for a test row, mean of {n} networks, and "
            f"{most} at the most",
        ),
        claimed(
            setting,
            sentences.LINEAR_ON_SUBSET,
            "confirmed" if max(deviation, near) < _EXACT else "refuted",
            f"the linear function of the active units departs from the network by {deviation:.1g} of the "
            f"output at the most, on {n_compared:,} rows of {n} networks, and by {near:.1g} on {n_near:,} "
            "rows near by that have the same active units",
        ),
        claimed(
            setting,
            sentences.DISCRETE_CHANGE,
            "confirmed" if n_far < n_near else "not decided",
            f"of {n_compared:,} rows {n_near:,} keep their active units when each input changes by up to "
            f"{100 * _NEAR:g} %, and {n_far:,} by up to {100 * _FAR:g} %",
        ),
        claimed(
            setting,
            sentences.MANY_LINEAR_MODELS,
            "not decided",
            f"{n_rows:,} test rows go through {fewest:,} to {largest:,} different linear functions of one "
            f"network; how many of the 2^{n_hidden} sets of its units any input can reach was not counted",
        ),
        claimed(
            setting,
            sentences.SMOOTH_VERSION,
            "confirmed" if falls else "refuted",
            "the largest distance of the rescaled softplus from the rectifier is log(2)/α, at 0: "
            + ", ".join(f"{distance:.3g} at α = {alpha:g}" for alpha, distance in apart.items()),
        ),
    ]


STUDY = Study(
    "figure2",
    "Figure 2",
    SCALES,
    begin,
    question="Which units of a trained network of rectifiers does an input activate, and is what the network "
    "computes linear in these alone? How near does a softplus come to a rectifier?",
)
