"""Figure 1: the firing rate of a leaky integrate-and-fire neuron, and units of networks beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import get_activation
from truezero.runs import Requests
from truezero.studies import sentences
from truezero.studies.figures import colour
from truezero.studies.sentences import Sentence
from truezero.studies.study import Claim, Column, Figure, Setting, Study, StudyResult, Table


@dataclass(frozen=True)
class Membrane:
    """A leaky integrate-and-fire neuron (section 2.1), in units of the SI.

    Attributes
    ----------
    time_constant, refractory_period : float
        τ and t_ref, in seconds.
    resistance : float
        R, in ohms.
    potential, resting_potential, threshold : float
        E, V_r and V_th, in volts.
    """

    time_constant: float = 15e-3
    refractory_period: float = 2e-3
    resistance: float = 10e6
    potential: float = -65e-3
    resting_potential: float = -65e-3
    threshold: float = -50e-3

    @property
    def least_current(self) -> float:
        """Current in amperes at which E + RI is the threshold."""
        return (self.threshold - self.potential) / self.resistance

    @property
    def rise(self) -> float:
        """V_th − V_r, what the membrane has to rise by, in volts."""
        return self.threshold - self.resting_potential

    def rate(self, current: Any) -> NDArray[np.float64]:
        """Spikes a second at currents in amperes."""
        return self._rate(self.potential + self.resistance * np.asarray(current, float) - self.threshold)

    def rate_of_input(self, x: Any) -> NDArray[np.float64]:
        """Spikes a second at what is input x of the rescaled unit: E + RI − V_th = 20 x (V_th − V_r)."""
        return self._rate(_RISES * self.rise * np.asarray(x, float))

    def current(self, x: Any) -> NDArray[np.float64]:
        """Current in amperes that is input x of the rescaled unit."""
        return self.least_current + _RISES * self.rise / self.resistance * np.asarray(x, float)

    def _rate(self, above: NDArray[np.float64]) -> NDArray[np.float64]:
        """The law, by how far E + RI is above the threshold."""
        active = above > 0
        # log((E + RI − V_r) / (E + RI − V_th)), without the difference of large numbers.
        logarithm = np.log1p(self.rise / np.where(active, above, 1.0))
        return np.where(active, 1 / (self.time_constant * logarithm + self.refractory_period), 0.0)


# Footnote 3's unit has 0.025 for V_th − V_r and 0.5 x for E + RI − V_th: x counts 20 rises.
_RISES = 20.0
_INPUTS = (-0.5, 0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_EXACT = 1e-12  # relative deviations below are rounding in float64

CHOICES = (
    "The paper gives the law and V_th > V_r, and no numbers. E = V_r = −65 mV, V_th = −50 mV and R = 10 MΩ "
    "are values of textbooks, t_ref = 2 ms is one of cortical cells.",
    "τ = 7.5 t_ref is the ratio of the rescaled unit of footnote 3, whose formula is in the first author's "
    "code of the time: 1 / (7.5 log((x/2 + 0.025) / (x/2)) + 1) for x > 0. With it that unit is the law "
    "itself, as a share of the greatest rate 1/t_ref, with x = 0 at the threshold and x = 1 at 20 times V_th "
    "− V_r above it.",
)

_BESIDE = (
    "Not in the paper, whose figure has the other two: the picture of one-sided units, and the table that "
    "sets the neuron beside them.",
)

Row = dict[str, Any]


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study, which asks for no runs."""
    yield from ()
    neuron = Membrane()
    return StudyResult(
        setting.study,
        setting.title,
        {"data": "functions of a single unit, no data"},
        [
            Table(
                "Parameters of the neuron",
                _OF_PARAMETERS,
                _parameters(neuron),
                "What follows from the others is no parameter.",
            ),
            Table(
                "The neuron beside units of networks",
                _OF_UNITS,
                _units(neuron),
                "Where the neuron does not fire all of these units are 0, too.",
            ),
        ],
        [_figure(neuron)],
        choices=list(CHOICES),
        departures=list(_BESIDE),
        claims=_claims(neuron),
    )


_OF_PARAMETERS = [
    Column("symbol", "symbol", about="As the paper's section 2.1 writes it."),
    Column("name", "parameter", about="What it is of the neuron."),
    Column("value", "value", "number", about="What it is here."),
    Column("unit", "unit", about="Of the value."),
    Column("paper", "in the paper", about="What the paper says of its value."),
]
_OF_UNITS = [
    Column("current", "I, nA", "number", about="Current that goes into the neuron."),
    Column("rate", "neuron, Hz", "number", digits=1, about="Spikes a second that the neuron fires at it."),
    Column("x", "x", "number", about="The same as the input of a network's unit; 0 is the threshold."),
    Column("lif", "lif(x)", "number", digits=4, about="Output of the neuron's law as a unit (footnote 3)."),
    Column(
        "lif_rate", "lif(x), Hz", "number", digits=1, about="That output times the greatest rate, 1/t_ref."
    ),
    Column("rectifier", "rectifier", "number", about="max(0, x)."),
    Column("rectified_tanh", "tanh, > 0", "number", digits=4, about="max(0, tanh x)."),
]


