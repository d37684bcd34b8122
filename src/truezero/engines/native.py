"""The native engine: hands arrays to the compiled core, which skips every product with a zero."""

from __future__ import annotations

import operator
import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Autoencoder
from truezero.core.bfloat16 import upper_halves
from truezero.core.draws import threshold
from truezero.core.network import Network
from truezero.core.predictor import Forward
from truezero.core.rows import Examples, Features, Unlabeled
from truezero.engines import _native, factored
from truezero.engines.blas import blas_alone, blas_name
from truezero.engines.contract import AutoencoderSettings, Evaluation, StepSettings, Tally
from truezero.engines.cores import cpu_quota
from truezero.errors import DataError, EngineUnavailableError, OptionError

_PRODUCTS = {
    "automatic": _native.Products.automatic,
    "sparse": _native.Products.sparse,
    "dense": _native.Products.dense,
}
_TARGETS = {"input": 0, "magnitude": 1, "two-sided": 2, "squashed": 3, "squashed-magnitude": 4}
SOURCE_HASH = _native.SOURCE_HASH
COMPILER = _native.COMPILER
_TRAIN = {np.dtype("f4"): _native.train_float32, np.dtype("f8"): _native.train_float64}
_TRAIN_AUTOENCODER = {
    np.dtype("f4"): _native.train_autoencoder_float32,
    np.dtype("f8"): _native.train_autoencoder_float64,
}
_PREDICTOR = {np.dtype("f4"): _native.PredictorFloat32, np.dtype("f8"): _native.PredictorFloat64}


class NativeEngine:
    """C++ for float32 and float64."""

    name = "native"

    def __init__(self) -> None:
        # Of networks that can no longer change: what was made ready for them, while they live.
        self._ready: dict[int, tuple[weakref.ref[Network], tuple[Any, ...], _native._Predictor]] = {}
        quota = cpu_quota()
        if quota is not None:  # the affinity the core knows itself
            _native.limit_cores(max(1, int(quota)))

    def train(
        self,
        network: Network,
        examples: Examples,
        order: NDArray[np.int64],
        settings: StepSettings,
        *,
        epoch: int,
        seed: int,
        n_threads: int,
        density: Sequence[float] | None = None,
    ) -> Tally:
        """Run minibatch SGD over `order`; see `Engine.train`."""
        examples.check(network)
        features, products = _prepare(network, examples.features, settings, len(order), density)
        target_type = np.int64 if network.output == "softmax" else network.dtype
        loss, penalty = _call(
            network,
            _TRAIN[network.dtype],
            _arrays(network),
            _input(features, network),
            np.ascontiguousarray(examples.target, dtype=target_type),
            None if examples.weight is None else np.ascontiguousarray(examples.weight, dtype=np.float64),
            np.ascontiguousarray(examples.ids, dtype=np.int64),
            np.ascontiguousarray(order, dtype=np.int64),
            _settings(settings, products, epoch, seed),
            n_threads,
        )
        n = max(len(order), 1)
        return Tally(loss / n, penalty / n, products)

    def train_autoencoder(
        self,
        autoencoder: Autoencoder,
        examples: Unlabeled,
        order: NDArray[np.int64],
        settings: AutoencoderSettings,
        *,
        layer: int,
        epoch: int,
        seed: int,
        n_threads: int,
        density: Sequence[float] | None = None,
    ) -> Tally:
        """Run minibatch SGD over `order`; see `Engine.train_autoencoder`."""
        examples.check(autoencoder)
        network, n = autoencoder.network, max(len(order), 1)
        if factored.applies(autoencoder, examples, settings, len(order), density):
            _check_writable(network)
            with blas_alone():
                loss, penalty = factored.train(
                    autoencoder, examples, order, settings, layer=layer, epoch=epoch, seed=seed
                )
            return Tally(loss / n, penalty / n, ("sparse", "factored"), blas_name())
        features, products = _prepare(network, examples.features, settings, len(order), density)
        if autoencoder.tied or settings.sampling is not None:
            products = (
                "sparse",
                "dense",
            )  # zeros of the input are skipped; a listed output is multiplied whole
        target = examples.target
        loss, penalty = _call(
            network,
            _TRAIN_AUTOENCODER[network.dtype],
            _arrays(network),
            _input(features, network),
            None if target is None else np.ascontiguousarray(target, dtype=network.dtype),
            np.ascontiguousarray(examples.ids, dtype=np.int64),
            np.ascontiguousarray(order, dtype=np.int64),
            _autoencoder_settings(autoencoder, settings, products, layer, epoch, seed),
            n_threads,
        )
        return Tally(loss / n, penalty / n, products)

    def forward(
        self, network: Network, features: Features, *, n_threads: int, products: str = "automatic"
    ) -> Array:
        """Compute the network's output; see `Engine.forward`.

        `products` "sparse" skips every zero, "dense" none, "automatic" takes the faster; for benchmarks.
        """
        return self._forward(network, features, products, False, n_threads)[0]

    def evaluate(self, network: Network, features: Features, *, n_threads: int) -> Evaluation:
        """Compute the network's output and count its zeros; see `Engine.evaluate`."""
        output, counts = self._forward(network, features, "automatic", True, n_threads)
        zeros, ever_active = counts
        return Evaluation(output, tuple(zeros), tuple(a.astype(bool) for a in ever_active))

    def _forward(
        self, network: Network, features: Features, products: str, count: bool, n_threads: int
    ) -> tuple[Array, Any]:
        features.check_width(network)
        predictor = self._predictor(network)
        features = features.canonical()
        output = np.empty((features.X.shape[0], network.biases[-1].shape[0]), network.dtype)
        rows, how = _input(features, network), _PRODUCTS[products]
        return output, _call(network, predictor.evaluate, rows, output, how, count, n_threads)

    def bound(self, network: Network, *, bfloat16: bool = False) -> Forward:
        """Make ready what computes the output of dense rows; see `Engine.bound`."""
        if not bfloat16:
            return self._predictor(network).forward
        instruction_level()
        weights, *others = _arrays(network)
        halves = [upper_halves(of) for of in weights]
        bound: _native.PredictorBfloat16 = _call(network, _native.PredictorBfloat16, (halves, *others))
        return bound.forward

    def encode(
        self, network: Network, features: Features, layer: int, *, n_threads: int
    ) -> sparse.csr_array[Any]:
        """Activations of one hidden layer as CSR; see `Engine.encode`."""
        features.check_width(network)
        predictor = self._predictor(network)
        features = features.canonical()
        code = _call(network, predictor.encode, _input(features, network), layer, n_threads)
        shape = (features.n_samples, network.layer_sizes[layer + 1])
        result = sparse.csr_array(code, shape=shape)
        result.has_canonical_format = True
        return result

    def _predictor(self, network: Network) -> _native._Predictor:
        """What predicts with a network; kept for one whose arrays are read-only (`Network.freeze`)."""
        arrays = (*network.weights, *network.biases)
        # All that its answers depend on; the arrays are compared by identity, which read-only ones can be.
        facts = (instruction_level(), network.activations, network.softplus_scale, *map(id, network.signs))
        frozen = not any(array.flags.writeable for array in arrays)
        kept = self._ready.get(id(network))
        if frozen and kept and len(kept[1]) == len(facts) + len(arrays):
            known = kept[1]
            if known[: len(facts)] == facts and all(map(operator.is_, known[len(facts) :], arrays)):
                return kept[2]
        parts = _arrays(network)
        arrays = (*parts[0], *parts[1])
        predictor: _native._Predictor = _call(network, _PREDICTOR[network.dtype], parts)
        if not any(array.flags.writeable for array in arrays):
            key = id(network)
            gone = weakref.ref(network, lambda _: self._ready.pop(key, None))
            self._ready[key] = (gone, (*facts, *arrays), predictor)
        return predictor


