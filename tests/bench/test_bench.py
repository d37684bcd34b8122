"""Benchmarks: that they do the same work, count right, and show what they found. Nothing here is timed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peers import require_torch
from typer.testing import CliRunner

from truezero import bench
from truezero.bench import bags as bags_
from truezero.bench import busy as busy_
from truezero.bench import density as density_
from truezero.bench import peers as peers_
from truezero.bench import rows as rows_
from truezero.bench import text as text_
from truezero.bench import timing as timing_
from truezero.bench import torch_autoencoder as torch_autoencoder_
from truezero.bench import traffic as traffic_
from truezero.bench.topics import topic_rows
from truezero.cli.app import app
from truezero.core.autoencoder import initialize_autoencoder
from truezero.core.corruption import Corruption
from truezero.core.initial import initialize
from truezero.datasets import Dataset, load_dataset
from truezero.engines import AutoencoderSettings, Features, Unlabeled, get_engine
from truezero.errors import DataError, DivergenceError, OptionError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses, and as little work as there can be."""
    monkeypatch.setattr(timing_, "_PAUSE", 0)
    monkeypatch.setattr(density_, "_WORK", 0)
    monkeypatch.setattr(timing_, "_WARM_UP", 0)
    monkeypatch.setattr(timing_, "_AT_LEAST", 0)
    monkeypatch.setattr(text_, "_PEER_STEPS", 2)
    monkeypatch.setattr(text_, "_SKLEARN_STEPS", 2)
    monkeypatch.setattr(peers_, "TORCH_VARIANTS", ("torch eager", "torch foreach", "torch fused"))
    monkeypatch.setattr(bags_, "_STEPS", 4)
    monkeypatch.setattr(bags_, "_PEER_STEPS", 3)
    monkeypatch.setattr(bags_, "_SEEDS", (0, 1))


def test_contestants_take_turns() -> None:
    turns: list[str] = []

    def contestant(name: str, seconds: float) -> timing_.Contestant:
        def run() -> float:
            turns.append(name)
            return seconds

        return run

    contestants = {"truezero": contestant("truezero", 1), "a": contestant("a", 4), "b": contestant("b", 3)}
    seconds = timing_.interleave(contestants, 2, lambda note: None)
    assert turns == ["truezero", "a", "b"] * 2
    assert timing_.ratio(seconds, "truezero", ["a", "b", "not there"]) == (3, [3, 3])
    assert timing_.ratio(seconds, "truezero", ["not there"]) == (None, None)
    assert timing_.milliseconds(seconds)["a"] == {"median": 4000, "least": 4000, "greatest": 4000}


def test_threads_are_tried() -> None:
    tried: list[int] = []

    def make(n: int) -> timing_.Contestant:
        tried.append(n)
        return lambda: abs(n - 2) + 1.0

    assert timing_.best_threads(make, 6, lambda note: None, "")[0] == 2
    assert tried == [1, 2, 4, 6]


def test_traffic_floor_counts_touched_rows() -> None:
    network = initialize((30, 20, 4), seed=1)
    X = np.where(np.random.default_rng(2).random((40, 30)) < 0.1, 1, 0).astype(np.float32)
    h = np.maximum(X @ network.weights[0], 0)
    floor = traffic_.traffic_floor(network, X, np.arange(40), {"read": 2.0, "rewrite": 4.0}, batch_size=10)
    touched = [np.mean([a[s : s + 10].any(axis=0).sum() for s in range(0, 40, 10)]) for a in (X, h)]
    assert floor["rows_touched"] == pytest.approx(touched)
    n_bytes = 4 * (touched[0] * 20 + touched[1] * 4)
    assert floor["bytes_read"] == pytest.approx(n_bytes)
    assert floor["bytes_rewritten"] == pytest.approx(2 * n_bytes)
    assert floor["milliseconds"] == pytest.approx(1e3 * (n_bytes / 2e9 + 2 * n_bytes / 4e9))


