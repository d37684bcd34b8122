"""The other libraries: the same network and the same steps of SGD, written as their users would."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench.ours import OurSteps
from truezero.bench.timing import Contest, Contestant
from truezero.core.network import Network
from truezero.errors import OptionError, TruezeroError

TORCH_VARIANTS = ("torch eager", "torch foreach", "torch fused", "torch compiled")
BY_HAND = "torch by hand"
EMBEDDING = "torch, embedding bag"
_CHECKED = 1e-2  # float32 sums in another order, and some steps in which that grows


def torch_installed() -> bool:
    """Whether PyTorch can be imported."""
    try:
        import torch  # noqa: F401 # only whether it is there
    except ImportError:
        return False
    return True


def require_torch() -> None:
    """Say what to do where PyTorch is not there.

    Raises
    ------
    OptionError
        If it cannot be imported.
    """
    if not torch_installed():
        raise OptionError("this benchmark needs PyTorch: pip install 'torch>=2.2' (or the extra 'bench')")


class TorchTraining:
    """Training in PyTorch: linear layers, cross-entropy plus L1 on the hidden activations, plain SGD.

    Parameters
    ----------
    network : Network
        Rectifier, tanh or softplus hidden layers; where the training starts.
    variant : str
        One of `TORCH_VARIANTS`: how the update is made; "torch compiled" compiles forward and
        backward passes and fuses the update.
    learning_rate, l1 : float
    n_threads : int
        Of what is done next.
    first_layer : torch.nn.Module, optional
        Takes the place of the first hidden layer (an embedding bag, say).
    """

    def __init__(
        self,
        network: Network,
        variant: str,
        *,
        learning_rate: float,
        l1: float,
        n_threads: int = 1,
        first_layer: Any = None,
    ) -> None:
        import torch

        self.torch, self.n_threads, self.l1 = torch, n_threads, l1
        self.layers = [torch_linear(w, b) for w, b in zip(network.weights, network.biases, strict=True)]
        if first_layer is not None:
            self.layers[0] = first_layer
        activations: dict[str, Callable[[Any], Any]] = {
            "rectifier": torch.relu,
            "tanh": torch.tanh,
            "softplus": torch.nn.functional.softplus,
        }
        self.activation = activations[network.activations[0]]
        update: dict[str, Any] = {"foreach": False}
        if variant == "torch foreach":
            update = {"foreach": True}
        elif variant in ("torch fused", "torch compiled"):
            update = {"fused": True}
        self.optimizer = torch.optim.SGD(self.parameters(), lr=learning_rate, **update)
        self.cost = torch.compile(self._cost) if variant == "torch compiled" else self._cost

    def parameters(self) -> list[Any]:
        """All weights and biases, layer by layer."""
        return [parameter for layer in self.layers for parameter in layer.parameters()]

    def _cost(self, rows: Any, classes: Any) -> Any:
        torch = self.torch
        h, penalty = rows, 0.0
        for layer in self.layers[:-1]:
            h = self.activation(layer(h))
            penalty = penalty + h.abs().sum()
        return (
            torch.nn.functional.cross_entropy(self.layers[-1](h), classes) + self.l1 / len(classes) * penalty
        )

    def train(self, batches: Sequence[tuple[Any, Any]]) -> float:
        """Make a step for each (rows, classes); return the seconds per step."""
        torch = self.torch
        torch.set_num_threads(self.n_threads)
        started = time.perf_counter()
        for rows, classes in batches:
            self.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(self.cost(rows, classes))
            self.optimizer.step()
        return (time.perf_counter() - started) / len(batches)

    def contestant(self, batches: Sequence[tuple[Any, Any]], n_threads: int) -> Contestant:
        """Training over the minibatches on so many threads; gradients are not kept between rounds."""

        def run() -> float:
            self.n_threads = n_threads
            seconds = self.train(batches)
            self.optimizer.zero_grad(set_to_none=True)
            return seconds

        return run

    def outputs(self, rows: Any) -> Any:
        """Outputs for rows, as a NumPy array."""
        self.torch.set_num_threads(self.n_threads)
        with self.torch.inference_mode():
            h = rows
            for layer in self.layers[:-1]:
                h = self.activation(layer(h))
            return self.layers[-1](h).numpy()

    def restart(self, network: Network) -> None:
        """Take a network's weights and biases for its own."""
        for layer, weights, biases in zip(self.layers, network.weights, network.biases, strict=True):
            _fill(layer, weights, biases)

    def weights(self) -> list[NDArray[Any]]:
        """Weight matrices as ours lie, [in, out]."""
        return [layer.weight.detach().numpy().T for layer in self.layers]


