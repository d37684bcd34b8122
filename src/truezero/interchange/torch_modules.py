"""Networks from PyTorch's modules, and modules from networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from truezero.core.network import Network
from truezero.errors import OptionError
from truezero.interchange.chain import Chain, Doubles, Imported

_LEAST_THRESHOLD = 15.0  # above which softplus is z itself; log(1 + exp(-15)) is 3e-7


def torch_package() -> Any:
    """PyTorch.

    Raises
    ------
    OptionError
        If it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise OptionError(f"this needs PyTorch (pip install 'truezero[torch]'): {error}") from error
    return torch


def from_torch(module: Any, dtype: DTypeLike | None = None) -> Imported:
    """Take a Sequential over; see `Network.from_torch`.

    Parameters
    ----------
    module : torch.nn.Module
    dtype : {"float32", "float64"}, optional

    Returns
    -------
    Imported
        Without classes.

    Raises
    ------
    OptionError
        If there is a module in it that a network cannot have, by its place.
    """
    torch_package()
    steps = _Steps()
    steps.take(module, "")
    return Imported(steps.chain.network("softmax" if steps.ended_by else "linear", dtype))


class _Steps:
    """Goes along modules that follow each other."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.ended_by = ""

    def take(self, module: Any, place: str) -> None:
        """Let rows go through a module, and those in it."""
        nn = torch_package().nn
        name = f"the module {place or 'itself'} ({type(module).__name__})"
        if _is(module, nn.Sequential):
            for inner, child in module.named_children():
                self.take(child, f"{place}.{inner}" if place else inner)
            return
        if module._forward_hooks or module._forward_pre_hooks:
            raise OptionError(f"{name} has hooks, which a network has not")
        if self.ended_by and not _is(module, nn.Dropout, nn.Identity):
            raise OptionError(f"{name} comes after {self.ended_by}, which must be the last")
        try:
            self._leaf(module, nn, name)
        except OptionError as error:
            shown = str(error)
            raise OptionError(shown if shown.startswith(name) else f"{name}: {shown}") from error

    def _leaf(self, module: Any, nn: Any, name: str) -> None:
        if _is(module, nn.Linear):
            linear(self.chain, module.weight, module.bias)
        elif _is(module, nn.BatchNorm1d):
            if module.running_mean is None:
                raise OptionError("it has no running statistics")
            normalised(self.chain, vars_of(module), module.eps)
        elif _is(module, nn.ReLU):
            self.chain.activated("rectifier")
        elif _is(module, nn.Tanh):
            self.chain.activated("tanh")
        elif _is(module, nn.Sigmoid):
            self.chain.activated("sigmoid")
        elif _is(module, nn.Softplus):
            if not 0 < module.beta < np.inf or module.threshold < _LEAST_THRESHOLD:
                raise OptionError(f"a softplus that is linear above {module.threshold} is another function")
            self.chain.activated("softplus", float(module.beta))
        elif _is(module, nn.Softmax, nn.LogSoftmax):
            if module.dim not in (1, -1):
                raise OptionError(f"it is over dim={module.dim}, not over the outputs of a row")
            self.ended_by = name
        elif _is(module, nn.Flatten):
            if (module.start_dim, module.end_dim) != (1, -1):
                raise OptionError("it does not make rows")
        elif not _is(module, nn.Dropout, nn.Identity):
            raise OptionError(
                f"{name} cannot be part of a network: Sequential ones of Linear, BatchNorm1d, ReLU, Tanh, "
                "Sigmoid, Softplus, Dropout, Flatten and a last Softmax can"
            )


def _is(module: Any, *kinds: Any) -> bool:
    """Whether a module does what one of these does, and nothing of its own."""
    return any(isinstance(module, kind) and type(module).forward is kind.forward for kind in kinds)


def vars_of(module: Any) -> dict[str, Any]:
    """Tensors of a batch normalisation."""
    found = {name: getattr(module, name) for name in ("weight", "bias", "running_mean", "running_var")}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def linear(chain: Chain, weight: Any, bias: Any) -> None:
    """Let rows go through a Linear's weight (n_out, n_in) and bias."""
    double = str(weight.dtype) == "torch.float64"
    chain.multiplied(numbers(weight, 2).T if double else numbers(weight, 2).T.astype(np.float32))
    if bias is not None:
        chain.scaled(shift=numbers(bias, 1))


def normalised(chain: Chain, parts: dict[str, Any], epsilon: float) -> None:
    """Let rows go through a BatchNorm1d by its running statistics."""
    with np.errstate(all="ignore"):  # what is not finite is refused where the network is made
        factor = 1 / np.sqrt(numbers(parts["running_var"], 1) + epsilon)
        if "weight" in parts:
            factor = factor * numbers(parts["weight"], 1)
        shift = -numbers(parts["running_mean"], 1) * factor
    if "bias" in parts:
        shift = shift + numbers(parts["bias"], 1)
    chain.scaled(factor, shift)


def numbers(tensor: Any, n_axes: int) -> Doubles:
    """Values of a tensor, in float64."""
    torch = torch_package()
    if not isinstance(tensor, torch.Tensor) or tensor.ndim != n_axes or not tensor.is_floating_point():
        raise OptionError(
            "its weights are no tensors of floating-point numbers of the shape they should have"
        )
    if tensor.device.type == "meta" or tensor.layout != torch.strided:
        raise OptionError("its weights are not there: they have no values in memory")
    values = tensor.detach().to(device="cpu", dtype=torch.float64).numpy()
    return np.asarray(values, np.float64)


def to_torch(network: Network) -> Any:
    """Make a Sequential; see `Network.to_torch`.

    Parameters
    ----------
    network : Network

    Returns
    -------
    torch.nn.Sequential

    Raises
    ------
    OptionError
        If PyTorch is missing, or has no such units.
    """
    torch = torch_package()
    nn = torch.nn
    made = {
        "rectifier": lambda: [nn.ReLU()],
        "softplus": lambda: [nn.Softplus(beta=network.softplus_scale)],
        "tanh": lambda: [nn.Tanh()],
        "sigmoid": lambda: [nn.Sigmoid()],
        "rectified-tanh": lambda: [nn.Tanh(), nn.ReLU()],
        "linear": lambda: [nn.Identity()],
    }
    unknown = [name for name in network.activations if name not in made]
    if unknown:
        raise OptionError(f"PyTorch has no module for units of the kind {unknown[0]!r}")
    chain = Chain()
    chain.went_through(network)
    plain = chain.network(network.output, network.dtype)
    modules: list[Any] = []
    for layer, (weights, biases) in enumerate(zip(plain.weights, plain.biases, strict=True)):
        module = nn.Linear(*weights.shape, bias=plain.use_biases, dtype=torch.from_numpy(weights).dtype)
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(weights.T.copy()))
            if plain.use_biases:
                module.bias.copy_(torch.from_numpy(biases))
        modules.append(module)
        if layer < plain.n_hidden:
            modules += made[plain.activations[layer]]()
    return nn.Sequential(*modules)
