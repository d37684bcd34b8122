"""The paper's settings, as estimators that are ready to be fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from truezero.core.constraints import one_of, truth_value, whole_number
from truezero.errors import OptionError
from truezero.estimators import DeepRectifierClassifier, RatingPredictor, StackedDenoisingAutoencoder

RATES = (0.1, 0.01, 0.001, 0.0001)
"""Constant rates among which the paper chooses by validation error (section 4.1)."""

_HIDDEN = {
    "mnist": (1000, 1000, 1000),
    "cifar10": (1000, 1000, 1000),
    "nistp": (1000, 1000, 1000),
    "norb": (4000, 2000),
}
_RECONSTRUCTIONS = {
    "rectifier": "softplus-quadratic",
    "softplus": "softplus-quadratic",
    "tanh": "sigmoid-cross-entropy",
}


@dataclass(frozen=True)
class _Text:
    """What differs between text data, per layer: of these the paper says only how they were chosen."""

    levels: tuple[Any, float, float]
    rates: tuple[float, float, float]
    l1: tuple[float, float, float]
    epochs: tuple[int, int, int]


_TEXTS = {
    "opentable": _Text(((0.8, 0.005), 0.5, 0.3), (0.005, 0.001, 0.001), (1e-4, 0.0, 0.0), (120, 120, 1)),
    "amazon": _Text(((0.8, 0.005), 0.3, 0.1), (0.005, 0.0005, 0.0003), (1e-4, 1e-3, 1e-3), (30, 30, 15)),
}


def paper(
    data: str, *, activation: str = "rectifier", pretrained: bool = True, n_layers: int | None = None
) -> DeepRectifierClassifier | RatingPredictor:
    """Estimator with the settings of the paper's experiments, not fitted.

    Where the paper leaves a setting open it has that of its first author's code of the time, as far as that
    is known: epochs, and all that is said per layer of text networks. The rate of fine-tuning is 0.01, one
    of `RATES`, among which the paper chooses by validation error; so may you, in a grid search say.

    Parameters
    ----------
    data : {"mnist", "cifar10", "nistp", "norb", "opentable", "amazon"}
        Images (section 4.1): three hidden layers of 1,000, on NORB two of 4,000 and 2,000; half of the
        rectifiers multiplied by −1; masking noise of 0.25; strategy 1 (cross-entropy for tanh); L1 of 0.001
        in pre-training and fine-tuning. Rows are pixels divided by 255; those of NORB reach from −1 to 1,
        where tanh networks have a linear reconstruction with quadratic cost in the first layer.
        Texts (section 4.2): up to three hidden layers of 5,000; strategy 2; salt and pepper below, masking
        above. Rows are CSR, the presence of the 5,000 most frequent words; for "amazon" of pairs of words,
        too.
    activation : {"rectifier", "tanh", "softplus"}, default="rectifier"
        Of all hidden units (tables 1 and 2); text has no softplus.
    pretrained : bool, default=True
        Pre-train the hidden layers on all rows, unlabelled ones too (section 3.2).
    n_layers : int or None, default=None
        Hidden layers of a text network, 0, 1 or 3 in table 2; None: all there are.

    Returns
    -------
    RatingPredictor for "opentable", DeepRectifierClassifier for the others
        `set_params` changes what is wanted otherwise, ``pretraining__sampling=0.1`` for a far faster
        pre-training of text say.

    Raises
    ------
    OptionError
        If the paper has no such network.

    Examples
    --------
    >>> from truezero import presets
    >>> model = presets.paper("mnist")
    >>> model.hidden_layer_sizes, model.sign_mask, model.l1_activation, model.batch_size
    ((1000, 1000, 1000), 'half', 0.001, 10)
    """
    one_of(*_HIDDEN, *_TEXTS).check("data", data)
    one_of(*(_RECONSTRUCTIONS if data in _HIDDEN else ("rectifier", "tanh"))).check("activation", activation)
    truth_value.check("pretrained", pretrained)
    if data in _TEXTS:
        (whole_number(0, 3) | None).check("n_layers", n_layers)
        return _text(data, activation, pretrained, 3 if n_layers is None else n_layers)
    if n_layers is not None:
        raise OptionError(f"n_layers is for text; the paper's networks for {data} have {_HIDDEN[data]}")
    return _image(data, activation, pretrained)


def _image(data: str, activation: str, pretrained: bool) -> DeepRectifierClassifier:
    reconstruction: Any = _RECONSTRUCTIONS[activation]
    if data == "norb" and activation == "tanh":  # cross-entropy has no targets below 0
        reconstruction = ("linear-quadratic", reconstruction)
    stack = StackedDenoisingAutoencoder(
        _HIDDEN[data],
        activation,
        sign_mask="half" if activation == "rectifier" else None,
        corruption="masking",
        corruption_level=0.25,
        reconstruction=reconstruction,
        l1_activation=1e-3,
        learning_rate_init=0.01,
        batch_size=10,
        max_iter=100,
    )
    return DeepRectifierClassifier(
        stack.hidden_layer_sizes,
        activation,
        sign_mask=stack.sign_mask,
        l1_activation=1e-3,
        learning_rate_init=0.01,
        batch_size=10,
        max_iter=1000,
        n_iter_no_change=None,
        pretraining=stack if pretrained else None,
    )


def _text(
    data: str, activation: str, pretrained: bool, n_layers: int
) -> DeepRectifierClassifier | RatingPredictor:
    given = _TEXTS[data]
    sizes = (5000,) * n_layers
    stack = StackedDenoisingAutoencoder(
        sizes,
        activation,
        corruption=("salt-and-pepper", "masking", "masking")[:n_layers],
        corruption_level=given.levels[:n_layers],
        reconstruction="sigmoid-cross-entropy",
        l1_activation=given.l1[:n_layers],
        learning_rate_init=given.rates[:n_layers],
        batch_size=10,
        max_iter=given.epochs[:n_layers],
    )
    estimator = RatingPredictor if data == "opentable" else DeepRectifierClassifier
    return estimator(
        sizes,
        activation,
        l1_activation=given.l1[:n_layers],
        learning_rate_init=0.01,
        batch_size=10,
        max_iter=100,
        pretraining=stack if pretrained and n_layers else None,
    )
