"""What a network is made from and into, of other libraries; `interchange/` does it, once it is asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from truezero.core.network import Network


class ExchangeMixin:
    """Ways into a `Network` and out of it; not for direct use."""

    @staticmethod
    def from_onnx(path: str | os.PathLike[str], *, dtype: str | None = None) -> Network:
        """Read an ONNX file.

        What is affine is folded into layers: normalisation of the input, batch normalisation, layers in a
        row. A softmax at the end becomes ``output="softmax"``, and a sigmoid of one output a softmax over
        two.

        Parameters
        ----------
        path : path-like
            Weights in files beside it are read too, from its folder alone.
        dtype : {"float32", "float64"}, optional
            The weights' own, if None is given; float64, too, where float32 would lose what agrees to 1e-5 in
            a folded normalisation.

        Returns
        -------
        Network

        Raises
        ------
        OptionError
            If the package onnx is missing.
        ModelFileError
            If the file is missing, damaged, or no network of fully connected layers; the node is named.
        """
        from truezero.interchange import read_onnx

        return read_onnx(path, dtype).network

    def to_onnx(self: Any, path: str | os.PathLike[str]) -> None:
        """Write an ONNX file: "input" of shape (rows, n_inputs), "probabilities" or "output".

        Sign masks and softplus's scale go into the weights.

        Parameters
        ----------
        path : path-like
            Of opset 13, with everything in it.

        Raises
        ------
        OptionError
            If the package onnx is missing, or ONNX has no such units (lif).
        DataError
            If the file cannot be written.
        """
        from truezero.interchange import write_onnx

        write_onnx(self, path)

    @staticmethod
    def from_torch(module: Any, *, activation: str = "rectifier", dtype: str | None = None) -> Network:
        """Take a network of PyTorch's over, as it is in `eval` mode.

        Parameters
        ----------
        module : torch.nn.Sequential, state dict, or path-like
            Of Linear, BatchNorm1d, ReLU, Tanh, Sigmoid, Softplus, Dropout, Flatten, Sequential, and a Softmax
            at the end; or the state dict of one, in memory or in a file, of which only weights are unpickled.
        activation : str, default="rectifier"
            Of the hidden layers of a state dict, which does not say it. One stands between every two linear
            layers, unless the numbers of a Sequential leave no room.
        dtype : {"float32", "float64"}, optional
            As in `from_onnx`.

        Returns
        -------
        Network

        Raises
        ------
        OptionError
            If PyTorch is missing, or a module is something else; its place is named.
        ModelFileError
            If the file is missing, damaged, or holds more than weights.
        """
        from truezero.interchange import take_torch

        return take_torch(module, activation=activation, dtype=dtype).network

    def to_torch(self: Any) -> Any:
        """Make a Sequential of Linear layers and activations, with copies of the weights.

        Its outputs are those of ``network(X)``: what goes into the softmax, as PyTorch's cross-entropy wants.
        Sign masks go into the weights.

        Returns
        -------
        torch.nn.Sequential

        Raises
        ------
        OptionError
            If PyTorch is missing, or has no such units (lif, abs-tanh).
        """
        from truezero.interchange import to_torch

        return to_torch(self)

    @staticmethod
    def from_sklearn(model: Any, *, dtype: str | None = None) -> Network:
        """Take a fitted network of scikit-learn's over.

        Parameters
        ----------
        model : MLPClassifier, MLPRegressor, or Pipeline that ends in one
            Scalers before it (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler) are folded into the
            first layer. A pipeline may end in an estimator of truezero's as well.
        dtype : {"float32", "float64"}, optional
            As in `from_onnx`.

        Returns
        -------
        Network
            For two classes it has two outputs. Classes are `model.classes_` still.

        Raises
        ------
        OptionError
            If it is something else, or not fitted.
        """
        from truezero.interchange import from_sklearn

        return from_sklearn(model, dtype).network

    @staticmethod
    def from_nnet(path: str | os.PathLike[str], *, dtype: str | None = None) -> Network:
        """Read a NNet file of Stanford's, with its normalisation of inputs and outputs folded in.

        Inputs are not clipped to the least and greatest that the file names.

        Parameters
        ----------
        path : path-like
        dtype : {"float32", "float64"}, optional
            float32, if none is given, or as in `from_onnx`.

        Returns
        -------
        Network
            With linear output.

        Raises
        ------
        ModelFileError
            If the file is missing or damaged.
        """
        from truezero.interchange import read_nnet

        return read_nnet(path, dtype).network
