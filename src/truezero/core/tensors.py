"""Files: safetensors with JSON metadata. Nothing is unpickled.

A file holds named arrays and one JSON object (safetensors metadata key "truezero") with the format
version, the kind of file, and what the kind needs.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from truezero.core.atomic import writing
from truezero.core.autoencoder import Autoencoder
from truezero.core.network import Network
from truezero.errors import ModelFileError, OptionError

FORMAT_VERSION = 1
_KEY = "truezero"

Tensors = dict[str, NDArray[Any]]
Path = str | os.PathLike[str]


def write_tensors(path: Path, tensors: Tensors, metadata: dict[str, Any], *, kind: str) -> None:
    """Write arrays and metadata, whole or not at all.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    described = {"format_version": FORMAT_VERSION, "kind": kind, **metadata}
    with writing(path) as temporary:
        save_file(
            {name: np.ascontiguousarray(array) for name, array in tensors.items()},
            temporary,
            metadata={_KEY: json.dumps(described)},
        )


def read_tensors(path: Path, *, kind: str) -> tuple[Tensors, dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, of another kind, or of a newer format.
    """
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            metadata = json.loads((file.metadata() or {}).get(_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}") from None
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{path} is not a truezero {kind}, or is damaged: {reason}") from error
    if not isinstance(metadata, dict) or metadata.get("kind") != kind:
        found = metadata.get("kind") if isinstance(metadata, dict) else "some other program's file"
        raise ModelFileError(f"{path} is not a truezero {kind} (it is: {found})")
    version = metadata.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has format version {version}; this truezero reads up to {FORMAT_VERSION}"
        )
    return tensors, metadata


def network_to_tensors(network: Network, prefix: str = "") -> tuple[Tensors, dict[str, Any]]:
    """Arrays and description of a network."""
    tensors: Tensors = {}
    for layer, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        tensors[f"{prefix}weights.{layer}"] = w
        tensors[f"{prefix}biases.{layer}"] = b
    for layer, sign in enumerate(network.signs):
        if sign is not None:
            tensors[f"{prefix}signs.{layer}"] = sign
    described = {
        "layer_sizes": network.layer_sizes,
        "activations": network.activations,
        "softplus_scale": network.softplus_scale,
        "use_biases": network.use_biases,
        "output": network.output,
    }
    return tensors, described


def network_from_tensors(tensors: Tensors, described: Any, prefix: str, path: Path) -> Network:
    """Rebuild a network.

    Raises
    ------
    ModelFileError
        If parts are missing, disagree in shape, or are not finite.
    """
    try:
        n_layers = len(described["layer_sizes"]) - 1
        network = Network(
            [tensors[f"{prefix}weights.{layer}"] for layer in range(n_layers)],
            [tensors[f"{prefix}biases.{layer}"] for layer in range(n_layers)],
            tuple(described["activations"]),
            tuple(tensors.get(f"{prefix}signs.{layer}") for layer in range(n_layers - 1)),
            float(described["softplus_scale"]),
            bool(described["use_biases"]),
            described["output"],
        )
        if list(network.layer_sizes) != list(described["layer_sizes"]):
            raise OptionError(
                f"layer sizes {described['layer_sizes']} and arrays {network.layer_sizes} disagree"
            )
    except KeyError as error:
        raise ModelFileError(f"{path} is damaged: it lacks {error}") from error
    except (OptionError, TypeError, ValueError, IndexError) as error:
        raise ModelFileError(f"{path} is damaged: {error}") from error
    if not network.all_finite():
        raise ModelFileError(f"{path} is damaged: a weight is NaN or infinite")
    return network


def autoencoder_to_tensors(autoencoder: Autoencoder, prefix: str = "") -> tuple[Tensors, dict[str, Any]]:
    """Arrays and description of an auto-encoder."""
    tensors, described = network_to_tensors(autoencoder.network, prefix)
    for name in ("input_scale", "output_scale"):
        scale = getattr(autoencoder, name)
        if scale is not None:
            tensors[prefix + name] = scale
    return tensors, {
        "network": described,
        "reconstruction": autoencoder.reconstruction,
        "target": autoencoder.target,
        "tied": autoencoder.tied,
        "deviation": autoencoder.deviation,
    }


def autoencoder_from_tensors(tensors: Tensors, described: Any, prefix: str, path: Path) -> Autoencoder:
    """Rebuild an auto-encoder.

    Raises
    ------
    ModelFileError
        If parts are missing, disagree in shape, or are not finite.
    """
    try:
        network = network_from_tensors(tensors, described["network"], prefix, path)
        scales = [
            _scale(tensors, f"{prefix}input_scale", network.layer_sizes[0]),
            _scale(tensors, f"{prefix}output_scale", network.layer_sizes[1]),
        ]
        return Autoencoder(
            network,
            described["reconstruction"],
            described["target"],
            bool(described["tied"]),
            float(described["deviation"]),
            *scales,
        )
    except KeyError as error:
        raise ModelFileError(f"{path} is damaged: it lacks {error}") from error
    except ModelFileError:
        raise
    except (OptionError, TypeError, ValueError, IndexError) as error:
        raise ModelFileError(f"{path} is damaged: {error}") from error


def _scale(tensors: Tensors, name: str, n: int) -> NDArray[Any] | None:
    scale = tensors.get(name)
    if scale is not None and (scale.shape != (n,) or not (np.isfinite(scale) & (scale > 0)).all()):
        raise OptionError(f"{name} must be {n} numbers above 0")
    return scale