def _parameters(neuron: Membrane) -> list[Row]:
    """A row for each parameter, in units that suit it, and for what follows from them."""
    open_, related = "left open", "only V_th > V_r"
    rows = (
        ("τ", "membrane time constant", 1e3 * neuron.time_constant, "ms", open_),
        ("t_ref", "refractory period", 1e3 * neuron.refractory_period, "ms", open_),
        ("R", "membrane resistance", 1e-6 * neuron.resistance, "MΩ", open_),
        ("E", "membrane potential", 1e3 * neuron.potential, "mV", open_),
        ("V_r", "resting potential", 1e3 * neuron.resting_potential, "mV", related),
        ("V_th", "threshold potential", 1e3 * neuron.threshold, "mV", related),
        ("(V_th − E) / R", "least current that fires", 1e9 * neuron.least_current, "nA", "follows"),
        ("1 / t_ref", "greatest rate", 1 / neuron.refractory_period, "Hz", "follows"),
    )
    return [dict(zip(("symbol", "name", "value", "unit", "paper"), row, strict=True)) for row in rows]


def _unit(name: str, z: Any) -> NDArray[np.float64]:
    """Output of a network's hidden unit."""
    return np.asarray(get_activation(name).value(np.asarray(z, float), 1.0))


def _units(neuron: Membrane) -> list[Row]:
    """A row for each of some inputs."""
    columns = {
        "current": 1e9 * neuron.current(_INPUTS),
        "rate": neuron.rate_of_input(_INPUTS),
        "x": np.array(_INPUTS),
        "lif": _unit("lif", _INPUTS),
        "lif_rate": _unit("lif", _INPUTS) / neuron.refractory_period,
        "rectifier": _unit("rectifier", _INPUTS),
        "rectified_tanh": _unit("rectified-tanh", _INPUTS),
    }
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in values]


def _figure(neuron: Membrane) -> Figure:
    current, z, x = np.linspace(0, 10, 801), np.linspace(-5, 5, 401), np.linspace(-0.5, 1.5, 801)

    def line(name: str, unit: str, at: NDArray[np.float64], values: NDArray[np.float64]) -> Row:
        return {"name": name, "colour": colour({"activation": unit}), "x": at.tolist(), "y": values.tolist()}

    panels = [
        {
            "title": "A biological neuron",
            "x": "input current I, nA",
            "y": "firing rate, Hz",
            "lines": [line("leaky integrate-and-fire", "lif", current, neuron.rate(1e-9 * current))],
            "marks": [{"name": "threshold", "x": 1e9 * neuron.least_current}],
        },
        {
            "title": "Units that were common",
            "x": "z",
            "y": "output",
            "lines": [
                line("tanh", "tanh", z, _unit("tanh", z)),
                line("logistic sigmoid", "sigmoid", z, _unit("sigmoid", z)),
            ],
        },
        {
            "title": "One-sided units",
            "x": "z",
            "y": "output",
            "lines": [
                line("rectifier", "rectifier", x, _unit("rectifier", x)),
                line("rescaled neuron (footnote 3)", "lif", x, _unit("lif", x)),
                line("max(0, tanh z)", "rectified-tanh", x, _unit("rectified-tanh", x)),
            ],
        },
    ]
    return Figure(
        "functions",
        "Activation functions of neurons and of networks",
        "The neuron and the units that were common are the paper's Figure 1. One-sided units are 0 for every "
        "input below a threshold, as neurons are.",
        {"panels": panels},
    )


def _claims(neuron: Membrane) -> list[Claim]:
    z = np.linspace(-20, 20, 4001)
    linear = float(np.abs(_unit("tanh", z) - (2 * _unit("sigmoid", 2 * z) - 1)).max())
    antisymmetric = float(np.abs(_unit("tanh", z) + _unit("tanh", -z)).max())
    current = neuron.least_current * np.linspace(1.1, 10, 90)
    fires, opposite = neuron.rate(current), neuron.rate(-current)
    inputs = z[z > 0]
    of_rectifier = float(_unit("rectifier", -inputs).max())
    unscaled = _unit("lif", inputs) / neuron.refractory_period
    apart = float(np.max(np.abs(unscaled / neuron.rate_of_input(inputs) - 1)))
    return [
        _claim(
            sentences.LINEAR_TRANSFORMATION,
            linear < _EXACT,
            f"tanh z and 2 sigmoid(2z) − 1 differ by {linear:.1g} at the most, for z from −20 to 20",
        ),
        _claim(
            sentences.ANTISYMMETRY,
            float(_unit("tanh", 0.0)) == 0 and antisymmetric < _EXACT and fires.min() > 0 == opposite.max(),
            f"tanh 0 is {float(_unit('tanh', 0.0)):g}; tanh z and −tanh(−z) differ by {antisymmetric:.1g} at "
            f"the most; the neuron fires at {fires.min():.3g} Hz or more at currents above "
            f"1.1 thresholds, and at {opposite.max():g} Hz at their opposites",
        ),
        _claim(
            sentences.ONE_SIDED,
            of_rectifier == 0,
            f"rectifier(−z) is {of_rectifier:g} for all z up to 20, as is the neuron's rate; the rescaled "
            f"unit of footnote 3 departs from the neuron's law by {apart:.1g} of it at the most",
        ),
    ]


def _claim(sentence: Sentence, holds: bool, evidence: str) -> Claim:
    return Claim(sentence.text, sentence.section, "confirmed" if holds else "refuted", evidence)


STUDY = Study(
    "figure1",
    "Figure 1",
    {"smoke": None, "laptop": None, "paper": None},  # there is only one size of it
    begin,
    data=(),
    needs=(),
    question="How often does a neuron fire, by the current that goes into it, and which units of networks "
    "are like it: 0 below a threshold, and not the opposite for an opposite input?",
)
