"""What pre-training is asked to do, all checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from truezero.core.activations import get_activation
from truezero.core.network import SignMask
from truezero.core.reconstruction import get_reconstruction
from truezero.engines import AutoencoderSettings
from truezero.errors import OptionError

TARGETS = ("after", "before", "squashed")


def require(holds: bool, name: str, wanted: str, got: object) -> None:
    """Refuse what an option cannot be.

    Raises
    ------
    OptionError
        If it does not hold.
    """
    if not holds:
        raise OptionError(f"{name} must be {wanted}, got {got!r}")


@dataclass(frozen=True)
class LayerPlan:
    """How one layer is pre-trained.

    Attributes
    ----------
    n_units : int
    activation : str
    step : AutoencoderSettings
    reconstruction : str
        See `get_reconstruction`.
    target : {"after", "before", "squashed"}
        The code of the layer below, what stood before its activation, or the logistic sigmoid of its
        code. For the lowest layer the first two are the input.
    tied : bool
        The decoder's weights are the encoder's.
    deviation : float
        σ of the censored likelihoods.
    unit_scaling : bool
        Where targets must be in [0, 1]: divide every unit by its own maximum, not all by the greatest.
    max_epochs : int
    """

    n_units: int
    activation: str
    step: AutoencoderSettings
    reconstruction: str = "softplus-quadratic"
    target: str = "after"
    tied: bool = False
    deviation: float = 1.0
    unit_scaling: bool = False
    max_epochs: int = 30

    def __post_init__(self) -> None:
        step = self.step
        get_activation(self.activation)
        get_reconstruction(self.reconstruction)
        require(self.n_units >= 1, "hidden_layer_sizes", "above 0", self.n_units)
        rate = step.learning_rate
        require(math.isfinite(rate) and rate > 0, "learning_rate_init", "above 0", rate)
        require(step.batch_size >= 1, "batch_size", "at least 1", step.batch_size)
        require(math.isfinite(step.l1) and step.l1 >= 0, "l1_activation", "at least 0", step.l1)
        require(self.max_epochs >= 1, "max_iter", "at least 1", self.max_epochs)
        require(math.isfinite(self.deviation) and self.deviation > 0, "deviation", "above 0", self.deviation)
        require(self.target in TARGETS, "target", f"one of {', '.join(TARGETS)}", self.target)
        unit = get_reconstruction(self.reconstruction)
        if self.target == "squashed" and not unit.bounded:
            raise OptionError(
                f"target='squashed' needs reconstruction='sigmoid-cross-entropy', got {self.reconstruction!r}"
            )
        if self.target == "before" and unit.one_sided:
            raise OptionError(
                "target='before' needs reconstruction='linear-quadratic', which can reach what is below 0, "
                f"got {self.reconstruction!r}"
            )


@dataclass(frozen=True)
class Pretraining:
    """Settings of pre-training, all checked.

    Attributes
    ----------
    layers : tuple of LayerPlan
    sign_mask : {None, "random", "half"}
        Of each layer's code as it is handed on.
    softplus_scale : float
    use_biases : bool
    n_iter_no_change : int or None
        Go on to the next layer after so many epochs without a lower reconstruction error; None never.
    shuffle : bool
    dtype : str
    seed : int
        64-bit seed of everything that is drawn.
    """

    layers: tuple[LayerPlan, ...]
    sign_mask: SignMask | None = None
    softplus_scale: float = 1.0
    use_biases: bool = True
    n_iter_no_change: int | None = None
    shuffle: bool = True
    dtype: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        require(len(self.layers) > 0, "hidden_layer_sizes", "one hidden layer or more", ())
        patience = self.n_iter_no_change
        require(patience is None or patience >= 1, "n_iter_no_change", "None or at least 1", patience)
