"""What a penalty on the activations with their signs does, instead of one on their absolute values.

    TRUEZERO_DATA=FOLDER python benchmarks/signed_l1.py

MNIST, 784-300-300-300-10 rectifiers of which half are masked by −1 (section 4.1), plain SGD in NumPy, since
no engine has such a penalty: its derivative by h is λ, where that of |h| is λ sign(h). A masked unit, whose
h is negative, is paid for growing.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero import Network
from truezero.bench.rows import training_rows
from truezero.core.initial import initialize
from truezero.datasets import load_dataset

HIDDEN, BATCH, N_TRAIN, N_HELD_OUT = (300, 300, 300), 10, 30_000, 5_000


def layers(network: Network, rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Activations of every layer, the rows first and z of the outputs last."""
    found = [rows]
    for layer, (weights, biases) in enumerate(zip(network.weights, network.biases, strict=True)):
        z = found[-1] @ weights + biases
        found.append(z if layer == network.n_hidden else np.maximum(z, 0) * network.signs[layer])
    return found


def step(
    network: Network, rows: NDArray[Any], classes: NDArray[Any], rate: float, penalty: float, signed: bool
) -> None:
    """One minibatch."""
    found = layers(network, rows)
    delta = np.exp(found[-1] - found[-1].max(axis=1, keepdims=True))
    delta /= delta.sum(axis=1, keepdims=True)
    delta[np.arange(len(rows)), classes] -= 1
    delta /= len(rows)
    for layer in reversed(range(len(network.weights))):
        below = found[layer]
        d_below = delta @ network.weights[layer].T
        network.weights[layer] -= rate * (below.T @ delta)
        network.biases[layer] -= rate * delta.sum(axis=0)
        if layer:
            d_below += penalty / len(rows) * (1.0 if signed else np.sign(below))
            delta = d_below * ((below != 0) * network.signs[layer - 1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    X, y = training_rows(load_dataset("mnist"))
    held_out = slice(N_TRAIN, N_TRAIN + N_HELD_OUT)
    headings = ("penalty", "λ", "rate", "epochs", "error, %", "zeros by layer, %", "largest weight")
    print(f"| {' | '.join(headings)} |\n{'|---' * len(headings)}|")
    for signed in (False, True):
        for penalty in (1e-3, 1e-4):
            for rate in (0.1, 0.01):
                network = initialize((784, *HIDDEN, 10), sign_mask="half", seed=0)
                for epoch in range(1, options.epochs + 1):
                    order = np.random.default_rng(epoch).permutation(N_TRAIN)
                    with np.errstate(all="ignore"):
                        for start in range(0, N_TRAIN, BATCH):
                            of = order[start : start + BATCH]
                            step(network, X[of], y[of], rate, penalty, signed)
                    if not network.all_finite():
                        break
                largest = max(float(np.abs(weights).max()) for weights in network.weights)
                with np.errstate(all="ignore"):
                    found = layers(network, X[held_out])
                error = 100 * (found[-1].argmax(axis=1) != y[held_out]).mean()
                zeros = ", ".join(f"{100 * (h == 0).mean():.0f}" for h in found[1:-1])
                name = "signed" if signed else "absolute"
                print(
                    f"| {name} | {penalty:g} | {rate:g} | {epoch} | {error:.1f} | {zeros} | {largest:.3g} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
