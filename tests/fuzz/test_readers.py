"""Damaged files of every kind: refused in one line, or read as they were. Longer: `python -m fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.examine import ALLOWED, examine, examine_commands, read, run
from fuzz.mutate import mutant
from fuzz.readers import READERS

N = 40


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_refused_or_read_as_they_were(tmp_path: Path, name: str) -> None:
    reader = READERS[name]
    path = reader.make(tmp_path)
    content, whole = path.read_bytes(), read(reader, path)
    assert read(reader, path) == whole
    outcomes = {number: examine(reader, path, mutant(content, 11, number), whole) for number in range(N)}
    assert {n: outcome for n, outcome in outcomes.items() if outcome not in ALLOWED} == {}
    assert "refused" in outcomes.values()


@pytest.mark.filterwarnings("ignore:.*wrote no digest:UserWarning")  # the command line prints them
@pytest.mark.filterwarnings("ignore:.*was saved under scikit-learn")
@pytest.mark.filterwarnings("ignore:.*records are malformed:UserWarning")
@pytest.mark.parametrize("name", READERS)
def test_commands_end_well_or_say_whose_mistake_it_is(tmp_path: Path, name: str) -> None:
    reader = READERS[name]
    path = reader.make(tmp_path)
    content = path.read_bytes()
    for command in reader.commands:
        assert run(command, path)[0] == 0
    outcomes = {number: examine_commands(reader, path, mutant(content, 12, number)) for number in range(5)}
    assert {n: outcome for n, outcome in outcomes.items() if outcome not in ALLOWED} == {}


def test_a_mutant_is_always_the_same() -> None:
    content = bytes(range(256)) * 3
    assert [mutant(content, 1, n) for n in range(50)] == [mutant(content, 1, n) for n in range(50)]
    assert len({mutant(content, 1, n).content for n in range(50)}) > 40