def test_network_with_zeros() -> None:
    network, rows, density = rows_.network_with_zeros(40, 0.8, n_rows=3000)
    evaluation = get_engine("native").evaluate(network, Features(rows), n_threads=1)
    assert evaluation.sparsity == pytest.approx((0.8,) * 3, abs=0.03)
    assert evaluation.dead_units == (0, 0, 0)
    sizes = [w.size for w in network.weights]
    assert density == pytest.approx((0.19 * sizes[0] + 0.2 * sum(sizes[1:])) / sum(sizes), abs=0.01)
    assert not network.weights[0].flags.writeable


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers_, "torch_installed", lambda: False)
    digits = load_dataset("digits")
    for run in (bench.bench_predict, bench.bench_text):
        with pytest.raises(OptionError, match="needs PyTorch"):
            run()
    for train in (bench.bench_train, bench.bench_busy, bench.bench_error, bench.bench_pretrain):
        with pytest.raises(OptionError, match="needs PyTorch"):
            train(digits)
    result = bench.bench_density(widths=(16,), densities=(0.2,), batch_sizes=(10,), rounds=1, n_threads=1)
    assert list(result["cells"][0]["milliseconds_per_step"]) == ["sparse", "dense"]
    assert result["cells"][0]["ratio"] is None


@pytest.mark.filterwarnings(
    "ignore:os.fork:RuntimeWarning"
)  # JAX's, where it is installed: torch.compile forks
def test_against_pytorch(tmp_path: Path) -> None:
    require_torch()
    digits = load_dataset("digits")
    results = [
        bench.bench_train(digits, hidden_layer_sizes=(30, 20), epochs=1, steps=10, rounds=1, n_threads=1),
        bench.bench_error(digits, hidden_layer_sizes=(60,), targets=(0.5, 0.3), max_iter=3, n_threads=1),
        bench.bench_predict(widths=(24,), zeros=(0.5,), batch_sizes=(1, 40), rounds=1, n_threads=1),
        bench.bench_text(
            features=(300,),
            densities=(0.02,),
            hidden_layer_sizes=(20, 20),
            n_rows=40,
            bag_features=0,
            rounds=1,
            n_threads=1,
        ),
    ]
    train, error, predict, text = results
    assert set(train["disagreement"]) == {"torch eager", "torch foreach", "torch fused", "torch by hand"}
    assert max(train["disagreement"].values()) < 1e-3
    assert error["targets"][-1]["truezero"]["selected_test_error"] <= 0.3
    assert all(cell["largest_difference"] < 1e-4 for cell in predict["cells"])
    assert text["shapes"][0]["embedding_bag_ratio"] > 0
    for result in results:
        assert json.loads(json.dumps(result)) == result
        assert bench.BENCHMARKS[result["benchmark"]].figure(result).axes


def test_beside_busy_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    require_torch()
    note = tmp_path / "started"
    monkeypatch.setattr(busy_, "_BUSY", ["sh", "-c", f"echo $$ >> {note}; exec sleep 60"])
    result = bench.bench_busy(
        load_dataset("digits"),
        hidden_layer_sizes=(30,),
        epochs=1,
        steps=10,
        rounds=1,
        busy=(0, 2),
        n_threads=2,
    )
    assert [cell["busy"] for cell in result["cells"]] == [0, 2]
    ours = ["truezero, 1 thread", "truezero", "truezero, 3 threads", "truezero, 8 threads"]
    assert [name for name in result["cells"][1]["milliseconds_per_step"] if name in ours] == ours
    assert result["cells"][1]["ratio"] > 0
    left = [int(number) for number in note.read_text().split()]
    assert len(left) == 2
    for process in left:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert json.loads(json.dumps(result)) == result
    assert bench.BENCHMARKS["busy"].figure(result).axes
    assert "2 busy processes" in bench.BENCHMARKS["busy"].page(result)


