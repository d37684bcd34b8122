"""Networks from NNet files, a text format of Stanford's (Julian, 2016)."""

from __future__ import annotations

import itertools
import os

import numpy as np
from numpy.typing import DTypeLike, NDArray

from truezero.core.network import Network
from truezero.core.text import printable
from truezero.errors import ModelFileError
from truezero.interchange.chain import Chain, Imported
from truezero.interchange.files import read_bytes, reading

_MOST_LAYERS = 10_000


def read_nnet(path: str | os.PathLike[str], dtype: DTypeLike | None = None) -> Imported:
    """Read a NNet file; see `Network.from_nnet`.

    Parameters
    ----------
    path : path-like
    dtype : {"float32", "float64"}, optional
        float32, if none is given.

    Returns
    -------
    Imported
        Without classes.

    Raises
    ------
    ModelFileError
        If the file is missing or damaged.
    """
    with reading(path) as file:
        content = read_bytes(file)
        try:
            lines = content.decode("ascii").splitlines()
        except UnicodeDecodeError as error:
            raise ModelFileError(f"is no NNet file: {error}") from error
        del content
        return Imported(_network(lines, dtype))


def _network(lines: list[str], dtype: DTypeLike | None) -> Network:
    filled = (line for line in lines if line.strip() and not line.startswith("//"))

    def numbers(what: str, count: int | None = None, least: int = 0) -> NDArray[np.float64]:
        line = next(filled, None)
        if line is None:
            raise ModelFileError(f"ends before {what}")
        try:
            found = np.array([word for word in line.split(",") if word.strip()], np.float64)
        except ValueError as error:
            raise ModelFileError(f"{what} are no numbers: {printable(error, 80)}") from error
        if len(found) < least or (count is not None and len(found) != count):
            raise ModelFileError(
                f"has {len(found)} numbers for {what}, not {least if count is None else count}"
            )
        return found

    n_layers = numbers("the number of layers", least=3)[0]
    if not 1 <= n_layers <= _MOST_LAYERS or n_layers != int(n_layers):
        raise ModelFileError(f"cannot have {n_layers:g} layers")
    given = numbers("the sizes of layers", int(n_layers) + 1)
    if not ((given >= 1) & (given == np.floor(given)) & (given < 2**31)).all():
        raise ModelFileError("the sizes of layers must be whole numbers above 0")
    sizes = [int(size) for size in given]
    numbers("the flag")  # without a meaning since long
    numbers("the least inputs", sizes[0])
    numbers("the greatest inputs", sizes[0])
    means = numbers("the means", sizes[0] + 1)
    ranges = numbers("the ranges", sizes[0] + 1)
    if (ranges == 0).any():
        raise ModelFileError("a range of the input is 0")
    chain = Chain()
    if means[:-1].any():
        chain.scaled(shift=-means[:-1])
    chain.scaled(1 / ranges[:-1])
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        of = f"of layer {layer}"
        rows = [numbers(f"the weights {of}", n_in) for _ in range(n_out)]
        biases = [numbers(f"the biases {of}", 1) for _ in range(n_out)]
        chain.multiplied(np.stack(rows).T.astype(np.float32 if dtype is None else np.float64))
        chain.scaled(shift=np.concatenate(biases))
        if layer + 2 < len(sizes):
            chain.activated("rectifier")
    if next(filled, None) is not None:
        raise ModelFileError("has more than its sizes say")
    chain.scaled(ranges[-1], means[-1])
    return chain.network("linear", dtype)
