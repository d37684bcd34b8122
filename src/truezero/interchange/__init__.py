"""Networks from and for other libraries: ONNX files, PyTorch, scikit-learn, Stanford's NNet files.

Each is imported where it is needed; `Network.from_onnx` and its like are the way in.
"""

from __future__ import annotations

from truezero.interchange.accelerated import accelerate
from truezero.interchange.by_name import read_file
from truezero.interchange.chain import Imported
from truezero.interchange.nnet import read_nnet
from truezero.interchange.onnx_read import read_onnx
from truezero.interchange.onnx_write import write_onnx
from truezero.interchange.sklearn_models import from_sklearn
from truezero.interchange.torch_files import take_torch
from truezero.interchange.torch_modules import to_torch

__all__ = [
    "Imported",
    "accelerate",
    "from_sklearn",
    "read_file",
    "read_nnet",
    "read_onnx",
    "take_torch",
    "to_torch",
    "write_onnx",
]
