"""Finished runs as one small file each, and given back to a store."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest
from commandline import succeeded, truezero

from truezero.errors import DataError
from truezero.runs import Data, Run, RunStore, export_runs, exported_runs, import_runs

RUNS = [
    Run(
        "baseline",
        {"estimator": "DummyClassifier", "parameters": {"random_state": seed}},
        Data("rows", "0" * 40),
    )
    for seed in range(3)
]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    made = RunStore(tmp_path / "runs")
    for seed, run in enumerate(RUNS):
        folder, _ = made.begin(run)
        if seed == 2:
            (folder / "model.safetensors").write_bytes(bytes(200_000))
        (folder / "predictions.safetensors").write_bytes(b"a class a row")
        made.finish(run, {"test_error": 0.1 * seed, "seconds": 0.25}, {"truezero": "0.1.0"})
    return made


def test_a_store_has_back_what_was_exported(store: RunStore, tmp_path: Path) -> None:
    assert export_runs(store, tmp_path / "kept") == (2, 1)
    files = exported_runs(tmp_path / "kept")
    assert [path.stem for path in files] == sorted(run.key for run in RUNS[:2])
    other = RunStore(tmp_path / "other")
    assert import_runs(other, files) == 2
    assert import_runs(other, files) == 0
    assert list(other) == [run for run in store if run[0] != RUNS[2].key]
    assert other.provenance(RUNS[0].key) == store.provenance(RUNS[0].key)
    assert other.files(RUNS[0].key)["predictions.safetensors"] == b"a class a row"
    assert not other.has(RUNS[2])  # what starts from its weights could not


def test_a_damaged_file_is_refused(store: RunStore, tmp_path: Path) -> None:
    export_runs(store, tmp_path / "kept")
    path = exported_runs(tmp_path / "kept")[0]
    content = path.read_text()
    for damaged, message in (
        (content.replace('"seconds":0.25', '"seconds":0.26'), "result.json does not have its digest"),
        (content[:-9], "is no run that was exported"),
        (
            content.replace('"predictions.safetensors":"', '"predictions.safetensors":"?'),
            "is no run that was exp",
        ),
        (
            content.replace('"predictions.safetensors":"eN', '"predictions.safetensors":"eM'),
            "is no run that was exp",
        ),
        ("{}", "is no run that was exported: it lacks"),
    ):
        path.write_text(damaged)
        other = RunStore(tmp_path / "other")
        with pytest.raises(DataError, match=message) as raised:
            import_runs(other, [path])
        assert str(raised.value).isprintable()
        assert list(other) == []


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"../../outside": packed(b"x")}, "no name of a file"),
        ({"result.json": packed(b"{}")}, "no name of a file"),
        ({"\x00": packed(b"x")}, "no name of a file"),
        ({"large": packed(bytes(100_001))}, "large is cut short, or too large"),
        ({"half": packed(bytes(50_001)), "other": packed(bytes(50_000))}, "other is cut short, or too large"),
        ({f"file-{number}": packed(b"") for number in range(21)}, "too many files"),
    ],
)
def test_a_forged_file_is_refused(
    store: RunStore, tmp_path: Path, files: dict[str, str], message: str
) -> None:
    export_runs(store, tmp_path / "kept")
    path = exported_runs(tmp_path / "kept")[0]
    path.write_text(json.dumps({**json.loads(path.read_text()), "files": files}))
    other = RunStore(tmp_path / "other")
    with pytest.raises(DataError, match=message) as raised:
        import_runs(other, [path])
    assert str(raised.value).isprintable()
    assert not other.folder.exists()


def test_a_file_of_another_name_is_refused(store: RunStore, tmp_path: Path) -> None:
    export_runs(store, tmp_path / "kept")
    path = exported_runs(tmp_path / "kept")[0]
    (tmp_path / "kept" / f"{'0' * 20}\n.json").write_text("{}")
    assert len(exported_runs(tmp_path / "kept")) == 2
    for name, message in (("results", "is not a run's key"), ("0" * 20, "does not have its digest")):
        moved = path.with_name(f"{name}.json")
        moved.write_text(path.read_text())
        with pytest.raises(DataError, match=rf"{name}\.json.*{message}"):
            import_runs(RunStore(tmp_path / "other"), [moved])


def test_files_that_fill_what_is_small_are_taken_in(tmp_path: Path) -> None:
    made = RunStore(tmp_path / "runs")
    folder, _ = made.begin(RUNS[0])
    (folder / "predictions.safetensors").write_bytes(bytes(100_000))
    made.finish(RUNS[0], {"test_error": 0.1, "seconds": 0.25}, {"truezero": "0.1.0"})
    assert export_runs(made, tmp_path / "kept") == (1, 0)
    assert import_runs(RunStore(tmp_path / "other"), exported_runs(tmp_path / "kept")) == 1


def test_a_run_without_description_is_not_merged(store: RunStore, tmp_path: Path) -> None:
    (store.place(RUNS[0]) / "run.json").unlink()  # as of versions that wrote none
    assert RunStore(tmp_path / "other").merge(store) == 2


def test_the_commands(store: RunStore, tmp_path: Path) -> None:
    assert succeeded("runs", "export", "runs", "kept", folder=tmp_path) == {"written": 2, "left_out": 1}
    assert "2 runs written; 1 " in truezero("runs", "export", "runs", "kept", folder=tmp_path).stdout
    assert succeeded("runs", "merge", "other", "kept", folder=tmp_path) == {"copied": 2}
    assert len(succeeded("runs", "list", "other", folder=tmp_path)["runs"]) == 2
    (tmp_path / "nothing").mkdir()
    assert succeeded("runs", "merge", "other", "nothing", folder=tmp_path) == {"copied": 0}
    assert json.loads(next((tmp_path / "kept").glob("*.json")).read_text()).keys() >= {
        "run.json",
        "result.json",
    }