def test_pretraining_against_pytorch() -> None:
    require_torch()
    result = bench.bench_pretrain(
        load_dataset("digits"), hidden_layer_sizes=(30, 20), l1_activation=(0.0, 1e-3, 1e6), epochs=2, steps=100,
        rounds=1, n_threads=2,
    )  # fmt: skip
    assert json.loads(json.dumps(result)) == result
    assert len(bench.BENCHMARKS[result["benchmark"]].figure(result).axes) == 2
    assert [layer["sizes"] for layer in result["layers"]] == [[64, 30, 64], [30, 20, 30]]
    for layer in result["layers"]:
        assert set(layer["disagreement"]) == {"torch eager", "torch foreach", "torch fused"}
        assert max(layer["disagreement"].values()) < 1e-3
        assert layer["left_out"] == {}
        *trained, dead = layer["l1_by_error"]
        assert "diverged" in dead["failed"]
        assert dead["reconstruction_error"] is None
        best = min(trained, key=lambda line: line["reconstruction_error"])
        for key in ("l1_activation", "reconstruction_error", "sparsity"):
            assert layer[key] == best[key]
        assert set(layer["milliseconds_per_step"]) == set(layer["n_threads"])
        assert len(layer["floor"]["rows_touched"]) == 2
    assert result["ratio"] == min(layer["ratio"] for layer in result["layers"])


def test_bags_against_pytorch() -> None:
    require_torch()
    result = bench.bench_text(
        features=(300,), densities=(0.02,), hidden_layer_sizes=(20,), n_rows=60, bag_features=200, epochs=1, rounds=1,
        n_threads=2,
    )  # fmt: skip
    assert json.loads(json.dumps(result)) == result
    assert len(bench.BENCHMARKS["text"].figure(result).axes) == 3
    bags = result["bags"]
    everybody = {"torch eager", "torch foreach", "torch fused", "torch, embedding bag"}
    for part in (bags, bags["fine_tuning"]):
        assert max(part["disagreement"].values()) < 1e-3
        assert set(part["disagreement"]) == everybody
        assert set(part["milliseconds_per_step"]) >= {*everybody, "truezero"}
    sampled, every = (np.array(bags["reconstruction_error"][name]) for name in ("sampled", "all"))
    assert bags["error_ratio"] == pytest.approx((sampled / every).mean())
    assert bags["inputs_per_step"] < bags["outputs_per_step"] < 200
    assert bags["fine_tuning"]["network"] == [200, 200, 200, 200, 5]
    assert all(0 < zeros < 1 for zeros in bags["fine_tuning"]["sparsity"])


def test_pretraining_needs_rows_to_choose_by() -> None:
    require_torch()
    digits = load_dataset("digits")
    alone = Dataset("alone", digits.X_train, digits.y_train)
    with pytest.raises(OptionError, match="alone has no validation rows"):
        bench.bench_pretrain(alone)
    with pytest.raises(OptionError, match="at least one l1_activation"):
        bench.bench_pretrain(digits, l1_activation=())
    with pytest.raises(DivergenceError, match="diverged"):
        bench.bench_pretrain(digits, hidden_layer_sizes=(30,), l1_activation=(1e6,), epochs=1)
    with pytest.raises(OptionError, match="sampling must be"):
        bench.bench_text(rounds=1, n_threads=1, sampling=2.0)


def test_topics_can_be_learned() -> None:
    X = topic_rows(2000, 300, 0.03, seed=3)
    assert X.shape == (2000, 300)
    assert X.dtype == np.float32
    assert set(X.data) == {1}
    assert X.nnz / 2000 / 300 == pytest.approx(0.03, rel=0.05)
    assert (topic_rows(2000, 300, 0.03, seed=3) != X).nnz == 0
    # Words of a topic occur together more often than by chance.
    frequency = np.asarray(X.mean(axis=0)).ravel()
    together = (X.T @ X).toarray() / 2000
    often = frequency > 0.03
    lift = (together / np.maximum(np.outer(frequency, frequency), 1e-9))[np.ix_(often, often)]
    assert lift[~np.eye(len(lift), dtype=bool)].max() > 3
    rows, held_out = (Unlabeled(Features(part), np.arange(part.shape[0])) for part in (X[:1500], X[1500:]))
    p = (np.asarray(X[:1500].sum(axis=0)).ravel() + 0.5) / 1501
    clean = held_out.features.X.toarray()
    cost = -(clean * np.log(p) + (1 - clean) * np.log1p(-p)).sum(axis=1).mean()
    assert bags_._error_of_frequencies(rows, held_out) == pytest.approx(cost, rel=1e-5)


