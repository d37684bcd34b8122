"""The denoising auto-encoder of one layer, and a stack of them. Data, no training state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import Array
from truezero.core.constraints import Constraints, number, one_of
from truezero.core.draws import Purpose
from truezero.core.initial import draw_weights
from truezero.core.network import Network, network_from_tensors, network_to_tensors
from truezero.core.reconstruction import TARGETS, Reconstruction, Target, get_reconstruction, target_of
from truezero.core.schema import Fields, Items, anything, flag, word
from truezero.core.tensors import Path, Tensors
from truezero.core.text import printable
from truezero.errors import ModelFileError, OptionError


@dataclass
class Autoencoder:
    """A denoising auto-encoder of one hidden layer (section 3.2).

    Attributes
    ----------
    network : Network
        n_in – n_units – n_in with linear output: encoder, and a decoder that computes r. It has no sign
        mask: whether a unit is handed on times −1 is the stack's business and does not change how well
        its own output reconstructs.
    reconstruction : str
        Unit and cost of the decoder; see `get_reconstruction`.
    target : {"input", "magnitude", "two-sided", "squashed", "squashed-magnitude", "before"}
        What of the clean input is reconstructed; see `target_of`.
    tied : bool
        The decoder's weights are the encoder's, transposed, and stay so.
    deviation : float
        σ of the censored likelihoods.
    input_scale : ndarray of shape (n_in,) or None
        Its input is divided by these before it comes here; None means 1.
    output_scale : ndarray of shape (n_units,) or None
        Its code is divided by these as it is handed on; None means 1. Only of homogeneous activations,
        whose encoder can take it over: f(z / s) = f(z) / s.
    """

    network: Network
    reconstruction: str = "softplus-quadratic"
    target: Target = "input"
    tied: bool = False
    deviation: float = 1.0
    input_scale: Array | None = None
    output_scale: Array | None = None

    constraints: ClassVar[Constraints] = {"deviation": number(above=0)}

    def __post_init__(self) -> None:
        sizes = self.network.layer_sizes
        if len(sizes) != 3 or sizes[0] != sizes[2] or self.network.output != "linear":
            raise OptionError(f"an auto-encoder is n_in – n_units – n_in with linear output, got {sizes}")
        if self.network.signs[0] is not None:
            raise OptionError("an auto-encoder has no sign mask of its own")
        if self.target not in TARGETS:
            raise OptionError(f"unknown target {self.target!r}; known: {', '.join(TARGETS)}")
        self.constraints["deviation"].check("deviation", self.deviation)
        if self.tied and not np.array_equal(self.network.weights[1], self.network.weights[0].T):
            raise OptionError("the decoder of tied weights must be the encoder's transposed")
        get_reconstruction(self.reconstruction)  # an unknown one is refused

    @property
    def unit(self) -> Reconstruction:
        """What its decoder's units and their cost are."""
        return get_reconstruction(self.reconstruction)

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Dtype of the weights."""
        return self.network.dtype

    def copy(self) -> Autoencoder:
        """Return an independent copy."""
        scales = (None if s is None else s.copy() for s in (self.input_scale, self.output_scale))
        return Autoencoder(
            self.network.copy(), self.reconstruction, self.target, self.tied, self.deviation, *scales
        )

    def target_of(self, x: Array) -> Array:
        """Target of clean input x, of its shape (n_samples, n_in) and dtype."""
        return target_of(x, self.target, bounded=self.unit.bounded)

    def reconstruct(self, x: Array) -> Array:
        """Reconstruction of input x, corrupted or not: what its units make of r; x's shape."""
        network = self.network
        if self.input_scale is not None:
            x = x / self.input_scale
        h = network.activation(0).value(x @ network.weights[0] + network.biases[0], network.softplus_scale)
        output = self.unit.output(h @ network.weights[1] + network.biases[1])
        return output if self.input_scale is None else output * self.input_scale

    def tie(self) -> None:
        """Make the decoder the encoder's transposed again, after the encoder has changed."""
        self.network.weights[1][:] = self.network.weights[0].T