def instruction_level() -> str:
    """Name of the instruction level in use: the machine's best, or TRUEZERO_ISA when it was first asked for.

    Raises
    ------
    EngineUnavailableError
        If TRUEZERO_ISA names one that this build or machine does not have.
    """
    global _level
    if _level is None:
        try:
            use_level(os.environ.get("TRUEZERO_ISA", ""))
        except _native.LevelUnavailable as error:
            raise EngineUnavailableError(f"TRUEZERO_ISA={error}") from None
    return cast(str, _level)


def use_level(name: str) -> None:
    """Choose an instruction level for all that follows; the machine's best if `name` is empty."""
    global _level
    _native.use_level(name)
    _level = _native.level_in_use()


_level: str | None = None  # the environment is read once: it may change while threads are at work


def instruction_levels() -> list[str]:
    """Names of the levels this build and machine have, slowest first."""
    return _native.available_levels()


def _call(network: Network, core: Callable[..., Any], *arguments: Any) -> Any:
    """Call the core. What it refuses is the caller's to mend: rows changed after they were checked, say."""
    try:
        return core(*arguments)
    except ValueError as error:
        network.validate()
        raise DataError(f"refused by the compiled core: {error}") from error


def _arrays(network: Network) -> tuple[Any, ...]:
    """Everything of a network that the core needs."""
    if not network.laid_out:  # other arrays were put into its lists since it was made
        network.validate()
    codes = [network.activation(layer).native_code for layer in range(network.n_hidden)]
    return (
        list(network.weights),  # another thread may put others into the network's own lists meanwhile
        list(network.biases),
        codes,
        list(network.signs),
        network.softplus_scale,
        network.use_biases,
        network.output == "softmax",
    )


def _input(features: Features, network: Network) -> tuple[Any, Any, Any]:
    """Rows, scale and offset as the core takes them."""
    wide = np.result_type(features.X.dtype, network.dtype)
    return _rows(features), _per_feature(features.scale, wide), _per_feature(features.offset, wide)


