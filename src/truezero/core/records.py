"""Records: what a class writes of itself into a file, and which classes do."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from truezero.core.tensors import Path, Tensors


class Savable(Protocol):
    """A class whose objects write a record of themselves and are made from one again.

    A record is arrays by name, and one JSON object that describes the rest.
    """

    def _to_record(self) -> tuple[Tensors, dict[str, Any]]:
        """Write the record.

        Raises
        ------
        OptionError
            If something in it cannot be kept in a file.
        """
        ...

    @classmethod
    def _from_record(cls, tensors: Tensors, record: dict[str, Any], path: Path) -> Any:
        """Make an object from its record; `path` is the file's, for messages.

        Raises
        ------
        ModelFileError
            If it is damaged. A damaged record may raise Python's own exceptions as well.
        """
        ...


C = TypeVar("C", bound=type[Savable])

_classes: dict[str, type[Savable]] = {}


def savable(cls: C) -> C:
    """Register a class by its name: a decorator."""
    _classes[cls.__name__] = cls
    return cls


def savable_class(name: object) -> type[Savable] | None:
    """Class of that name, or None."""
    return _classes.get(name) if isinstance(name, str) else None


def is_savable(obj: object) -> bool:
    """Whether an object's very class is registered; of a subclass nothing is known."""
    return _classes.get(type(obj).__name__) is type(obj)
