"""Affine maps and activations one after the other, folded to the layers of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from truezero.core.activations import get_activation
from truezero.core.network import Network, Output
from truezero.errors import OptionError

Doubles = NDArray[np.float64]

# Units that stand with no weights of their own get a matrix of ones and zeros, if they are not more.
_MOST_WITHOUT_WEIGHTS = 4096
# A shift of features by so many of their units costs float32 four of its 24 bits, and what it leaves
# is less than answers shall agree to.
_FAR = 16.0
_NEVER_NEGATIVE = ("rectifier", "softplus", "sigmoid", "lif", "rectified-tanh", "abs-tanh")


@dataclass(frozen=True)
class Imported:
    """What a file or model of another library holds.

    Attributes
    ----------
    network : Network
    classes : ndarray of shape (n_outputs,) or None
        Labels in the order of the outputs, where it says them.
    """

    network: Network
    classes: NDArray[Any] | None = None


class Chain:
    """Takes what rows go through, step by step, and gives the network that does the same.

    Affine maps in a row become one layer's, in float64: so normalisations of the input, batch
    normalisation and constants go into weights and biases. What is not affine ends a layer.
    """

    n_inputs: int | None = None
    """Of the network, where it is known before the first weights come."""

    def __init__(self) -> None:
        self.weights: list[Doubles] = []
        self.biases: list[Doubles] = []
        self.activations: list[str] = []
        self._softplus_scales: set[float] = set()
        self._matrix: Doubles | None = None  # of the layer that is being made
        # And until it has one, x * factor + shift: one number, or one per unit.
        self._factor: Doubles = np.ones(())
        self._shift: Doubles = np.zeros(())
        self._has_biases = False
        self._in_doubles = False

    @property
    def width(self) -> int | None:
        """Units that rows have by now, or features; None where that is not known yet."""
        if self._matrix is not None:
            return int(self._matrix.shape[1])
        if self.weights:
            return int(self.weights[-1].shape[1])
        if self.n_inputs is None and max(self._factor.size, self._shift.size) > 1:
            return max(self._factor.size, self._shift.size)
        return self.n_inputs

    @np.errstate(all="ignore")  # what is not finite is refused where the network is made
    def scaled(self, factor: Any = 1.0, shift: Any = None) -> None:
        """Multiply every unit, and add to it; numbers, or arrays of shape (n_units,)."""
        factor = np.asarray(factor, np.float64)
        sizes = {factor.size, np.size(0.0 if shift is None else shift)} - {1}
        if sizes and self.width is not None and sizes != {self.width}:
            raise OptionError(f"{max(sizes)} numbers do not go with {self.width} units")
        if (factor != 1).any():
            self._factor = self._factor * factor
            self._shift = self._shift * factor
            if self._matrix is not None:
                self._matrix = self._matrix * factor
        if shift is not None:
            self._shift = self._shift + np.asarray(shift, np.float64)
            self._has_biases = True

    @np.errstate(all="ignore")
    def multiplied(self, matrix: NDArray[Any]) -> None:
        """Multiply by weights of shape (n_in, n_out)."""
        self._in_doubles |= matrix.dtype == np.float64
        weights = np.array(matrix, np.float64)
        if self.width not in (None, weights.shape[0]) or 0 in weights.shape:
            raise OptionError(f"weights for {weights.shape[0]} inputs do not take {self.width}")
        if self._matrix is not None and self._matrix.shape[0] * weights.shape[1] > (
            self._matrix.size + weights.size
        ):
            self._end("linear")  # a bottleneck: the product would be larger than its factors
        if self._matrix is None:
            if (np.abs(self._shift) > _FAR).any():
                self._in_doubles = True
            shift = np.broadcast_to(self._shift, weights.shape[:1]) @ weights
            if (self._factor != 1).any():
                weights *= self._factor[..., np.newaxis]
            self._matrix, self._shift = weights, shift
        else:
            self._shift = np.broadcast_to(self._shift, weights.shape[:1]) @ weights
            self._matrix = self._matrix @ weights
        self._factor = np.ones(())

    def activated(self, name: str, softplus_scale: float = 1.0) -> None:
        """Apply an activation; or "abs", which is one after tanh.

        Raises
        ------
        OptionError
            If a network cannot have it here.
        """
        kind = name if name == "abs" else get_activation(name).name
        if kind == "linear":
            return
        if self._untouched and kind in ("rectifier", "abs"):
            last = self.activations[-1]
            if last in _NEVER_NEGATIVE:
                return
            if last == "tanh":
                self.activations[-1] = "abs-tanh" if kind == "abs" else "rectified-tanh"
                return
        if kind == "abs":
            raise OptionError("the absolute value is no activation, but after tanh")
        if kind == "softplus":
            self._softplus_scales.add(float(softplus_scale))
            if len(self._softplus_scales) > 1:
                raise OptionError("layers of softplus of different scales cannot be in one network")
        self._end(kind)

    def went_through(self, network: Network) -> None:
        """Do all that a network does; its sign masks go into the weights above, exactly."""
        for layer, weights in enumerate(network.weights):
            self.multiplied(weights)
            if network.use_biases:
                self.scaled(shift=network.biases[layer])
            if layer < network.n_hidden:
                self._end(network.activations[layer])
                sign = network.signs[layer]
                self.scaled(1.0 if sign is None else sign)
        if "softplus" in network.activations:
            self._softplus_scales.add(network.softplus_scale)

    def network(self, output: Output = "linear", dtype: DTypeLike | None = None) -> Network:
        """Make the network.

        Parameters
        ----------
        output : {"linear", "softmax"}
            What its outputs are; one output that went through a sigmoid becomes a softmax over two.
        dtype : {"float32", "float64"}, optional
            float64 where weights were, or where a normalisation was folded that float32 would not tell from
            rounding; else float32.

        Raises
        ------
        OptionError
            If there are no weights, or some are NaN or infinite.
        """
        if not self.weights and self._matrix is None:
            raise OptionError("there is no layer of weights")
        if self._untouched and self.activations[-1] == "sigmoid" and self.weights[-1].shape[1] == 1:
            self.activations.pop()
            w, b = self.weights.pop() / 2, self.biases.pop() / 2  # exact, and as decayed as one would be
            weights, biases, output = np.hstack([-w, w]), np.concatenate([-b, b]), "softmax"
        else:
            weights, biases = self._layer()
        kind = np.dtype(dtype or (np.float64 if self._in_doubles else np.float32))
        with np.errstate(over="ignore"):
            network = Network(
                [w.astype(kind) for w in (*self.weights, weights)],
                [b.astype(kind) for b in (*self.biases, biases)],
                tuple(self.activations),
                (None,) * len(self.activations),
                self._softplus_scales.pop() if self._softplus_scales else 1.0,
                self._has_biases,
                output,
            )
        if not network.all_finite():
            raise OptionError("a weight or bias is NaN or infinite")
        return network

    @property
    def _untouched(self) -> bool:
        """Whether nothing has come since the last activation."""
        return bool(
            self._matrix is None
            and self.activations
            and (self._factor == 1).all()
            and (self._shift == 0).all()
        )

    def _end(self, activation: str) -> None:
        weights, biases = self._layer()
        self.weights.append(weights)
        self.biases.append(biases)
        self.activations.append(activation)
        self._matrix, self._factor, self._shift = None, np.ones(()), np.zeros(())

    def _layer(self) -> tuple[Doubles, Doubles]:
        """Weights and biases of the layer that is being made."""
        if self._matrix is None:
            width = self.width
            if width is None:
                raise OptionError("there is no layer of weights before it")
            if width > _MOST_WITHOUT_WEIGHTS:
                raise OptionError(f"{width} units have no weights, {_MOST_WITHOUT_WEIGHTS} at most may")
            self._matrix = np.diag(np.broadcast_to(self._factor, (width,)))
        return self._matrix, np.array(np.broadcast_to(self._shift, self._matrix.shape[1:]))
