"""Data that stand in for the paper's say so themselves, and studies repeat it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from truezero.datasets import Dataset, load_dataset
from truezero.runs import RunStore
from truezero.studies.study import Setting
from truezero.studies.tables import stand_ins_of

NORB = ("NORB", ("norb",))
ROWS = Dataset("mine", np.zeros((4, 3), np.uint8), np.arange(4))


@pytest.mark.parametrize(
    ("dataset", "papers", "paper"),
    [
        (ROWS, None, None),
        (ROWS, NORB, "NORB"),
        (replace(ROWS, name="norb"), NORB, None),
        (replace(ROWS, stand_in_for="CIFAR-10"), NORB, "CIFAR-10"),
        (replace(ROWS, stand_in_for="CIFAR-10"), None, "CIFAR-10"),
    ],
)
def test_what_data_stand_in_for(
    tmp_path: Path, dataset: Dataset, papers: tuple[str, tuple[str, ...]] | None, paper: str | None
) -> None:
    setting = Setting("a-study", "", (dataset,), "smoke", None, RunStore(tmp_path))
    found = stand_ins_of(setting, papers)
    assert [stand_in.paper for stand_in in found] == ([] if paper is None else [paper])
    assert all(stand_in.ours == dataset.name for stand_in in found)


def test_rows_are_the_same_whatever_they_stand_in_for() -> None:
    assert replace(ROWS, stand_in_for="NORB").fingerprint == ROWS.fingerprint
    assert load_dataset("synthetic").stand_in_for == "the paper's images"
