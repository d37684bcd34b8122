"""Texts of files in messages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truezero.core.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rows of ±1 €", "rows of ±1 €"),
        ("a\nb\x1b[31m\x7f\x00", r"a\nb\x1b[31m\x7f\x00"),
        ("left\u202eright\u2028\ud800", r"left\u202eright\u2028\ud800"),
        (b"\xff\xc3\xa9", r"\xffé"),
        ("x" * 101, "x" * 100 + "…"),
        ("x" * 100, "x" * 100),
        (ValueError("in {0} [/x]"), "in {0} [/x]"),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text: object, shown: str) -> None:
    assert printable(text) == shown


@settings(deadline=None)
@given(st.text(st.characters()) | st.binary(), st.integers(1, 200))
def test_all_texts_are_one_line_and_short(text: str | bytes, most: int) -> None:
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most + 1
