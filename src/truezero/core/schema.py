"""JSON as files hold it: parsed with all that is checked at the door, and its shape said once.

A schema is a `Constraint` of one value, `Fields` of an object or `Items` of a list, and so says what is
wrong in the words of the settings. A checker of fifty lines, not a library of models: records are read by
older and newer versions, so names that are not known are left alone, and what is read stays plain JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from truezero.core.constraints import Constraint, truth_value
from truezero.core.text import printable

_LARGEST_TEXT = 100_000_000  # characters, as safetensors limits its header
# Of lists and objects in one text: so many, and one for so many characters. An empty list of two characters
# takes a hundred bytes.
_FEW, _CHARACTERS_EACH = 100_000, 16
_WIDEST_WORD = 100


def parse_json(text: str) -> Any:
    """Parse JSON.

    Raises
    ------
    ValueError
        In one line, if it is none, a name is twice in one object, or it is too large or nested too deep.
    """
    if len(text) > _LARGEST_TEXT:
        raise ValueError(f"its description of {len(text)} characters is too long")
    if text.count("[") + text.count("{") > _FEW + len(text) // _CHARACTERS_EACH:
        raise ValueError("its description has too many lists and objects")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("its description is nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in made if names.count(name) > 1)
        raise ValueError(f"{printable(twice)!r} is in it twice")
    return made


def json_digest(content: Any, *about: str) -> str:
    """SHA-256 of a JSON value, however it is laid out in the file.

    Parameters
    ----------
    content : object
        As it was parsed.
    *about : str
        What else it belongs to.
    """
    canonical = json.dumps([*about, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


# ---- shapes -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fields:
    """An object with these names.

    Attributes
    ----------
    required, optional : mapping of str to schema
        Other names may be there, too.
    """

    required: Mapping[str, Schema]
    optional: Mapping[str, Schema] = field(default_factory=dict)

    def check(self, where: str, value: object) -> None:
        """Refuse what has another shape.

        Raises
        ------
        ValueError
            Naming the first part that has, what it must be, and what it is.
        """
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be an object, got {_shown(value)}")
        for name, of in self.required.items():
            if name not in value:
                raise ValueError(f"it lacks {where}.{name}")
            of.check(f"{where}.{name}", value[name])
        for name, of in self.optional.items():
            if name in value:
                of.check(f"{where}.{name}", value[name])


@dataclass(frozen=True)
class Items:
    """A list of values of one shape."""

    of: Schema
    fewest: int = 0
    most: int | None = None

    def check(self, where: str, value: object) -> None:
        """Refuse what has another shape; see `Fields`."""
        if not isinstance(value, list):
            raise ValueError(f"{where} must be a list, got {_shown(value)}")
        if len(value) < self.fewest or (self.most is not None and len(value) > self.most):
            wanted = f"{self.fewest} or more" if self.most is None else f"{self.fewest} to {self.most}"
            raise ValueError(f"{where} must have {wanted} items, got {len(value)}")
        for place, item in enumerate(value):
            self.of.check(f"{where}[{place}]", item)


Schema = Constraint | Fields | Items


def _shown(value: object) -> str:
    """A value of a file, small however large it is."""
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return printable(repr(value[:200]) if isinstance(value, str) else repr(value))


# ---- what constraints of settings do not need -----------------------------------------------------------

anything = Constraint(("anything",), lambda value: True)
text = Constraint(("text",), lambda value: isinstance(value, str))
word = Constraint(
    (f"text of 1 to {_WIDEST_WORD} characters that can be printed",),
    lambda value: isinstance(value, str) and 0 < len(value) <= _WIDEST_WORD and value.isprintable(),
)
label = Constraint(("text", "a number"), lambda value: isinstance(value, (str, bool, int, float)))
# What was measured may be infinite, or no number at all.
measured = Constraint(
    ("a number",),
    lambda value: (
        isinstance(value, float)
        or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)
    ),
)
flag = truth_value
names = Items(text)
