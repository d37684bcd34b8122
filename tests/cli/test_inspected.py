"""`truezero inspect MODEL DATA`: the table of layers; with --out, pictures and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from by_hand import drawn
from commandline import succeeded, truezero
from PIL import Image
from reviews import reviews
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, StackedDenoisingAutoencoder, load, save
from truezero.analysis import active_overlap, active_units, linear_probe, regions
from truezero.core.rows import Features

PICTURES = ["units", "overlap", "probe", "regions", "paths", "balance"]
X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inspected")
    options: Any = {"hidden_layer_sizes": (9, 6), "max_iter": 3, "random_state": 0}
    save(DeepRectifierClassifier(**options).fit(X, Y), made / "m")
    save(DeepRectifierClassifier(activation="tanh", **options).fit(X, Y), made / "tanh")
    pipeline = make_pipeline(StandardScaler(), DeepRectifierRegressor(**options))
    save(pipeline.fit(X, X[:, 0] * 2), made / "regression")
    np.savez(made / "rows.npz", X=X, y=Y)
    np.savez(made / "unlabeled.npz", X=X)
    return made


def drawn_by(folder: Path, model: str, data: str, *more: str) -> tuple[Any, str]:
    """What a command writes as JSON, and what it shows people."""
    ended = truezero("inspect", model, data, "--out", f"of {model} {data}", *more, folder=folder)
    assert ended.returncode == 0, ended.stderr
    return json.loads((folder / f"of {model} {data}" / "inspect.json").read_text()), ended.stdout


def test_the_layers_are_told_of_with_data(folder: Path) -> None:
    found = succeeded("inspect", "m", "rows.npz", folder=folder)
    units = active_units(load(folder / "m"), X)
    assert [layer["units"] for layer in found["layers"]] == [9, 6]
    for number, layer in enumerate(found["layers"]):
        counts = np.sort(units.counts[:, number])
        assert layer["sparsity"] == pytest.approx(found["sparsity"]["layers"][number])
        assert layer["dead_units"] == found["dead_units"][number] == len(units.dead[number])
        assert layer["always_on_units"] == len(units.always_on[number])
        assert layer["lifetime_sparsity"] == pytest.approx(np.nanmean(units.lifetime[number]))
        assert layer["population_sparsity"] == pytest.approx(np.nanmean(units.population[:, number]))
        assert layer["active_units"]["least"] == counts[0]
        assert layer["active_units"]["most"] == counts[-1]
        for name, share in (("5 %", 0.05), ("median", 0.5), ("95 %", 0.95)):
            assert layer["active_units"][name] == np.quantile(counts, share, method="nearest")
    shown = truezero("inspect", "m", "rows.npz", folder=folder).stdout
    assert "always on" in shown
    assert "layer 0" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "layers" not in succeeded("inspect", "m", folder=folder)


def test_pictures_and_json_of_what_the_library_says(folder: Path) -> None:
    result = succeeded("inspect", "m", "rows.npz", "--out", "new/out", "--beside", "tanh", folder=folder)
    out = folder / "new" / "out"
    assert result["figures"] == [f"{name}.png" for name in PICTURES]
    assert sorted(path.name for path in out.iterdir()) == sorted([*result["figures"], "inspect.json"])
    for name in result["figures"]:
        with Image.open(out / name) as image:
            assert image.format == "PNG"
            assert 500 < image.size[0] < 900
    assert json.loads((out / "inspect.json").read_text()) == result
    model, tanh = load(folder / "m"), load(folder / "tanh")
    for found, one in ((result, model), (result["beside"], tanh)):
        overlap, probe = active_overlap(one, X), linear_probe(one, X, Y)
        np.testing.assert_allclose(found["overlap"]["kept"], overlap.kept)
        np.testing.assert_allclose(found["overlap"]["changed"], overlap.changed)
        assert found["probe"]["errors"] == list(probe.errors)
    assert result["beside"]["model"] == "tanh"
    assert result["regions"]["n_regions"] == regions(model, X).n_regions
    paths = result["paths"]
    assert paths["output"] == model.network_(X[:1])[0].argmax()
    assert len(paths["strongest"]) == min(12, paths["active"])
    assert np.prod(result["balancing_factors"]) == 1


def test_a_pipeline_of_numbers(folder: Path) -> None:
    np.savez(folder / "numbers.npz", X=X, y=X[:, 0] * 2)
    result, shown = drawn_by(folder, "regression", "numbers.npz")
    assert result["probe"]["error_unit"] == "squared units of y"
    assert result["probe"]["errors"][0] < 1e-6
    assert "linear probe" in shown
    assert f"{result['regions']['n_regions']} of 60 rows" in shown
    assert "beside" not in result


def test_rows_without_a_label_and_a_single_one(folder: Path) -> None:
    without, shown = drawn_by(folder, "m", "unlabeled.npz")
    assert without["probe"] is None
    assert "linear probe" not in shown
    assert without["figures"] == [f"{name}.png" for name in PICTURES if name != "probe"]
    np.savez(folder / "few.npz", X=X[:1], y=Y[:1])
    one, shown = drawn_by(folder, "m", "few.npz")
    assert (one["probe"], one["overlap"]["apart"]) == (None, [None, None])
    assert one["layers"][0]["lifetime_sparsity"] is None
    assert "—" in shown


def test_networks_and_stacks_of_other_units(folder: Path) -> None:
    save(drawn((5, 4, 3, 2), ("tanh", "rectifier")), folder / "mixed")
    mixed, _ = drawn_by(folder, "mixed", "rows.npz")
    assert mixed["figures"] == ["units.png", "overlap.png", "probe.png"]
    assert not {"regions", "paths", "weight_norms"} & set(mixed)
    words, _ = reviews(60, 30)
    save(StackedDenoisingAutoencoder((6, 5), max_iter=1, random_state=0).fit(words), folder / "stack")
    sparse.save_npz(folder / "words.npz", sparse.csr_matrix(words))
    stack, _ = drawn_by(folder, "stack", "words.npz")
    assert stack["overlap"]["corruption"] == "masking"
    wanted = active_overlap(load(folder / "stack"), Features(words))
    np.testing.assert_allclose(stack["overlap"]["kept"], wanted.kept)


def test_mistakes(folder: Path) -> None:
    save(drawn((5, 2), ()), folder / "flat")
    (folder / "file").write_text("")
    for arguments, said in (
        (("m", "--out", "o"), "--out needs DATA"),
        (("m", "rows.npz", "--beside", "tanh"), "--beside needs --out"),
        (("nowhere", "rows.npz", "--out", "file"), "cannot write into the folder"),
        (("flat", "rows.npz", "--out", "o"), "has no hidden layer"),
        (("m", "rows.npz", "--out", "o", "--beside", "nowhere"), "nowhere"),
    ):
        ended = truezero("inspect", *arguments, folder=folder)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
        assert said in ended.stderr
    assert not (folder / "o").exists()
    assert "layers" not in succeeded("inspect", "flat", "rows.npz", folder=folder)
