"""A store of runs whose files are damaged, or of a version that wrote no digests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from truezero.errors import DataError
from truezero.runs import NUMERICS, Data, Run, RunStore

RUN = Run(
    "baseline", {"estimator": "DummyClassifier", "parameters": {"random_state": 0}}, Data("rows", "0" * 40)
)
OTHER = Run(
    "baseline", {"estimator": "DummyClassifier", "parameters": {"random_state": 1}}, Data("rows", "0" * 40)
)
RESULT = {
    "test_error": 0.5, "validation_error": None, "n_train": 30, "n_validation": 0, "n_test": 10, "seed": 0, "seconds": 0.25,
    "engine": {"name": "scikit-learn"}, "of more": {"nan": float("inf"), "one": (1, 2.5), "text": "ü"},
}  # fmt: skip
FILES = ("run.json", "result.json", "provenance.json")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    made = RunStore(tmp_path / "runs")
    for run in (RUN, OTHER):
        made.begin(run)
        made.finish(
            run,
            {**RESULT, "seed": len(run.key)} if run is OTHER else RESULT,
            {"truezero": "0.1.0", "n_threads": 1},
        )
    return made


def use(store: RunStore) -> None:
    """Read all there is."""
    list(store)
    store.find(RUN)
    store.provenance(RUN.key)


def as_of_before(store: RunStore) -> None:
    for run in (RUN, OTHER):
        (store.place(run) / "provenance.json").write_text('{"truezero": "0.1.0"}')


def change(path: Path, how: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content, indent=3))


def test_what_is_found_is_what_was_put_in(store: RunStore) -> None:
    found = store.find(RUN)
    assert found == json.loads(json.dumps(RESULT))
    assert store.provenance(RUN.key) == {"truezero": "0.1.0", "n_threads": 1}
    assert [about["numerics"] for _, about, _ in store] == [NUMERICS] * 2
    change(store.place(RUN) / "result.json", lambda content: None)  # laid out otherwise
    assert store.find(RUN) == found


@pytest.mark.parametrize("name", FILES)
def test_every_value_is_in_the_digest(store: RunStore, name: str) -> None:
    path = store.place(RUN) / name
    text = path.read_text()
    for place in range(0, len(text), 5):
        path.write_text(text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :])
        if text[place].isspace() and json.dumps(text) == json.dumps(path.read_text()):
            continue
        with pytest.raises(
            DataError, match=r"^the run \S+ is damaged \([^\n]*\); remove its folder to run it again$"
        ):
            use(store)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_run_is_found_out(store: RunStore, name: str) -> None:
    shutil.copy(store.place(OTHER) / name, store.place(RUN) / name)
    with pytest.raises(DataError, match="does not have its digest"):
        use(store)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", "[" * 200_000, '{"a":' * 50_000, '{"a": 1, "a": 1}', "\x00", "9" * 5000, "{}" * 3, "[" + "{}," * 10**6],
    ids=range(12),
)  # fmt: skip
def test_files_that_cannot_be(store: RunStore, name: str, text: str) -> None:
    (store.place(RUN) / name).write_text(text)
    with pytest.raises(DataError, match=rf"{RUN.key} is damaged \([^\n]{{1,350}}\); remove its folder"):
        use(store)


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_gone_or_no_files(store: RunStore, name: str) -> None:
    (store.place(RUN) / name).unlink()
    if name != "run.json":
        with pytest.raises(DataError, match=f"{name}: No such file"):
            use(store)
    (store.place(RUN) / name).mkdir()
    with pytest.raises(DataError, match=f"{name}: it is no regular file"):
        use(store)


@pytest.mark.filterwarnings("error")
def test_a_store_of_before_is_read_with_one_warning(store: RunStore, tmp_path: Path) -> None:
    as_of_before(store)
    with pytest.warns(UserWarning, match="runs has runs of a version that wrote no digests") as said:
        use(store)
    use(store)  # a warning would be an error
    assert len(said) == 1
    merged = RunStore(tmp_path / "merged")
    with pytest.warns(UserWarning, match="no digests") as said:
        assert merged.merge(RunStore(store.folder)) == 2
    assert len(said) == 1


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("run.json", lambda c: c.pop("recipe"), "it lacks run.json.recipe"), ("run.json", lambda c: c.update(recipe=["x"]), "run.json.recipe must be"),
        ("run.json", lambda c: c.update(data={}), "it lacks run.json.data.name"), ("run.json", lambda c: c.update(parameters=3), "must be an object"),
        ("run.json", lambda c: c.update(engine="\x1b[31m"), "that can be printed"), ("run.json", lambda c: c.update(numerics="1"), "run.json.numerics"),
        ("result.json", lambda c: c.clear(), "it lacks result.json"), ("result.json", lambda c: c.update(test_error="x"), "result.json.test_error"),
        ("result.json", lambda c: c.update(seconds=None), "result.json.seconds"), ("result.json", lambda c: c.update(diverged=3), "result.json.diverged"),
    ],
)  # fmt: skip
def test_the_shape_of_files_of_before_is_checked(store: RunStore, name: str, how: Any, message: str) -> None:
    as_of_before(store)
    change(store.place(RUN) / name, how)
    with pytest.warns(UserWarning, match="no digests"), pytest.raises(DataError, match=message) as raised:
        use(store)
    assert str(raised.value).isprintable()


def test_a_damaged_run_is_not_merged_and_is_cleaned(store: RunStore, tmp_path: Path) -> None:
    (store.place(RUN) / "result.json").write_text("{}")
    with pytest.raises(DataError, match=f"{RUN.key} is damaged"):
        RunStore(tmp_path / "merged").merge(store)
    (store.place(RUN) / "run.json").write_text("{}")
    assert store.clean(numerics=NUMERICS) == 1
    assert [key for key, _, _ in store] == [OTHER.key]
