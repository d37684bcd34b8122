"""Files of others, by the ends of their names."""

from __future__ import annotations

import os
from pathlib import Path

from numpy.typing import DTypeLike

from truezero.core.text import printable
from truezero.errors import OptionError
from truezero.interchange.chain import Imported
from truezero.interchange.nnet import read_nnet
from truezero.interchange.onnx_read import read_onnx
from truezero.interchange.torch_files import read_torch

_TORCH = (".pth", ".pt")


def read_file(
    path: str | os.PathLike[str], *, activation: str | None = None, dtype: DTypeLike | None = None
) -> Imported:
    """Read a network from a file of another library.

    Parameters
    ----------
    path : path-like
        Whose name ends in .onnx, .pth, .pt or .nnet.
    activation : str, optional
        Of the hidden layers of a .pth or .pt file, "rectifier" if none is given; of others the file says it.
    dtype : {"float32", "float64"}, optional

    Returns
    -------
    Imported

    Raises
    ------
    OptionError
        If the name ends otherwise, or the package is missing that reads such files.
    ModelFileError
        If the file is missing, damaged, or holds what is no network of fully connected layers.
    """
    end = Path(path).suffix.lower()
    if end in _TORCH:
        return read_torch(path, activation=activation or "rectifier", dtype=dtype)
    if activation is not None:
        raise OptionError(
            f"an activation is for the state dicts of {', '.join(_TORCH)} files; others say theirs"
        )
    if end == ".onnx":
        return read_onnx(path, dtype)
    if end == ".nnet":
        return read_nnet(path, dtype)
    shown = printable(os.fspath(path), 300)
    raise OptionError(f"{shown} does not end in .onnx, .pth, .pt or .nnet, so it is not known what it is")
