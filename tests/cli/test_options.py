"""Options derived from a function's signature and docstring."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from truezero import OptionError
from truezero.cli.options import DerivedOptions, with_options


def measure(
    rows: Any,
    *,
    widths: Sequence[int] = (1000, 500),
    rates: tuple[float, ...] | None = None,
    rounds: int = 7,
    share: float = 0.1,
    name: str = "MNIST",
    seed: int | None = None,
    level: Any = 0.25,
    kind: Literal["one", "other", "third"] = "one",
    text: bool = True,
) -> None:
    """Measure.

    Parameters
    ----------
    rows : ndarray
        Left out.
    widths : sequence of int
        Units of each
        layer.
    rates, share : float
        Said of both.
    rounds : int, default=7
        Interleaved measurements.
    name : str
        A name.
    seed : int or None
        Seed.
    level : float or sequence
        Level.
    kind : {"one", "other", "third"}
        Kind.
    text : bool, default=True
        Bags of words too.

    Attributes
    ----------
    seed : int
        Not what the parameter is.
    """


MEASURE = DerivedOptions(
    measure, prefix="of", leave_out=("rows",), help={"name": "Another word."}, metavar={"rounds": "TIMES"}
)


def values(*arguments: str) -> dict[str, Any]:
    """What a command with the options of `measure` is handed."""
    app = typer.Typer(add_completion=False)
    handed: dict[str, Any] = {}

    @app.command()
    @with_options(settings=MEASURE)
    def command(
        data: str, settings: dict[str, Any], out: Annotated[str | None, typer.Option("--out")] = None
    ) -> None:
        assert data == "digits"
        handed.update(settings, out=out)

    result = CliRunner().invoke(app, ["digits", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return handed


def test_only_what_is_given_is_handed_on() -> None:
    assert values() == {"out": None}
    assert values("--out", "o", "--of-rounds", "3") == {"out": "o", "rounds": 3}


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("widths", "30", (30,)),
        ("widths", "30,20,", (30, 20)),
        ("rates", "1,.5", (1.0, 0.5)),
        ("rates", "None", None),
        ("share", "1e-3", 1e-3),
        ("name", "none", "none"),
        ("name", "1,2", "1,2"),
        ("seed", "none", None),
        ("seed", "5", 5),
        ("level", "none", None),
        ("level", "2,0.5,masking", (2, 0.5, "masking")),
        ("kind", "other", "other"),
    ],
)
def test_values_are_of_the_annotated_kind(option: str, text: str, value: Any) -> None:
    read = values(f"--of-{option}", text)[option]
    assert read == value
    assert type(read) is type(value)


def test_flags() -> None:
    assert values("--of-no-text")["text"] is False
    assert values("--of-text")["text"] is True


@pytest.mark.parametrize(
    ("option", "text", "kind"),
    [
        ("rounds", "x", "a whole number"),
        ("rounds", "1.5", "a whole number"),
        ("share", "none", "a number"),
        ("seed", "1,2", "a whole number"),
        ("widths", "10,x", "whole numbers and commas"),
        ("rates", "10,x", "numbers and commas"),
        ("kind", "thir", "one, other or third"),
    ],
)
def test_other_kinds_are_refused(option: str, text: str, kind: str) -> None:
    with pytest.raises(OptionError, match=f"^--of-{option} must be {kind}, got '{text}'$"):
        values(f"--of-{option}", text)


def test_help_is_the_docstring() -> None:
    shown = {p.name: p.annotation.__metadata__[0] for p in MEASURE.declarations()}
    assert shown["of_widths"].help == "Units of each layer. [default: 1000,500]"
    assert shown["of_rates"].help == "Said of both. [default: none]"
    assert shown["of_share"].help == "Said of both. [default: 0.1]"
    assert shown["of_name"].help == "Another word. [default: MNIST]"
    assert shown["of_seed"].help == "Seed. [default: none]"
    assert shown["of_text"].help == "Bags of words too. [default: true]"
    assert (shown["of_rounds"].metavar, shown["of_share"].metavar) == ("TIMES", "VALUE")
    assert "of_rows" not in shown


def test_a_parameter_without_default_must_be_given() -> None:
    app = typer.Typer(add_completion=False)

    @app.command()
    @with_options(
        settings=DerivedOptions(measure, leave_out=set(inspect.signature(measure).parameters) - {"rows"})
    )
    def command(settings: dict[str, Any]) -> None:
        assert settings == {"rows": 3}

    assert CliRunner().invoke(app, []).exit_code == 2
    assert CliRunner().invoke(app, ["--rows", "3"]).exit_code == 0