def torch_linear(weights: NDArray[Any], biases: NDArray[Any]) -> Any:
    """Make a `torch.nn.Linear` of our weights [in, out]."""
    import torch

    layer = torch.nn.Linear(*weights.shape)
    _fill(layer, weights, biases)
    return layer


def _fill(layer: Any, weights: NDArray[Any], biases: NDArray[Any]) -> None:
    import torch

    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights.T.copy()))
        layer.bias.copy_(torch.tensor(biases))


def sparse_first_layer(network: Network, *, bag: bool) -> Any:
    """Make a first layer for sparse rows, or for numbers of the features that are 1 (an embedding bag)."""
    import torch

    class FirstLayer(torch.nn.Module):  # type: ignore[misc, unused-ignore] # Any where PyTorch is missing
        def __init__(self) -> None:
            super().__init__()
            weights = torch.tensor(network.weights[0].copy())
            self.bias = torch.nn.Parameter(torch.tensor(network.biases[0].copy()))
            if bag:
                self.bag = torch.nn.EmbeddingBag.from_pretrained(
                    weights, freeze=False, mode="sum", sparse=True
                )
            else:
                self.weights = torch.nn.Parameter(weights)

        @property
        def weight(self) -> Any:
            """Of the layer, [out, in], as `torch.nn.Linear` has it."""
            return (self.bag.weight if bag else self.weights).T

        def forward(self, rows: Any) -> Any:
            return (self.bag(*rows) if bag else torch.sparse.mm(rows, self.weights)) + self.bias

    return FirstLayer()


def torch_batches(X: NDArray[Any], classes: NDArray[Any], order: NDArray[Any], size: int) -> list[Any]:
    """Minibatches of preloaded rows in order, as pairs of tensors."""
    import torch

    rows, target = torch.tensor(X), torch.tensor(classes)
    positions = [torch.tensor(order[start : start + size]) for start in range(0, len(order), size)]
    return [(rows[batch], target[batch]) for batch in positions]


def enter_torch(
    contest: Contest,
    name: str,
    make: Callable[[], TorchTraining],
    batches: Sequence[tuple[Any, Any]],
    ours: OurSteps,
    *,
    checked_steps: int = 20,
) -> TorchTraining:
    """Let PyTorch take part, if it does the same work.

    Parameters
    ----------
    contest : Contest
    name : str
    make : callable
        Makes a model at our start.
    batches : sequence
        What the model trains over: the minibatches of our order, or the first of them.
    ours : OurSteps
    checked_steps : int
        After so many the weights are compared.

    Returns
    -------
    TorchTraining
        The model that is timed.

    Raises
    ------
    TruezeroError
        If its weights come out farther from ours than rounding explains.
    """
    contest.on_progress(f"{name}: is it the same work?")
    checked, model = batches[:checked_steps], make()
    model.train(checked)
    apart = disagreement(ours.after(len(checked)), model.weights(), ours.start)
    contest.disagreement[name] = check(name, apart, _CHECKED)
    model = make()
    contest.enter(name, partial(model.contestant, batches))
    return model


def enter_torch_variants(
    contest: Contest,
    make: Callable[[str], TorchTraining],
    batches: Sequence[tuple[Any, Any]],
    ours: OurSteps,
    *,
    checked_steps: int = 20,
) -> dict[str, TorchTraining]:
    """Let every one of `TORCH_VARIANTS` take part that runs here; see `enter_torch`."""
    import torch

    # What is compiled is kept by function, so that another shape would make it compile for any shape.
    torch.compiler.reset()
    models = {}
    for variant in TORCH_VARIANTS:
        try:
            models[variant] = enter_torch(
                contest, variant, partial(make, variant), batches, ours, checked_steps=checked_steps
            )
        except RuntimeError as error:  # no compiler for torch.compile, say
            contest.left_out[variant] = str(error).strip().splitlines()[0]
    return models