def _per_feature(given: Any, dtype: np.dtype[Any]) -> Any:
    """One number, also where all features have the same, or one per feature in a dtype."""
    if np.ndim(given) and np.any(given != given[0]):
        return np.ascontiguousarray(given, dtype)
    return float(np.ravel(given)[0])


def _rows(features: Features) -> Any:
    """Canonical rows as the core takes them: a matrix, or (data, indices, indptr, n_columns)."""
    X = features.X
    if sparse.issparse(X):
        data, indices = np.ascontiguousarray(X.data), np.ascontiguousarray(X.indices)
        return (data, indices, np.ascontiguousarray(X.indptr, np.int64), X.shape[1])
    if not X.shape[0]:  # NumPy may give no rows strides of 0, which the core takes for other strides
        return np.empty((1, X.shape[1]), X.dtype)[:0]
    return X if X.strides[1] == X.itemsize and X.strides[0] % X.itemsize == 0 else np.ascontiguousarray(X)


def _check_writable(network: Network) -> None:
    if not all(array.flags.writeable for array in (*network.weights, *network.biases)):
        raise OptionError("the network is read-only; train a copy of it")


def _prepare(
    network: Network,
    features: Features,
    settings: StepSettings | AutoencoderSettings,
    n_order: int,
    density: Sequence[float] | None,
) -> tuple[Features, tuple[str, ...]]:
    """Input as the core takes it, and how it multiplies each layer's input."""
    _check_writable(network)
    instruction_level()
    features = features.canonical()
    batch_size = min(settings.batch_size, n_order)
    return features, _products(network, features, density, _dense_above(batch_size))


def _settings(
    settings: StepSettings, products: tuple[str, ...], epoch: int, seed: int
) -> _native.StepSettings:
    core = _native.StepSettings()
    _set_step(core, settings, settings.l1, products, epoch, seed)
    core.dropout, core.dropout_threshold = settings.dropout, threshold(settings.dropout)
    core.input_dropout, core.input_dropout_threshold = (
        settings.input_dropout,
        threshold(settings.input_dropout),
    )
    core.max_norm = settings.max_norm or 0.0
    core.weight_decay = settings.weight_decay
    return core


def _autoencoder_settings(
    autoencoder: Autoencoder,
    settings: AutoencoderSettings,
    products: tuple[str, ...],
    layer: int,
    epoch: int,
    seed: int,
) -> _native.AutoencoderSettings:
    core = _native.AutoencoderSettings()
    _set_step(core, settings, (settings.l1,), products, epoch, seed)
    core.stack_layer = layer
    corruption = settings.corruption
    core.zeros_threshold, core.ones_threshold = threshold(corruption.zeros), threshold(corruption.ones)
    core.noise_deviation = corruption.deviation
    core.reconstruction, core.bounded = autoencoder.unit.native_code, autoencoder.unit.bounded
    core.target = _TARGETS.get(autoencoder.target, 0)  # else it is given apart
    core.deviation = autoencoder.deviation
    core.tied = autoencoder.tied
    core.sampling = settings.sampling or 0.0
    core.sampling_threshold = threshold(core.sampling)
    return core


def _set_step(
    core: _native.StepSettings,
    settings: StepSettings | AutoencoderSettings,
    l1: tuple[float, ...],
    products: tuple[str, ...],
    epoch: int,
    seed: int,
) -> None:
    core.learning_rate = settings.learning_rate
    core.batch_size = settings.batch_size
    core.l1 = list(l1)
    core.dense = [name == "dense" for name in products]
    core.epoch, core.seed = epoch, seed


def _dense_above(batch_size: int) -> float:
    """Share of non-zeros above which training is faster with a layer's input taken whole.

    Fitted to times of 256 to 2000 units in minibatches of 64 to 1,000 (benchmarks/README.md). Smaller ones
    are bound by the traffic of the weights, whichever way; products of matrices gain on the lists the more
    rows they get, and the more multiply-adds a level makes for each load: AVX2 than AVX-512.
    """
    if batch_size < _native.MANY_EXAMPLES:
        return 0.95
    return (0.38 if instruction_level() == "avx2" else 0.5) + 10 / batch_size


def _products(
    network: Network, features: Features, density: Sequence[float] | None, dense_above: float
) -> tuple[str, ...]:
    """How to multiply each layer's input: "sparse" skips its zeros, "dense" takes it whole.

    Where it is not known yet half of a layer's units are taken to be active, or all where zeros are not true.
    """
    known = tuple(density or (features.density(),))
    hidden = [0.5 if network.activation(layer).true_zeros else 1.0 for layer in range(network.n_hidden)]
    density = (*known, *hidden[len(known) - 1 :])
    chosen = ["dense" if of_layer > dense_above else "sparse" for of_layer in density]
    if sparse.issparse(features.X):
        chosen[0] = "sparse"
    return tuple(chosen)