@dataclass
class Stack:
    """Auto-encoders one upon the other: each learns from the code of the one below (section 3.2).

    Attributes
    ----------
    layers : list of Autoencoder
        From the bottom.
    signs : tuple of (ndarray of shape (n_units,) or None)
        Sign mask of each layer's code as it is handed on.
    """

    layers: list[Autoencoder]
    signs: tuple[Array | None, ...]

    def copy(self) -> Stack:
        """Return an independent copy."""
        return Stack([layer.copy() for layer in self.layers], self.signs)

    def network(self) -> Network:
        """Encoders as hidden layers; the output is the top one's decoder (its r).

        What an encoder's input and code are divided by is folded into its weights and biases here. The
        output is that of the top code before it is divided.
        """
        layers = self.layers
        first = layers[0].network
        return Network(
            [*(_encoder(layer) for layer in layers), layers[-1].network.weights[1].copy()],
            [*(_encoder_biases(layer) for layer in layers), layers[-1].network.biases[1].copy()],
            tuple(layer.network.activations[0] for layer in layers),
            self.signs[: len(layers)],
            first.softplus_scale,
            first.use_biases,
            "linear",
        )

    def hand_over(self, network: Network) -> None:
        """Give the encoders to the hidden layers of a network, sign masks included.

        Raises
        ------
        OptionError
            If the network has other hidden layers.
        """
        own = self.network()
        wanted = (own.layer_sizes[:-1], own.activations, own.softplus_scale, own.use_biases, own.dtype)
        has = (
            network.layer_sizes[:-1],
            network.activations,
            network.softplus_scale,
            network.use_biases,
            network.dtype,
        )
        if has != wanted:
            raise OptionError(
                f"pre-trained layers {_described(own)} do not fit the hidden layers {_described(network)}"
            )
        for layer in range(len(self.layers)):
            network.weights[layer][:] = own.weights[layer]
            network.biases[layer][:] = own.biases[layer]
        network.signs = own.signs

    def decode(self, code: Array, layer: int) -> Array:
        """Reconstruct the input of the stack from the code of one of its layers.

        Parameters
        ----------
        code : ndarray of shape (n_samples, n_units)
        layer : int
            0 .. number of layers − 1.

        Returns
        -------
        ndarray of shape (n_samples, n_in)
        """
        for below in range(layer, -1, -1):
            of = self.layers[below]
            sign, sign_below = self.signs[below], self.signs[below - 1] if below > 0 else None
            code = code if sign is None else code * sign
            if of.output_scale is not None:
                code = code * of.output_scale
            r = code @ of.network.weights[1] + of.network.biases[1]
            code = of.unit.output(r)
            if of.target == "two-sided":
                code = 2 * code - 1
            elif of.target in ("squashed", "squashed-magnitude"):
                code = r  # the reconstruction is σ(r), the target σ of what is asked for
            elif of.target == "before" and below > 0:
                network = self.layers[below - 1].network
                code = network.activation(0).value(r, network.softplus_scale)
            if sign_below is not None:
                code = code * sign_below  # what is reconstructed has no sign
            if of.input_scale is not None:
                code = code * of.input_scale
        return code


def _encoder(layer: Autoencoder) -> Array:
    weights = layer.network.weights[0].copy()
    if layer.input_scale is not None:
        weights /= layer.input_scale[:, np.newaxis]
    if layer.output_scale is not None:
        weights /= layer.output_scale
    return weights


def _encoder_biases(layer: Autoencoder) -> Array:
    biases = layer.network.biases[0].copy()
    return biases if layer.output_scale is None else biases / layer.output_scale


def _described(network: Network) -> str:
    sizes = "-".join(map(str, network.layer_sizes[:-1]))
    biases = "" if network.use_biases else ", no biases"
    return f"{sizes} ({', '.join(network.activations)}, {network.dtype}{biases})"


def initialize_autoencoder(
    n_in: int,
    n_units: int,
    activation: str = "rectifier",
    *,
    reconstruction: str = "softplus-quadratic",
    target: Target = "input",
    tied: bool = False,
    deviation: float = 1.0,
    softplus_scale: float = 1.0,
    use_biases: bool = True,
    layer: int = 0,
    dtype: str | np.dtype[np.floating] = "float32",
    seed: int = 0,
) -> Autoencoder:
    """Draw an auto-encoder: every weight from U(±sqrt(6 / (n_in + n_units))), biases 0.

    Parameters
    ----------
    n_in, n_units : int
    activation, softplus_scale, use_biases
        As in `Network`; of one layer.
    reconstruction, target, tied, deviation
        As in `Autoencoder`.
    layer : int
        Its number in a stack; every number has other draws.
    dtype : {"float32", "float64"}
    seed : int

    Returns
    -------
    Autoencoder

    Raises
    ------
    OptionError
        If a name is unknown or a number out of range.
    """
    encoder = draw_weights(n_in, n_units, Purpose.INITIAL_WEIGHTS, layer, dtype, seed)
    decoder = (
        np.ascontiguousarray(encoder.T)
        if tied
        else draw_weights(n_units, n_in, Purpose.DECODER_WEIGHTS, layer, dtype, seed)
    )
    network = Network(
        [encoder, decoder],
        [np.zeros(n_units, dtype=dtype), np.zeros(n_in, dtype=dtype)],
        (activation,),
        (None,),
        float(softplus_scale),
        use_biases,
        "linear",
    )
    return Autoencoder(network, reconstruction, target, tied, float(deviation))


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


