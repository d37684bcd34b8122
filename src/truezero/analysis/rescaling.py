"""The same function from other parameters: layers that are scaled against each other (section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truezero.core.network import Network
from truezero.errors import OptionError


def rescale(network: Network, factors: ArrayLike) -> Network:
    """Divide each layer's weights by a factor, and its biases by the product of those up to it.

    W'ᵢ = Wᵢ / αᵢ and b'ᵢ = bᵢ / ∏_{j≤i} αⱼ (section 3.1, "ill-conditioning of the parametrization"). Every
    output is then divided by ∏ αⱼ: where that is 1 the function is the same. Powers of two change nothing
    but exponents, and so no bit of the outputs.

    Parameters
    ----------
    network : Network
        Of rectifiers (or linear units), with or without sign masks.
    factors : array-like of shape (n_layers,)
        α of each layer, the output layer's too; above 0.

    Returns
    -------
    Network
        A new one, of the same dtype.

    Raises
    ------
    OptionError
        If there are not as many factors, one is not above 0, its units do not scale, or a weight would be
        too large for the dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from truezero import initialize
    >>> from truezero.analysis import rescale
    >>> network, X = initialize((4, 3, 2), "rectifier", seed=0), np.ones((1, 4))
    >>> bool((rescale(network, [8, 1 / 8])(X) == network(X)).all())
    True
    """
    _check_units(network)
    alpha = np.asarray(factors, dtype=np.float64)
    if alpha.shape != (len(network.weights),) or not (np.isfinite(alpha) & (alpha > 0)).all():
        raise OptionError(
            f"rescaling needs {len(network.weights)} factors above 0, one per layer, got {factors!r:.100}"
        )
    scaled = network.copy()
    with np.errstate(over="ignore"):
        for layer, product in enumerate(np.cumprod(alpha)):
            scaled.weights[layer][:] = network.weights[layer].astype(np.float64) / alpha[layer]
            scaled.biases[layer][:] = network.biases[layer].astype(np.float64) / product
    if not scaled.all_finite():
        raise OptionError(f"rescaling by these factors makes weights or biases too large for {network.dtype}")
    return scaled


def balancing_factors(network: Network, *, powers_of_two: bool = True) -> NDArray[np.float64]:
    """Find the factors of `rescale` that make the layers' weights equally large, with product 1.

    With equal Frobenius norms the sum of all squared weights is the least that any such factors give, and
    no layer learns faster than another for the scale of its weights alone.

    Parameters
    ----------
    network : Network
        Of rectifiers (or linear units).
    powers_of_two : bool, default=True
        The nearest such factors whose product is 1: norms are equal to a factor of 2, outputs to the bit.
        False: norms are equal, outputs to rounding.

    Returns
    -------
    ndarray of float64, shape (n_layers,)

    Raises
    ------
    OptionError
        If its units do not scale, or a layer's weights are all 0.
    """
    _check_units(network)
    norms = weight_norms(network)
    if not (norms > 0).all():
        raise OptionError(f"layer {int(np.argmin(norms))} has no weight but 0: no factor makes it larger")
    exponents = np.log2(norms)
    exponents -= exponents.mean()
    if powers_of_two:
        # Largest remainders: the sum stays 0, and what is left of each lies in an interval of length 1.
        whole = np.floor(exponents)
        whole[np.argsort(whole - exponents, kind="stable")[: int(-whole.sum())]] += 1
        exponents = whole
    return np.asarray(np.exp2(exponents))


def rebalance(network: Network, *, powers_of_two: bool = True) -> Network:
    """Make the layers' weights equally large; the network computes what it did.

    Parameters
    ----------
    network, powers_of_two
        As in `balancing_factors`.

    Returns
    -------
    Network
        A new one, of the same dtype.

    Raises
    ------
    OptionError
        As there.
    """
    return rescale(network, balancing_factors(network, powers_of_two=powers_of_two))


def weight_norms(network: Network) -> NDArray[np.float64]:
    """Frobenius norm of each layer's weights, shape (n_layers,).

    Parameters
    ----------
    network : Network

    Returns
    -------
    ndarray of shape (n_layers,), float64
        The output layer's among them.
    """
    return np.array([np.linalg.norm(w.astype(np.float64)) for w in network.weights])


def _check_units(network: Network) -> None:
    other: Sequence[str] = [
        name for layer, name in enumerate(network.activations) if not network.activation(layer).homogeneous
    ]
    if other:
        raise OptionError(f"units of {other[0]} do not scale with their input: f(az) is not a f(z)")
