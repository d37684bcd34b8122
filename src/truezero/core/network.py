"""The network: layer sizes, activations, sign masks, weights and biases. Data, no training state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, get_args

import numpy as np
from scipy import sparse

from truezero.core.activations import Activation, Array, get_activation
from truezero.core.constraints import Constraints, number, one_of, whole_number
from truezero.core.exchange import ExchangeMixin
from truezero.core.records import savable
from truezero.core.schema import Fields, Items, flag, word
from truezero.core.tensors import Path, Tensors
from truezero.core.text import printable
from truezero.errors import EngineUnavailableError, ModelFileError, OptionError

if TYPE_CHECKING:
    from truezero.core.predictor import Predictor

SignMask = Literal["random", "half"]
Output = Literal["softmax", "linear"]


@savable
@dataclass
class Network(ExchangeMixin):
    """A deep sparse rectifier network (section 3).

    Layer l computes ``z = h_prev @ W + b`` and, if it is hidden, ``h = s * f(z)`` with s its sign
    mask; the output layer's z goes through softmax (classification) or is the prediction itself.

    Attributes
    ----------
    weights : list of ndarray, shapes (n_in, n_out)
        All of one dtype, float32 or float64. An inactive input skips one row, so rows are contiguous: what
        lies otherwise, as a transposed view does, is copied when it comes in.
    biases : list of ndarray, shapes (n_out,)
        All zero, and kept so, where `use_biases` is False.
    activations : tuple of str
        One name per hidden layer.
    signs : tuple of (ndarray of shape (n_units,) or None)
        ±1 per unit of each hidden layer, in the weights' dtype; None means all +1.
    softplus_scale : float
        α of (1/α) softplus(αz), section 4.1.
    use_biases : bool
        False makes a rectifier network intensity equivariant: f(ax) = a f(x) for a > 0 (section 4.2).
    output : {"softmax", "linear"}
        What the output layer means, and so what its cost is.
    """

    weights: list[Array]
    biases: list[Array]
    activations: tuple[str, ...]
    signs: tuple[Array | None, ...]
    softplus_scale: float = 1.0
    use_biases: bool = True
    output: Output = "softmax"

    constraints: ClassVar[Constraints] = {
        "softplus_scale": number(above=0),
        "sign_mask": one_of(*get_args(SignMask)) | None,  # of `draw_signs`
    }

    def __post_init__(self) -> None:
        self.activations = tuple(get_activation(name).name for name in self.activations)
        self.validate()

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.layer_sizes))
        sizes = sizes if len(sizes) <= 60 else f"{sizes[:40]}…{sizes[-15:]}"
        units = "/".join(dict.fromkeys(self.activations)) or "no hidden layer"
        return f"<Network {sizes}, {units}, {self.output}, {self.dtype}>"

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of inputs, of units of every hidden layer, and of outputs."""
        return (self.weights[0].shape[0], *(w.shape[1] for w in self.weights))

    @property
    def n_hidden(self) -> int:
        """Number of hidden layers."""
        return len(self.weights) - 1

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Dtype of the weights, and of everything computed with them."""
        return self.weights[0].dtype

    def activation(self, layer: int) -> Activation:
        """Return the activation of a hidden layer.

        Parameters
        ----------
        layer : int
            0 .. n_hidden − 1.

        Returns
        -------
        Activation
        """
        return get_activation(self.activations[layer])

    def __call__(self, X: Any) -> Array:
        """Compute the output, on as many threads as TRUEZERO_NUM_THREADS says, or all.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
            Sparse rows stay sparse.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            z of the output layer, in the network's dtype: for "softmax" what goes into the softmax, for
            "linear" the prediction itself.

        Raises
        ------
        DataError
            If X is no matrix of numbers, or has another number of columns than the network inputs.
        """
        return _runner().forward(self, X)

    def predictor(
        self, n_threads: int | None = 1, *, weights: Literal["bfloat16"] | None = None
    ) -> Predictor:
        """Bind the network, as it is now, for many small predictions.

        Parameters
        ----------
        n_threads : int or None, default=1
            Of a call; None as for a network that is called.
        weights : "bfloat16", optional
            Round the weights to bfloat16, which halves the memory that a prediction reads. Answers are
            those of the network with such weights, to the bit, and no longer those of this one: a weight
            moves by up to 1/256 of itself. For networks in float32.

        Returns
        -------
        Predictor
            To be called with rows, by any number of threads. It saves the conversions and checks in which
            the time goes when a network is called with one row; it knows dense arrays of the network's
            dtype alone.

        Raises
        ------
        OptionError
            If `weights` is something else, or the network is not in float32.
        DataError
            If a weight is not finite, or too large for bfloat16.
        """
        (one_of("bfloat16") | None).check("weights", weights)
        return _runner().bind(self, n_threads, bfloat16=weights is not None)

    def encode(self, X: Any, layer: int = -1) -> sparse.csr_array[Any]:
        """Compute the activations of a hidden layer, sign masks included.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        layer : int, default=-1
            0 .. n_hidden − 1; a negative one counts from the last.

        Returns
        -------
        CSR of shape (n_samples, n_units)
            With exactly the active units, in the network's dtype.

        Raises
        ------
        OptionError
            If there is no such hidden layer.
        DataError
            As for the output.
        """
        n = self.n_hidden
        if not isinstance(layer, (int, np.integer)) or not -n <= layer < n:
            raise OptionError(f"layer {layer!r} is not a hidden layer of this network, which has {n}")
        return _runner().encode(self, X, int(layer) % n)

    def copy(self) -> Network:
        """Return an independent copy."""
        return Network(
            [w.copy() for w in self.weights],
            [b.copy() for b in self.biases],
            self.activations,
            tuple(None if s is None else s.copy() for s in self.signs),
            self.softplus_scale,
            self.use_biases,
            self.output,
        )

    @property
    def frozen(self) -> bool:
        """Whether all arrays are read-only."""
        arrays = (*self.weights, *self.biases, *self.signs)
        return not any(array is not None and array.flags.writeable for array in arrays)

    def freeze(self) -> Network:
        """Make the arrays read-only; return the network.

        An engine may then keep what it prepares for prediction, a second copy of the weights say: from
        now on they must not change, not through other views of their memory either. A `copy` can be
        changed.
        """
        for array in (*self.weights, *self.biases, *self.signs):
            if array is not None:
                array.flags.writeable = False
        return self

    def is_like(self, other: Network) -> bool:
        """Whether all but the weights and biases is the same: sizes, units, dtype, sign masks.

        Parameters
        ----------
        other : Network

        Returns
        -------
        bool
        """
        return (
            self.layer_sizes == other.layer_sizes
            and (self.activations, self.softplus_scale, self.use_biases, self.output, self.dtype)
            == (other.activations, other.softplus_scale, other.use_biases, other.output, other.dtype)
            and all(
                (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))
                for a, b in zip(self.signs, other.signs, strict=True)
            )
        )

    def all_finite(self) -> bool:
        """Whether no weight or bias is NaN or infinite (0 × Inf would be skipped unseen)."""
        return all(bool(np.isfinite(a).all()) for a in (*self.weights, *self.biases))

    def _to_record(self) -> tuple[Tensors, dict[str, Any]]:
        tensors, described = network_to_tensors(self)
        return tensors, {"network": described}

    @classmethod
    def _from_record(cls, tensors: Tensors, record: dict[str, Any], path: Path) -> Network:
        return network_from_tensors(tensors, record["network"], "", path)

    @property
    def laid_out(self) -> bool:
        """Whether all arrays lie as engines take them: in C order, aligned, and of the weights' dtype."""
        arrays = (*self.weights, *self.biases, *(sign for sign in self.signs if sign is not None))
        return all(a.flags.c_contiguous and a.flags.aligned and a.dtype == self.dtype for a in arrays)

    def validate(self) -> None:
        """Check that all parts fit together, once those that lie otherwise are copied into C order.

        Raises
        ------
        OptionError
            Naming the first part that does not fit.
        """
        self.weights, self.biases = list(map(_in_c_order, self.weights)), list(map(_in_c_order, self.biases))
        n = len(self.weights)
        if n == 0 or len(self.biases) != n or len(self.activations) != n - 1 or len(self.signs) != n - 1:
            raise OptionError(
                f"a network of {n} weight matrices needs {n} biases and {n - 1} activations and sign "
                f"masks, got {len(self.biases)}, {len(self.activations)} and {len(self.signs)}"
            )
        dtype = self.dtype
        self.signs = tuple(s if s is None else _in_c_order(s).astype(dtype, copy=False) for s in self.signs)
        if dtype not in (np.float32, np.float64):
            raise OptionError(f"weights must be float32 or float64, got {dtype}")
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            below = self.weights[layer - 1].shape[1:] if layer else w.shape[:1]
            if w.ndim != 2 or b.ndim != 1 or w.shape != (*below, *b.shape) or 0 in w.shape:
                n_in = below[0] if below else "no"
                raise OptionError(
                    f"layer {layer}: weights {w.shape} and biases {b.shape} do not fit {n_in} inputs"
                )
            if w.dtype != dtype or b.dtype != dtype:
                raise OptionError(f"layer {layer}: weights and biases must all be {dtype}")
        for layer, sign in enumerate(self.signs):
            if sign is not None and (
                sign.shape != (self.weights[layer].shape[1],) or bool((np.abs(sign) != 1).any())
            ):
                raise OptionError(f"hidden layer {layer}: the sign mask must be ±1, one per unit")
        self.constraints["softplus_scale"].check("softplus_scale", self.softplus_scale)
        if self.output not in ("softmax", "linear"):
            raise OptionError(f"output must be 'softmax' or 'linear', got {self.output!r}")


