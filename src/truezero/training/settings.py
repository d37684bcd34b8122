"""What pre-training is asked to do, all checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from truezero.core.activations import get_activation
from truezero.core.autoencoder import Autoencoder
from truezero.core.constraints import Constraints, check_settings, layerwise, number, one_of, whole_number
from truezero.core.network import SignMask
from truezero.core.reconstruction import get_reconstruction
from truezero.engines import AutoencoderSettings
from truezero.errors import OptionError

TARGETS = ("after", "before", "squashed")


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

    # By the names of the estimators' parameters, which are declared by these.
    constraints: ClassVar[Constraints] = {
        "learning_rate_init": number(above=0),
        "batch_size": whole_number(1),
        "l1_activation": number(least=0),
        "max_iter": whole_number(1),
        "target": one_of(*TARGETS),
        **Autoencoder.constraints,
    }

    def __post_init__(self) -> None:
        check_settings(
            self.constraints,
            {
                "learning_rate_init": self.step.learning_rate,
                "batch_size": self.step.batch_size,
                "l1_activation": self.step.l1,
                "max_iter": self.max_epochs,
                "target": self.target,
                "deviation": self.deviation,
            },
        )
        get_activation(self.activation)  # an unknown one is refused
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

    constraints: ClassVar[Constraints] = {
        "hidden_layer_sizes": layerwise(whole_number(1), fewest=1),
        "n_iter_no_change": whole_number(1) | None,
    }

    def __post_init__(self) -> None:
        sizes = tuple(plan.n_units for plan in self.layers)
        check_settings(
            self.constraints, {"hidden_layer_sizes": sizes, "n_iter_no_change": self.n_iter_no_change}
        )
