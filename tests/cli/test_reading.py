"""How files are read: what options say, else what the model knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commandline import succeeded, truezero

SMALL = ("--hidden-layer-sizes", "8", "--max-iter", "5")


def write_svmlight(path: Path, X: np.ndarray, y: np.ndarray, base: int) -> None:
    path.write_text(
        "".join(
            f"{label} " + " ".join(f"{j + base}:{row[j]:g}" for j in row.nonzero()[0]) + "\n"
            for label, row in zip(y, X, strict=True)
        )
    )


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).integers(0, 3, (80, 6)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("base", [0, 1])
def test_the_model_knows_base_and_width(
    base: int, rows: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    X, y = rows
    write_svmlight(tmp_path / "train.svm", X, y, base)
    succeeded("train", "train.svm", "--out", "m", *SMALL, folder=tmp_path)
    whole = succeeded("predict", "m", "train.svm", folder=tmp_path)["predictions"]
    # Neither the width of these rows nor how they are counted is to be seen.
    few = X.copy()
    few[:, 0] = few[:, 3:] = 0
    write_svmlight(tmp_path / "few.svm", few, y, base)
    np.savez(tmp_path / "few.npz", X=few)
    predicted = [
        succeeded("predict", "m", name, folder=tmp_path)["predictions"] for name in ("few.svm", "few.npz")
    ]
    assert predicted[0] == predicted[1]
    assert len(whole) == 80
    other = "--one-based" if base == 0 else "--zero-based"
    ended = truezero("inspect", "m", "few.svm", other, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    ended = truezero("predict", "m", "train.svm", "--n-features", "9", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1


def test_options_reach_the_reader(rows: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    X, y = rows
    write_svmlight(tmp_path / "train.svm", X, y, 1)
    for options, width in (((), 6), (("--zero-based",), 7), (("--n-features", "11"), 11)):
        succeeded("train", "train.svm", "--out", "m", *SMALL, *options, folder=tmp_path)
        assert succeeded("inspect", "m", folder=tmp_path)["layer_sizes"][0] == width


def test_a_guess_is_said(rows: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    X, y = rows
    for base in (0, 1):
        write_svmlight(tmp_path / "train.svm", X, y, base)
        ended = truezero("train", "train.svm", "--out", "m", *SMALL, folder=tmp_path)
        assert ("counting features from 1" in ended.stderr) == (base == 1)
        ended = truezero("train", "train.svm", "--out", "m", *SMALL, "--zero-based", folder=tmp_path)
        assert "counting features" not in ended.stderr


def test_labels_in_another_file(rows: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    X, y = rows
    np.savez(tmp_path / "rows.npz", X=X)
    np.save(tmp_path / "y.npy", y)
    assert truezero("train", "rows.npz", "--out", "m", folder=tmp_path).returncode == 2
    trained = succeeded("train", "rows.npz", "--target", "y.npy", "--out", "m", *SMALL, folder=tmp_path)
    assert trained["n_train"] + trained["n_validation"] == 80
    measured = succeeded("inspect", "m", "rows.npz", "--target", "y.npy", folder=tmp_path)
    predicted = succeeded("predict", "m", "rows.npz", folder=tmp_path)["predictions"]
    assert measured["test_error"] == pytest.approx(np.mean(np.array(predicted) != y))


def test_unlabelled_rows_are_read_as_those_with_labels(
    rows: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    X, y = rows
    write_svmlight(tmp_path / "train.svm", X, y, 0)
    X[:, 0] = X[:, 4:] = 0
    write_svmlight(tmp_path / "more.svm", X, y, 0)
    result = succeeded(
        "train", "train.svm", "--unlabeled", "more.svm", "--pretrain", "--pretrain-max-iter", "1", "--out", "m",
        *SMALL, folder=tmp_path,
    )  # fmt: skip
    assert result["pretraining"]["n_unlabeled"] == 80
