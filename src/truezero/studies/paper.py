"""The paper's numbers, all in one place. Errors and sparsity are fractions."""

from __future__ import annotations

DATA = ("mnist", "cifar10", "nistp", "norb")

TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10", "nistp": "NISTP", "norb": "NORB"}
"""How people write the names of `DATA`."""
_NAMES = {title: name for name, title in TITLES.items()}
# Whose numbers are shown beside data that are neither the paper's nor made to stand in for them.
_NEAREST = {"digits": "mnist"}


def data_of(name: str, stand_in_for: str | None) -> str | None:
    """Name in `DATA` of what a data set is or stands in for; None if that is nothing of the paper's."""
    return name if name in DATA else _NAMES.get(stand_in_for or "")


def compared_with(name: str, stand_in_for: str | None) -> str | None:
    """Name in `DATA` of the data whose numbers are shown beside a data set's; None if there are none.

    Beside digits, which are handwritten as MNIST's are, it is MNIST's.
    """
    return data_of(name, stand_in_for) or _NEAREST.get(name)


# Table 1, test errors on MNIST, CIFAR-10, NISTP and NORB (section 4.1).
_TABLE_1 = {
    ("rectifier", True): (0.0120, 0.4996, 0.3286, 0.1646),
    ("tanh", True): (0.0116, 0.5079, 0.3589, 0.1766),
    ("softplus", True): (0.0117, 0.4952, 0.3327, 0.1919),
    ("rectifier", False): (0.0143, 0.5086, 0.3264, 0.1640),
    ("tanh", False): (0.0157, 0.5262, 0.3646, 0.1929),
    ("softplus", False): (0.0177, 0.5320, 0.3548, 0.1768),
}

# Exact zeros among the hidden units of rectifier networks without pre-training (section 4.1).
_SPARSITY = (0.834, 0.720, 0.680, 0.738)

SOFTPLUS = {1.0: 0.1768, 1.3: 0.1753, 2.0: 0.169, 3.0: 0.1666, 6.0: 0.1654, None: 0.1640}
"""Test errors on NORB by α of the rescaled softplus; None is the rectifier, α = ∞ (section 4.1)."""

BRAIN = (0.95, 0.99)
"""Share of neurons that are silent at a time, by the estimates of section 2.1."""


def test_error(activation: str, data: str, *, pretrained: bool) -> float | None:
    """Test error of Table 1; None where the paper has none.

    Parameters
    ----------
    activation : str
    data : str
        A name of `DATA`, or of a data set that the paper does not have.
    pretrained : bool
    """
    errors = _TABLE_1.get((activation, pretrained))
    return errors[DATA.index(data)] if errors is not None and data in DATA else None


def sparsity(activation: str, data: str, *, pretrained: bool) -> float | None:
    """Sparsity of the hidden layers in section 4.1; None where the paper has none."""
    given = activation == "rectifier" and not pretrained and data in DATA
    return _SPARSITY[DATA.index(data)] if given else None


# Table 2, root mean squared errors and sparsity on OpenTable (section 4.2); the last one is only said to be
# no lower, in the text.
_TABLE_2 = {
    ("rectifier", 0, False): (0.885, 0.994),
    ("rectifier", 1, True): (0.807, 0.289),
    ("rectifier", 3, True): (0.746, 0.539),
    ("tanh", 3, True): (0.774, 0.0),
    ("rectifier", 3, False): (0.833, None),
}

AMAZON = 0.7895
"""Test accuracy of three layers of rectifiers, mean over four kinds of products (section 4.2)."""
ZHOU = 0.7372
"""That of the best model of Zhou, Chen, Wang (2010), which the paper sets beside it."""


def rating(activation: str, n_layers: int, pretrained: bool) -> tuple[float | None, float | None]:
    """RMSE and sparsity of Table 2; None where the paper has none.

    Parameters
    ----------
    activation : str
    n_layers : int
        Hidden layers.
    pretrained : bool
    """
    return _TABLE_2.get((activation, n_layers, pretrained), (None, None))
