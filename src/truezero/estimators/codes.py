"""What every estimator with hidden layers has: codes, input rows, the seed, and how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from truezero.core.network import Network
from truezero.engines import Features, get_engine, resolve_threads
from truezero.errors import OptionError
from truezero.estimators.records import RecordMixin

# Features larger than this are trained divided by a power of two: plain SGD at any usable rate
# diverges on unscaled tabular data, and the paper's pixels and words are far below it.
_LARGE_FEATURE = 8.0


class CodesMixin(RecordMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Transforms rows to the activations of a hidden layer of its `network_`; not for direct use."""

    network_: Network
    hidden_layer_sizes: Any
    code_layer: int
    sparse_output: bool
    engine: str
    n_threads: int | None
    random_state: Any
    dtype: str

    def _features(self, X: Any) -> Features:
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=[np.float32, np.float64])
        return Features(X)

    def transform(self, X: Any) -> Any:
        """Activations of the hidden layer `code_layer`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        CSR of shape (n_samples, n_units)
            With exactly the active units; an array where `sparse_output` is False. Whether it is a
            sparse array or matrix follows scikit-learn's `sparse_interface`.
        """
        check_is_fitted(self)
        features = self._features(X)
        engine = get_engine(self.engine, self.network_)
        codes = engine.encode(
            self.network_, features, self._code_layer(), n_threads=resolve_threads(self.n_threads)
        )
        if not self.sparse_output:
            return codes.toarray()
        interface = sklearn.get_config().get("sparse_interface", "spmatrix")
        return codes if interface == "sparray" else sparse.csr_matrix(codes)

    def _code_layer(self) -> int:
        n = self.network_.n_hidden
        if not -n <= self.code_layer < n:
            raise OptionError(
                f"code_layer {self.code_layer!r} is not a hidden layer of this network, which has {n}"
            )
        return self.code_layer % n

    @property
    def _n_features_out(self) -> int:
        return self.network_.layer_sizes[self._code_layer() + 1]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "network_"):
            self.network_.freeze()  # copied arrays come back writable

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []  # codes have the network's dtype
        return tags

    # ---- parameters that all have ---------------------------------------------------------------

    def _hidden_sizes(self) -> tuple[int, ...]:
        sizes: Any = self.hidden_layer_sizes
        several = (sizes,) if isinstance(sizes, Integral) else tuple(sizes)
        if not all(isinstance(size, Integral) and int(size) > 0 for size in several):
            raise OptionError(f"hidden_layer_sizes must be whole numbers above 0, got {sizes!r}")
        return tuple(int(size) for size in several)

    def _check_common(self, sizes: Sequence[int]) -> None:
        if self.dtype not in ("float32", "float64"):
            raise OptionError(f"dtype must be 'float32' or 'float64', got {self.dtype!r}")
        if sizes and not -len(sizes) <= self.code_layer < max(len(sizes), 1):
            raise OptionError(f"code_layer must be below {len(sizes)}, got {self.code_layer!r}")

    def _check_kinds(self, kind: type, what: str, *names: str) -> None:
        """Refuse parameters that are not of a kind of number; a truth value is none."""
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise OptionError(f"{name} must be {what}, got {value!r}")

    def _seed(self) -> int:
        """Draw the 64-bit seed of a training."""
        try:
            random = check_random_state(self.random_state)
        except ValueError as error:
            raise OptionError(f"random_state: {error}") from error
        return int(random.randint(2**32, dtype=np.uint32)) << 32 | int(random.randint(2**32, dtype=np.uint32))


def power_of_two_scale(X: Any) -> NDArray[np.float64] | None:
    """Powers of two that bring large features to at most 1 in size; None if no feature is large."""
    if sparse.issparse(X):
        largest = np.asarray(abs(X).max(axis=0).todense()).ravel().astype(np.float64)
    else:
        largest = np.maximum(X.max(axis=0), -X.min(axis=0)).astype(np.float64)
    if largest.max(initial=0.0) <= _LARGE_FEATURE:
        return None
    exponent = np.ceil(np.log2(np.where(largest > 0, largest, 1)))
    # 2**±60 keeps weights and their inverses well inside float32.
    return np.asarray(2.0 ** np.clip(exponent, -60, 60))
