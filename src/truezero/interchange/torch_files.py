"""Networks from PyTorch's state dicts, in memory and in files."""

from __future__ import annotations

import itertools
import os
import pickle
import re
import warnings
from collections.abc import Mapping
from typing import Any

from numpy.typing import DTypeLike

from truezero.core.network import Network
from truezero.core.text import printable
from truezero.errors import ModelFileError, OptionError
from truezero.interchange.chain import Chain, Imported
from truezero.interchange.files import reading
from truezero.interchange.torch_modules import from_torch, linear, normalised, torch_package

_COUNTERS = "num_batches_tracked"
_LINEAR, _NORMALISED = "linear", "normalised"
_NUMBERED = re.compile(r"(.*?)(\d{1,9})$")


def take_torch(given: Any, *, activation: str = "rectifier", dtype: DTypeLike | None = None) -> Imported:
    """Take over a module, a state dict or a file of one; see `Network.from_torch`.

    Parameters
    ----------
    given : torch.nn.Module, mapping or path-like
    activation : str
    dtype : {"float32", "float64"}, optional

    Returns
    -------
    Imported
        Without classes.

    Raises
    ------
    OptionError
        If it is something else, or holds something else than such a network.
    ModelFileError
        As `read_torch`.
    """
    torch = torch_package()
    if isinstance(given, torch.nn.Module):
        return from_torch(given, dtype)
    if isinstance(given, (str, os.PathLike)):
        return read_torch(given, activation=activation, dtype=dtype)
    return Imported(from_state_dict(_inner(given), activation, dtype))


def read_torch(
    path: str | os.PathLike[str], *, activation: str = "rectifier", dtype: DTypeLike | None = None
) -> Imported:
    """Read the state dict in a file that `torch.save` wrote, of which only weights are unpickled.

    Parameters
    ----------
    path : path-like
    activation : str
        Of the hidden layers, which a state dict says nothing of.
    dtype : {"float32", "float64"}, optional

    Returns
    -------
    Imported
        Without classes.

    Raises
    ------
    OptionError
        If PyTorch is missing.
    ModelFileError
        If the file is missing, damaged, holds anything but weights, or weights of another kind of network.
    """
    torch = torch_package()
    with reading(path) as file:
        if not file.is_file():
            file.stat()
            raise ModelFileError("is no regular file")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of how it was pickled; it is refused or read
                found = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ModelFileError(
                "holds code, not weights alone, or is damaged; save model.state_dict()"
            ) from error
        except (RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError) as error:
            raise ModelFileError(f"is no file of PyTorch's, or is damaged: {_short(error)}") from error
        return Imported(from_state_dict(_inner(found), activation, dtype))


def _short(error: Exception) -> str:
    return printable(" ".join(str(error).split()), 150)


def _inner(found: Any) -> Any:
    """State dict itself where others put more beside it."""
    for _ in range(3):
        if isinstance(found, Mapping) and "state_dict" in found:
            found = found["state_dict"]
        elif isinstance(found, list) and len(found) == 1:
            found = found[0]
    return found


def from_state_dict(found: Any, activation: str, dtype: DTypeLike | None) -> Network:
    """Network of linear layers in the order of a state dict.

    Raises
    ------
    OptionError
        If there is something else in it, or it is not clear where a batch normalisation stands.
    """
    torch = torch_package()
    if not isinstance(found, Mapping) or not found:
        raise OptionError(f"a {type(found).__name__} is no state dict")
    layers: dict[str, dict[str, Any]] = {}
    for name, tensor in found.items():
        of, _, kind = str(name).rpartition(".")
        if not isinstance(tensor, torch.Tensor):
            raise OptionError(
                f"the state dict's {printable(name)!r} is no tensor, but {type(tensor).__name__}"
            )
        if kind != _COUNTERS:
            layers.setdefault(of, {})[kind] = tensor
    kinds = {name: _kind(name, parts) for name, parts in layers.items()}
    ends = _activated_after(kinds)
    chain = Chain()
    for name, parts in layers.items():
        if kinds[name] == _NORMALISED:
            normalised(chain, parts, 1e-5)
        else:
            linear(chain, parts["weight"], parts.get("bias"))
        if name in ends:
            chain.activated(activation)
    return chain.network("linear", dtype)


def _kind(name: str, parts: dict[str, Any]) -> str:
    """What a layer is, by the tensors it has."""
    if set(parts) in ({"running_mean", "running_var"}, {"weight", "bias", "running_mean", "running_var"}):
        return _NORMALISED
    if set(parts) in ({"weight"}, {"weight", "bias"}) and parts["weight"].ndim == 2:
        return _LINEAR
    has = ", ".join(f"{printable(kind, 40)} {tuple(tensor.shape)}" for kind, tensor in parts.items())
    raise OptionError(f"{printable(name)!r} in the state dict is no linear layer: it has {has}")


def _activated_after(kinds: dict[str, str]) -> set[str]:
    """Layers after which an activation stands: one between every two linear ones.

    Numbers of a Sequential without a gap leave no room for it. They say on which side of a batch
    normalisation it is.
    """
    names, ends = list(kinds), set()
    linear_ones = [place for place, name in enumerate(names) if kinds[name] == _LINEAR]
    for first, second in itertools.pairwise(linear_ones):
        between = list(itertools.pairwise(names[first : second + 1]))
        gaps = [before for before, after in between if not _adjacent(before, after)]
        if len(between) > 1 and (len(gaps) > 1 or not all(_NUMBERED.match(name) for name in between[0])):
            raise OptionError(
                f"a state dict does not say whether the activation is before or after {between[0][1]!r}; "
                "give the module itself"
            )
        ends.update(gaps)
    return ends


def _adjacent(before: str, after: str) -> bool:
    """Whether they are neighbours in a Sequential."""
    one, other = _NUMBERED.match(before), _NUMBERED.match(after)
    return bool(one and other and one[1] == other[1] and int(one[2]) + 1 == int(other[2]))
