"""What the shape of JSON in a file may be, and how it is said that it is another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from truezero.core.constraints import number, whole_number
from truezero.core.schema import Fields, Items, json_digest, label, measured, parse_json, text, word

SCHEMA = Fields({"a": whole_number(1), "b": Items(Fields({"c": text}), 1, 2)}, {"d": measured | None})


@pytest.mark.parametrize(
    "value", [{"a": 1, "b": [{"c": ""}]}, {"a": 2, "b": [{"c": "x", "y": 1}], "d": None, "e": {}}]
)
def test_what_fits(value: Any) -> None:
    SCHEMA.check("it", value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "it must be an object, got a list of 0"), ({"b": []}, "it lacks it.a"), ({"a": 0}, "it.a must be a whole number of at least 1, got 0"),
        ({"a": 1, "b": {}}, "it.b must be a list, got an object of 0"), ({"a": 1, "b": []}, "it.b must have 1 to 2 items, got 0"),
        ({"a": 1, "b": [{"c": 3}]}, r"it.b\[0\].c must be text, got 3"), ({"a": True, "b": []}, "it.a must be a whole number"),
        ({"a": 1, "b": [{"c": ""}], "d": "x\n" * 1000}, "it.d must be a number or None, got 'x.*…"), ({"a": 10**400, "b": []}, "it.a must be"),
    ],
)  # fmt: skip
def test_what_does_not(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as raised:
        SCHEMA.check("it", value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200


def test_words_can_be_printed_and_measures_computed_with() -> None:
    assert [word.admits(x) for x in ("a", "ü b", "", "a\n", "\x1b", "x" * 101, 3, None)] == [True] * 2 + [
        False
    ] * 6
    assert [measured.admits(x) for x in (0.5, float("nan"), float("inf"), 3, True, 10**400, "1")] == [
        True
    ] * 4 + [False] * 3
    labels: list[Any] = ["a", 1, 0.5, False, None, []]
    assert [label.admits(x) for x in labels] == [True] * 4 + [False] * 2
    assert not number().admits(10**400)


def test_one_text_says_one_thing() -> None:
    assert parse_json('{"a": [1, NaN, "\\ud800"]}')["a"][2] == "\ud800"
    for wrong in ('{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}', "[" * 10**5, "", "{", "1 2", "9" * 5000):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            parse_json(wrong)


def test_a_digest_is_of_what_is_said_not_of_how() -> None:
    digest = json_digest({"a": [1, 0.1], "b": "ü"}, "key")
    assert json_digest(json.loads('{ "b": "\\u00fc",\n"a":[1,1e-1]}'), "key") == digest
    assert (
        len({digest, json_digest({"a": [1, 0.1], "b": "u"}, "key"), json_digest({"a": [1, 0.1], "b": "ü"})})
        == 3
    )
