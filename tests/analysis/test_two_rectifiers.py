"""Two rectifiers that share their parameters give what is symmetric, or antisymmetric (section 3.1, footnote 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from truezero import Network
from truezero.analysis import active_units

Z = np.linspace(-3, 3, 121)[:, np.newaxis]


def two(sign: float, bias: float) -> Network:
    """A network of r(z + bias) and r(−z + bias), the second with this sign."""
    return Network(
        [np.array([[1.0, -1.0]]), np.array([[1.0], [float(sign)]])],
        [np.full(2, float(bias)), np.zeros(1)],
        ("rectifier",),
        (None,),
        output="linear",
    )


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("bias", [0.0, -0.5, 1.0])
def test_the_sum_is_symmetric_and_the_difference_antisymmetric(bias: float) -> None:
    even, odd = two(1, bias), two(-1, bias)
    np.testing.assert_array_equal(even(Z), even(-Z))
    np.testing.assert_array_equal(odd(Z), -odd(-Z))
    r: Any = lambda z: np.maximum(z, 0)  # noqa: E731
    np.testing.assert_allclose(even(Z), r(Z + bias) + r(-Z + bias))
    np.testing.assert_allclose(odd(Z), r(Z + bias) - r(-Z + bias))


@pytest.mark.usefixtures("engine")
def test_what_they_are() -> None:
    np.testing.assert_array_equal(two(1, 0)(Z), np.abs(Z))
    np.testing.assert_array_equal(two(-1, 0)(Z), Z)
    np.testing.assert_allclose(two(-1, -0.5)(Z), np.sign(Z) * np.maximum(np.abs(Z) - 0.5, 0), atol=1e-15)
    # A single rectifier is neither; and with a threshold no more than one of two is active.
    one = np.maximum(Z, 0)
    assert not np.array_equal(one, one[::-1])
    assert not np.array_equal(one, -one[::-1])
    assert active_units(two(-1, -0.5), Z).counts.max() == 1