def _in_c_order(values: Any) -> Array:
    """The array itself where it lies so already, else a copy, read-only if it is."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise OptionError(f"weights, biases and sign masks must be arrays: {error}") from error
    if array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative:
        return array
    copy = np.array(array, array.dtype.newbyteorder("="), order="C")
    copy.flags.writeable = array.flags.writeable
    return copy


class Runner(Protocol):
    """What runs rows through a network."""

    def forward(self, network: Network, X: Any) -> Array:
        """Compute z of the output layer."""
        ...

    def encode(self, network: Network, X: Any, layer: int) -> sparse.csr_array[Any]:
        """Compute the activations of a hidden layer, 0 .. n_hidden − 1."""
        ...

    def bind(self, network: Network, n_threads: int | None, *, bfloat16: bool) -> Predictor:
        """Make ready what predicts with a network as it is now, or with its weights rounded."""
        ...


# Engines know networks, not the other way round: what is defined here must be readable without them. So
# the engines hand in here what runs a network that is called (`engines/select.py`), once they are imported.
_runners: list[Runner] = []


def run_networks_by(runner: Runner) -> None:
    """Let networks that are called be run by this, from now on."""
    _runners[:] = [runner]


def _runner() -> Runner:
    if not _runners:
        raise EngineUnavailableError("there is no engine to run a network: import truezero.engines first")
    return _runners[0]


def network_to_tensors(network: Network, prefix: str = "") -> tuple[Tensors, dict[str, Any]]:
    """Arrays and description of a network."""
    tensors: Tensors = {}
    for layer, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        tensors[f"{prefix}weights.{layer}"] = w
        tensors[f"{prefix}biases.{layer}"] = b
    for layer, sign in enumerate(network.signs):
        if sign is not None:
            tensors[f"{prefix}signs.{layer}"] = sign
    described = {
        "layer_sizes": network.layer_sizes,
        "activations": network.activations,
        "softplus_scale": network.softplus_scale,
        "use_biases": network.use_biases,
        "output": network.output,
    }
    return tensors, described


_DESCRIBED = Fields(
    {
        "layer_sizes": Items(whole_number(1), fewest=2),
        "activations": Items(word),
        "softplus_scale": Network.constraints["softplus_scale"],
        "use_biases": flag,
        "output": one_of(*get_args(Output)),
    }
)


def network_from_tensors(tensors: Tensors, described: Any, prefix: str, path: Path) -> Network:
    """Rebuild a network.

    Raises
    ------
    ModelFileError
        If parts are missing, disagree in shape, or are not finite.
    """
    try:
        _DESCRIBED.check("network", described)
        n_layers = len(described["layer_sizes"]) - 1
        network = Network(
            [tensors[f"{prefix}weights.{layer}"] for layer in range(n_layers)],
            [tensors[f"{prefix}biases.{layer}"] for layer in range(n_layers)],
            tuple(described["activations"]),
            tuple(tensors.get(f"{prefix}signs.{layer}") for layer in range(n_layers - 1)),
            float(described["softplus_scale"]),
            described["use_biases"],
            described["output"],
        )
        if list(network.layer_sizes) != described["layer_sizes"]:
            raise OptionError(
                f"layer sizes {described['layer_sizes']} and arrays {network.layer_sizes} disagree"
            )
    except KeyError as error:
        raise ModelFileError(f"{path} is damaged: it lacks {printable(error)}") from error
    except (TypeError, ValueError, IndexError) as error:
        raise ModelFileError(f"{path} is damaged: {printable(error, 300)}") from error
    if not network.all_finite():
        raise ModelFileError(f"{path} is damaged: a weight is NaN or infinite")
    return network
