"""What a setting may be, said once: in words for people, and as a test of a value.

Beside scikit-learn's `_param_validation`, which is private: here True is no number, nan and inf are none
either, a setting may be one value or one per layer, and the message says so in plain words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from truezero.errors import OptionError

_MOST_SHOWN = 100  # characters of a value in a message


@dataclass(frozen=True)
class Constraint:
    """What a setting may be.

    Attributes
    ----------
    alternatives : tuple of str
        In words, to be read after "must be".
    admits : callable
        ``value -> bool``, of any object at all. A registry may raise its own OptionError instead.
    """

    alternatives: tuple[str, ...]
    admits: Callable[[Any], bool]

    def __or__(self, other: Constraint | None) -> Constraint:
        """Either of two; None stands for itself."""
        second = Constraint(("None",), lambda value: value is None) if other is None else other
        return Constraint(
            self.alternatives + second.alternatives,
            lambda value: self.admits(value) or second.admits(value),
        )

    @property
    def wanted(self) -> str:
        """What it may be, in words."""
        *others, last = self.alternatives
        return f"{', '.join(others)} or {last}" if others else last

    def check(self, name: str, value: object) -> None:
        """Refuse what the setting may not be.

        Raises
        ------
        OptionError
            Naming the setting, what it must be, and what it is.
        """
        if not self.admits(value):
            raise OptionError(f"{name} must be {self.wanted}, got {shown(value)}")


Constraints = Mapping[str, Constraint]


def check_settings(constraints: Constraints, settings: Mapping[str, Any]) -> None:
    """Check every setting that has a constraint.

    Raises
    ------
    OptionError
        For the first that is not what it must be.
    """
    for name, value in settings.items():
        if name in constraints:
            constraints[name].check(name, value)


def shown(value: object) -> str:
    """A value in one line, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


# ---- the vocabulary ---------------------------------------------------------------------------------


def number(
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> Constraint:
    """A finite number, of Python or NumPy, within bounds; `above` and `below` leave the bound itself out."""

    def admits(value: Any) -> bool:
        return (
            _is(value, Real)
            and _is_finite(value)
            and (above is None or value > above)
            and (least is None or value >= least)
            and (below is None or value < below)
            and (most is None or value <= most)
        )

    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("above", above), ("of at least", least), ("below", below), ("at most", most))
        if bound is not None
    ]
    kind = "a number" if below is not None or most is not None else "a finite number"
    return Constraint((" ".join((kind, *bounds[:1], *(f"and {bound}" for bound in bounds[1:]))),), admits)


def whole_number(least: int | None = None, most: int | None = None) -> Constraint:
    """A whole number of 64 bits, of Python or NumPy, within bounds; 100.0 is none, and True is none."""
    limits = np.iinfo(np.int64)
    lowest, highest = (limits.min if least is None else least), (limits.max if most is None else most)
    words = "a whole number"
    if least is not None:
        words += f" of at least {least}" if most is None else f" from {least} to {most}"
    return Constraint((words,), lambda value: _is(value, Integral) and lowest <= value <= highest)


def one_of(*names: str) -> Constraint:
    """One of some words."""
    return Constraint(tuple(map(repr, names)), lambda value: isinstance(value, str) and value in names)


def known(what: str, look_up: Callable[[str], object]) -> Constraint:
    """A name that a registry knows; of another name the registry's own error says which there are."""

    def admits(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        look_up(value)
        return True

    return Constraint((what,), admits)


def layerwise(constraint: Constraint, fewest: int = 0) -> Constraint:
    """One value, or a sequence or array of one per layer; how many layers there are is not known here."""

    def admits(value: Any) -> bool:
        if not is_several(value):
            return constraint.admits(value)
        return len(value) >= fewest and all(map(constraint.admits, value))

    how_many = f" ({fewest} or more)" if fewest else ""
    return Constraint((f"{constraint.wanted}, or one per layer{how_many}",), admits)


def is_several(value: object) -> bool:
    """Whether it is a sequence or an array of values, and not a word."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


truth_value = Constraint(("True", "False"), lambda value: isinstance(value, (bool, np.bool_)))


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False