def check(name: str, apart: float, most: float) -> float:
    """Return how far another library's result is from ours.

    Raises
    ------
    TruezeroError
        If it is farther than rounding explains: the work would not be the same.
    """
    if not apart < most:
        raise TruezeroError(f"{name} does not do the same work: its result differs by {apart:.2g}")
    return apart


def jax_training(
    network: Network, batches: Sequence[Any], *, learning_rate: float, l1: float
) -> Callable[[], float] | None:
    """Return a function that trains over the minibatches in JAX and gives seconds per step.

    None where JAX is not installed or the activation is not the rectifier or tanh. A step is compiled,
    its arguments donated; JAX chooses its threads by itself.
    """
    try:
        jax: Any = importlib.import_module("jax")
        jnp: Any = importlib.import_module("jax.numpy")
    except ImportError:
        return None
    functions = {"rectifier": jax.nn.relu, "tanh": jnp.tanh}
    if network.activations[0] not in functions:
        return None
    activation = functions[network.activations[0]]

    def cost(parameters: Any, rows: Any, classes: Any) -> Any:
        h, penalty = rows, 0.0
        for weights, biases in parameters[:-1]:
            h = activation(h @ weights + biases)
            penalty = penalty + jnp.abs(h).sum()
        weights, biases = parameters[-1]
        log_p = jax.nn.log_softmax(h @ weights + biases)
        n = len(classes)
        return -log_p[jnp.arange(n), classes].mean() + l1 / n * penalty

    def step(parameters: Any, rows: Any, classes: Any) -> Any:
        gradient = jax.grad(cost)(parameters, rows, classes)
        return jax.tree.map(lambda p, g: p - learning_rate * g, parameters, gradient)

    compiled = jax.jit(step, donate_argnums=0)
    state: list[Any] = [
        [(jnp.array(w), jnp.array(b)) for w, b in zip(network.weights, network.biases, strict=True)]
    ]
    data = [(jnp.array(rows.numpy()), jnp.array(classes.numpy())) for rows, classes in batches]

    def run() -> float:
        jax.block_until_ready(state[0])
        started = time.perf_counter()
        parameters = state[0]
        for rows, classes in data:
            parameters = compiled(parameters, rows, classes)
        jax.block_until_ready(parameters)
        state[0] = parameters
        return (time.perf_counter() - started) / len(data)

    run()  # compiles
    return run


def sklearn_training(
    network: Network, X: Any, classes: NDArray[Any], size: int, learning_rate: float
) -> Callable[[], float] | None:
    """Return a function that trains scikit-learn's MLPClassifier over the rows; seconds per step.

    None where it does not know the activation. It has no L1 on activations and draws its own initial
    weights, so what it computes is not compared; else the work is the same.
    """
    from sklearn.neural_network import MLPClassifier

    activation = {"rectifier": "relu", "tanh": "tanh"}.get(network.activations[0])
    if activation is None:
        return None
    model = MLPClassifier(
        hidden_layer_sizes=network.layer_sizes[1:-1], activation=activation, solver="sgd", momentum=0,
        alpha=0, batch_size=size, shuffle=False, learning_rate_init=learning_rate, random_state=0,
    )  # fmt: skip
    n_steps = -(-int(X.shape[0]) // size)
    model.partial_fit(X[:size], classes[:size], classes=np.unique(classes))  # draws the weights

    def run() -> float:
        started = time.perf_counter()
        model.partial_fit(X, classes)
        return (time.perf_counter() - started) / n_steps

    return run


def disagreement(ours: Network, theirs: Sequence[NDArray[Any]], start: Network) -> float:
    """‖difference of the weights‖ ⁄ ‖how far training moved them‖, the largest over the layers."""
    return max(
        float(np.linalg.norm(w - t)) / max(float(np.linalg.norm(w - s)), 1e-30)
        for w, t, s in zip(ours.weights, theirs, start.weights, strict=True)
    )
