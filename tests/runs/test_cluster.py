"""Runs on a Dask cluster: the same results, whoever dies meanwhile."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dask_cluster import DaskCluster
from sklearn.datasets import load_digits
from sweep import KILLS, kill_sweep, left, note_finished, start_sweep, steady, study, wait_for

from truezero.datasets import Dataset, load_dataset
from truezero.errors import OptionError
from truezero.runs import Data, IncompleteError, Progress, Run, RunStore, carry_out
from truezero.runs.cluster import Cluster

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'truezero[dask]'")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("digits")


@pytest.fixture
def dask() -> Iterator[DaskCluster]:
    with DaskCluster() as started:
        yield started


def runs_on(dataset: Dataset, n: int, epochs: int = 2) -> list[Run]:
    """A layer, networks on top of it, and networks without."""
    data = Data(dataset.name, dataset.fingerprint)
    layer = Run("pretrain-layer", {"hidden_layer_sizes": 20, "max_iter": 1, "random_state": 1}, data)
    options: dict[str, Any] = {"hidden_layer_sizes": [20], "max_iter": epochs, "n_iter_no_change": None}
    return [
        Run("fine-tune", {**options, "random_state": 1 if i % 4 == 0 else i}, data, (layer,) * (i % 4 == 0))
        for i in range(n)
    ]


def test_the_cluster_finds_what_one_process_finds(
    dask: DaskCluster, dataset: Dataset, tmp_path: Path
) -> None:
    runs = runs_on(dataset, 6)
    alone = carry_out(study(runs), RunStore(tmp_path / "alone"), [dataset], n_threads=1)
    cluster = Cluster(dask.address)
    seen: list[tuple[int, int]] = []

    def note(progress: Progress) -> None:
        seen.append((progress.done, progress.left))

    store = RunStore(tmp_path / "here")
    found = carry_out(study(runs), store, [dataset], executor=cluster, on_progress=note)
    assert steady(found) == steady(alone)
    assert seen[-1] == (6, 0)  # two of those asked for are the same
    assert store.unfinished() == []
    again = carry_out(study(runs), store, [dataset], executor=cluster)
    assert json.dumps(again) == json.dumps(found)  # nothing was done twice: the seconds are the same
    cluster.close()


def test_a_failed_run_stops_no_other(dask: DaskCluster, dataset: Dataset, tmp_path: Path) -> None:
    runs = runs_on(dataset, 3)
    data = Data(dataset.name, dataset.fingerprint)
    bad = Run("baseline", {"estimator": "LinearSVC", "parameters": {"C": -1.0, "random_state": 0}}, data)
    cluster = Cluster(dask.address)
    last: list[Progress] = []
    with pytest.raises(IncompleteError, match="1 of 4 runs have no result; the first failure: .*C") as raised:
        carry_out(
            study([bad, *runs]), RunStore(tmp_path), [dataset], executor=cluster, on_progress=last.append
        )
    assert all(found is not None for found in raised.value.results[1:])
    assert (last[-1].failed, last[-1].left) == (1, 0)
    assert bad.key in last[-1].failure
    assert any("the worker on" in note for note in raised.value.failures[0].__notes__)
    cluster.close()


def test_sweep_workers_and_scheduler_are_killed(dask: DaskCluster, tmp_path: Path) -> None:
    """Again and again, at random moments: each run once, and the same bits."""
    n, drawn, store = 6 * KILLS, random.Random(KILLS), RunStore(tmp_path / "killed")
    where = f"dask={dask.address}"
    finished: dict[Path, int] = {}
    process = start_sweep(store, n, where)
    for number in range(KILLS):
        wait_for(store, len(finished) + 1, process)
        time.sleep(drawn.uniform(0.0, 1.0))
        if number % 3 == 0:
            dask.kill(dask.workers.pop(0))
            dask.start_worker()
        elif number % 3 == 1:
            dask.kill(dask.scheduler)
            while dask.workers:
                dask.kill(dask.workers.pop())  # they end anyway, as they have lost it
            dask.start_scheduler()
            dask.start_worker()
            dask.start_worker()
        else:
            kill_sweep(process)
            process = start_sweep(store, n, where)
        finished = note_finished(store, finished)
    assert process.wait(300) == 0
    assert len(note_finished(store, finished)) == n + 1  # and the layer
    undisturbed = RunStore(tmp_path / "undisturbed")
    assert start_sweep(undisturbed, n, "serial").wait(300) == 0
    assert left(store) == left(undisturbed)


def test_workers_read_named_data_themselves(dask: DaskCluster, dataset: Dataset, tmp_path: Path) -> None:
    runs = runs_on(dataset, 2)[1:]
    cluster = Cluster(dask.address, data_dir=str(tmp_path))
    assert carry_out(study(runs), RunStore(tmp_path / "a"), [dataset], executor=cluster)
    X, y = load_digits(return_X_y=True)
    other = tmp_path / "mine.npz"
    np.savez(other, X=X[:100], y=y[:100])
    mine = load_dataset(other)
    runs = [Run("fine-tune", {"max_iter": 1, "random_state": 0}, Data(mine.name, mine.fingerprint))]
    assert carry_out(study(runs), RunStore(tmp_path / "b"), [mine], executor=cluster)
    np.savez(other, X=X[:90], y=y[:90])
    runs = [Run("fine-tune", {"max_iter": 1, "random_state": 1}, Data("mine.npz", "0" * 64))]
    with pytest.raises(IncompleteError, match="has other rows than the sweep's"):
        carry_out(study(runs), RunStore(tmp_path / "b"), [mine], executor=cluster)
    cluster.close()


def test_a_scheduler_that_is_not_there(dataset: Dataset, tmp_path: Path) -> None:
    for address in ("tcp://127.0.0.1:1", "nonsense", "tcp://127.0.0.1"):
        with pytest.raises(OptionError, match="no Dask scheduler answers at"):
            Cluster(address)


def test_a_scheduler_that_goes_away_for_good(dataset: Dataset, tmp_path: Path) -> None:
    with DaskCluster(1) as dask:
        cluster = Cluster(dask.address)
        store = RunStore(tmp_path)
        kept = runs_on(dataset, 3)[1:]
        carry_out(study(kept), store, [dataset], executor=cluster)
        cluster.patience = 2
        dask.kill(dask.scheduler)
        with pytest.raises(OptionError, match="went away.*what is finished is kept"):
            carry_out(study(runs_on(dataset, 6)), store, [dataset], executor=cluster)
        assert all(map(store.has, kept))