@pytest.mark.parametrize("sparse_rows", [False, True])
def test_pytorch_gets_the_noise_that_ours_makes(sparse_rows: bool) -> None:
    X: Any = topic_rows(12, 50, 0.1)
    ids = np.arange(100, 112)
    settings = AutoencoderSettings(0.1, 5, corruption=Corruption("salt-and-pepper", (0.5, 0.1)))
    rows = Unlabeled(Features(X if sparse_rows else X.toarray()), ids)
    order = np.array([3, 1, 4, 11, 5, 9, 2])
    noisy = torch_autoencoder_.noisy_batches(rows, order, settings, layer=1, epoch=4, seed=6)
    assert [len(clean) for _, clean in noisy] == [5, 2]
    clean = np.concatenate([clean for _, clean in noisy])
    assert np.array_equal(clean, X.toarray()[order])
    wanted = settings.corruption.apply(clean, ids[order], layer=1, epoch=4, seed=6)
    assert np.array_equal(np.concatenate([corrupted for corrupted, _ in noisy]), wanted)


def test_a_reconstruction_that_is_not_written_for_pytorch() -> None:
    require_torch()
    other = initialize_autoencoder(5, 4, reconstruction="linear-quadratic")
    with pytest.raises(OptionError, match="not timed with the reconstruction 'linear-quadratic'"):
        torch_autoencoder_.TorchAutoencoder(other, "torch eager", AutoencoderSettings(0.1, 10))


def test_another_library_s_weights_are_compared() -> None:
    require_torch()
    network = initialize((6, 5, 3), seed=1)
    model = peers_.TorchTraining(network, "torch eager", learning_rate=0.5, l1=0.0, n_threads=1)
    X, classes = np.random.default_rng(0).random((20, 6)).astype(np.float32), np.arange(20) % 3
    model.train(peers_.torch_batches(X, classes, np.arange(20), 10))
    assert peers_.disagreement(network, model.weights(), initialize((6, 5, 3), seed=2)) > 0.001


def test_numbers_out_of_range() -> None:
    require_torch()
    for wrong in ({"batch_sizes": (8192,)}, {"batch_sizes": (0,)}, {"zeros": (1.5,)}, {"widths": (0,)}):
        with pytest.raises(OptionError, match="must be"):
            bench.bench_predict(**wrong)
    with pytest.raises(OptionError, match="target errors must fall"):
        bench.bench_error(load_dataset("digits"), targets=(0.1, 0.2))


def test_a_file_that_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    done = CliRunner().invoke(app, ["bench", "page", str(tmp_path), "--out", str(tmp_path / "page.md")])
    assert "is not the result of a benchmark" in str(done.exception)


def test_command_line(tmp_path: Path) -> None:
    arguments = [
        "bench",
        "density",
        "--widths",
        "16",
        "--batch-sizes",
        "10",
        "--rounds",
        "1",
        "--n-threads",
        "1",
    ]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json.loads((tmp_path / "density.json").read_text())
    assert (tmp_path / "density.png").stat().st_size > 1000


def test_pretraining_on_the_command_line(tmp_path: Path) -> None:
    require_torch()
    arguments = [
        "bench", "pretrain", "--data", "digits", "--hidden-layer-sizes", "12", "--l1-activation", "0,1e6", "--epochs",
        "1", "--steps", "5", "--rounds", "1", "--n-threads", "1",
    ]  # fmt: skip
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert json.loads((tmp_path / "pretrain.json").read_text())["layers"][0]["sizes"] == [64, 12, 64]
    assert (tmp_path / "pretrain.png").stat().st_size > 1000
    for shown in (
        "λ by its error",
        "failed",
        "zeros, %",
        "PyTorch's best / truezero",
    ):
        assert shown in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["pretrain", "--data", "digits", "--l1-activation", "low"],
            "--l1-activation must be numbers and commas",
        ),
        (["train", "--data", "digits", "--activation", "swish"], "must be rectifier, tanh or softplus"),
        (["train", "--data", "digits", "--hidden-layer-sizes", "10,x"], "must be whole numbers and commas"),
        (["predict", "--zeros", "half"], "--zeros must be numbers and commas"),
        (["density", "--batch-sizes", "0"], "widths and batch sizes must be at least 1"),
        (["page", ".", "--out", "page.md"], "holds no results"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    error = CliRunner().invoke(app, ["bench", *arguments]).exception
    assert isinstance(error, OptionError | DataError)
    assert message in str(error)
