"""The denoising auto-encoder of one layer. Data, no training state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truezero.activations import Array
from truezero.draws import Purpose
from truezero.errors import OptionError
from truezero.network import Network, draw_weights
from truezero.reconstruction import TARGETS, Reconstruction, Target, get_reconstruction, target_of


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
    target : {"input", "magnitude", "two-sided", "squashed"}
        What of the clean input is reconstructed; see `target_of`.
    tied : bool
        The decoder's weights are the encoder's, transposed, and stay so.
    deviation : float
        σ of the censored likelihoods.
    """

    network: Network
    reconstruction: str = "softplus-quadratic"
    target: Target = "input"
    tied: bool = False
    deviation: float = 1.0

    def __post_init__(self) -> None:
        sizes = self.network.layer_sizes
        if len(sizes) != 3 or sizes[0] != sizes[2] or self.network.output != "linear":
            raise OptionError(f"an auto-encoder is n_in – n_units – n_in with linear output, got {sizes}")
        if self.network.signs[0] is not None:
            raise OptionError("an auto-encoder has no sign mask of its own")
        if self.target not in TARGETS:
            raise OptionError(f"unknown target {self.target!r}; known: {', '.join(TARGETS)}")
        if not (np.isfinite(self.deviation) and self.deviation > 0):
            raise OptionError(f"deviation must be above 0, got {self.deviation!r}")
        if self.tied and not np.array_equal(self.network.weights[1], self.network.weights[0].T):
            raise OptionError("the decoder of tied weights must be the encoder's transposed")
        self.unit  # noqa: B018 # an unknown one is refused

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
        return Autoencoder(self.network.copy(), self.reconstruction, self.target, self.tied, self.deviation)

    def target_of(self, x: Array) -> Array:
        """Target of clean input x, of its shape (n_samples, n_in) and dtype."""
        return target_of(x, self.target, bounded=self.unit.bounded)

    def tie(self) -> None:
        """Make the decoder the encoder's transposed again, after the encoder has changed."""
        self.network.weights[1][:] = self.network.weights[0].T


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
