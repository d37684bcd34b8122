"""What a training is given of a data set: its rows, or a stream of those that are made anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import current_process
from typing import Any

from numpy.typing import NDArray

from truezero.core.rows import Examples, Features
from truezero.datasets import Dataset
from truezero.engines import resolve_threads
from truezero.engines.cores import available_cores
from truezero.training import Stream


@contextmanager
def training_rows(
    dataset: Dataset, n_threads: int | None, *, unlabeled: bool = False
) -> Iterator[tuple[Features | Stream[Examples], NDArray[Any] | None]]:
    """Give X and y for a fit in the block.

    Rows that are new in every epoch come as a stream, which has its targets with it. Processes that end with
    the block make them ahead, one for every two threads of the training: to make a row of NISTP takes a third
    of the time that a network of 3 × 1000 units learns from it in. With one thread this process makes them.

    Parameters
    ----------
    dataset : Dataset
    n_threads : int or None
        Of the training.
    unlabeled : bool, default=False
        Rows without labels as well, which have no targets.
    """
    if dataset.endless is None:
        rows = (
            (dataset.rows_to_pretrain(), None) if unlabeled else (dataset.features("train"), dataset.y_train)
        )
        yield rows
        return
    n_processes = min(resolve_threads(n_threads), available_cores()) // 2
    if current_process().daemon:  # which may have no processes of its own; Dask's workers are such
        n_processes = 0
    with dataset.endless.ahead(n_processes) as epochs:
        yield Stream(epochs), None
