"""A training step written out by hand in PyTorch: no autograd, no optimizer, and no gradient is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from truezero.bench.peers import TorchTraining
from truezero.core.network import Network


class TorchByHand(TorchTraining):
    """Forward, backward and update as products of matrices; what makes a gradient subtracts it.

    Parameters
    ----------
    network : Network
        As in `TorchTraining`.
    learning_rate, l1 : float
    """

    def __init__(self, network: Network, *, learning_rate: float, l1: float) -> None:
        super().__init__(network, "torch eager", learning_rate=learning_rate, l1=l1)
        self.learning_rate = learning_rate
        slopes: dict[str, Callable[[Any], Any]] = {  # of an activation, by its output
            "rectifier": lambda h: h > 0,
            "tanh": lambda h: 1 - h * h,
            "softplus": lambda h: -self.torch.expm1(-h),
        }
        self.slope = slopes[network.activations[0]]

    def train(self, batches: Sequence[tuple[Any, Any]]) -> float:
        """Make a step for each (rows, classes); return the seconds per step."""
        self.torch.set_num_threads(self.n_threads)
        with self.torch.inference_mode():
            started = time.perf_counter()
            for rows, classes in batches:
                self._step(rows, classes)
            return (time.perf_counter() - started) / len(batches)

    def _step(self, rows: Any, classes: Any) -> None:
        torch, n = self.torch, len(classes)
        below = [rows]
        for layer in self.layers[:-1]:
            below.append(self.activation(torch.addmm(layer.bias, below[-1], layer.weight.T)))
        delta = torch.softmax(torch.addmm(self.layers[-1].bias, below[-1], self.layers[-1].weight.T), 1)
        delta[torch.arange(n), classes] -= 1
        delta /= n
        for place in reversed(range(len(self.layers))):
            layer, h = self.layers[place], below[place]
            if place:
                under = (delta @ layer.weight).add_(torch.sign(h), alpha=self.l1 / n).mul_(self.slope(h))
            layer.weight.addmm_(delta.T, h, alpha=-self.learning_rate)
            layer.bias.sub_(delta.sum(0), alpha=self.learning_rate)
            if place:
                delta = under