_ALIKE = ("dtype", "softplus_scale", "use_biases")  # in all layers of a stack
_DESCRIBED = Fields(
    {
        "network": anything,
        "reconstruction": word,
        "target": one_of(*TARGETS),
        "tied": flag,
        "deviation": Autoencoder.constraints["deviation"],
    }
)


def autoencoder_from_tensors(tensors: Tensors, described: Any, prefix: str, path: Path) -> Autoencoder:
    """Rebuild an auto-encoder.

    Raises
    ------
    ModelFileError
        If parts are missing, disagree in shape, or are not finite.
    """
    try:
        _DESCRIBED.check("the auto-encoder", described)
        network = network_from_tensors(tensors, described["network"], prefix, path)
        scales = [
            _scale(tensors, f"{prefix}input_scale", network.layer_sizes[0]),
            _scale(tensors, f"{prefix}output_scale", network.layer_sizes[1]),
        ]
        return Autoencoder(
            network,
            described["reconstruction"],
            described["target"],
            described["tied"],
            float(described["deviation"]),
            *scales,
        )
    except ModelFileError:
        raise
    except (TypeError, ValueError, IndexError) as error:
        raise ModelFileError(f"{path} is damaged: {printable(error, 300)}") from error


def stack_to_tensors(stack: Stack, prefix: str = "") -> tuple[Tensors, list[dict[str, Any]]]:
    """Arrays and descriptions of a stack's layers."""
    tensors: Tensors = {}
    described = []
    for layer, (autoencoder, sign) in enumerate(zip(stack.layers, stack.signs, strict=True)):
        arrays, description = autoencoder_to_tensors(autoencoder, f"{prefix}{layer}.")
        tensors |= arrays
        described.append(description)
        if sign is not None:
            tensors[f"{prefix}{layer}.sign"] = sign
    return tensors, described


def stack_from_tensors(tensors: Tensors, described: Any, prefix: str, path: Path) -> Stack:
    """Rebuild a stack.

    Raises
    ------
    ModelFileError
        As of its auto-encoders, or if there are none.
    """
    try:
        Items(anything, fewest=1).check("the layers", described)
        layers = [
            autoencoder_from_tensors(tensors, description, f"{prefix}{layer}.", path)
            for layer, description in enumerate(described)
        ]
        signs = tuple(tensors.get(f"{prefix}{layer}.sign") for layer in range(len(layers)))
        lowest = layers[0].network
        for number, (layer, sign) in enumerate(zip(layers, signs, strict=True)):
            own = layer.network
            if number and own.layer_sizes[0] != layers[number - 1].network.layer_sizes[1]:
                raise OptionError(f"layer {number} does not fit the one below")
            if any(getattr(own, name) != getattr(lowest, name) for name in _ALIKE):
                raise OptionError(f"its layers differ in {' or '.join(_ALIKE)}")
            if sign is not None and (
                sign.shape != own.layer_sizes[1:2] or sign.dtype != own.dtype or (np.abs(sign) != 1).any()
            ):
                raise OptionError(f"layer {number}: the sign mask must be ±1, one per unit")
    except ModelFileError:
        raise
    except (TypeError, ValueError, IndexError) as error:
        raise ModelFileError(f"{path} is damaged: {printable(error, 300)}") from error
    return Stack(layers, signs)


def _scale(tensors: Tensors, name: str, n: int) -> NDArray[Any] | None:
    scale = tensors.get(name)
    if scale is not None and (
        scale.shape != (n,) or scale.dtype.kind != "f" or not (np.isfinite(scale) & (scale > 0)).all()
    ):
        raise OptionError(f"{name} must be {n} numbers above 0")
    return scale
