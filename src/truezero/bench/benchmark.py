"""What a benchmark is, where its result is kept, and a check of the numbers it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from truezero.bench.terminal import Table
from truezero.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Benchmark(Protocol):
    """A module that measures something and shows what it found, in a file of its own."""

    @property
    def run(self) -> Callable[..., dict[str, Any]]:
        """Measure; the result is what JSON holds, its key `benchmark` the name of the benchmark.

        A parameter `dataset` and `on_progress` apart, every parameter is an option of the command line.
        """
        ...

    def tables(self, result: dict[str, Any]) -> Sequence[Table | str]:
        """Tables and lines of text for a terminal, in order."""
        ...

    def figure(self, result: dict[str, Any]) -> Figure:
        """Draw the result; matplotlib is imported here and not before."""
        ...

    def page(self, result: dict[str, Any]) -> str:
        """Write the section of the page of benchmarks, Markdown."""
        ...


def at_least(least: int, **numbers: int) -> None:
    """Check parameters, given by their names.

    Raises
    ------
    OptionError
        If one is below `least`.
    """
    for name, number in numbers.items():
        if number < least:
            raise OptionError(f"{name} must be at least {least}, got {number}")


def file_name(result: dict[str, Any]) -> str:
    """Name of a result's files: the benchmark's, and that of the activation where it is for one."""
    parts = (result["benchmark"], result.get("activation"))
    return "-".join(part for part in parts if part is not None)
