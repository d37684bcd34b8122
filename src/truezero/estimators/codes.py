"""What every estimator with hidden layers has: codes, input rows, the seed, and how it is kept."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from truezero.core.activations import get_activation
from truezero.core.constraints import (
    Constraints,
    is_several,
    known,
    layerwise,
    one_of,
    truth_value,
    whole_number,
)
from truezero.core.network import Network
from truezero.core.sparse_structure import checked_rows
from truezero.engines import THREADS, Features, get_engine, resolve_threads
from truezero.errors import DataError, OptionError
from truezero.estimators.parameters import CALLBACKS, RANDOM_STATE, check_parameters
from truezero.estimators.records import RecordMixin
from truezero.estimators.targets import data_errors
from truezero.training import Stream

# Of rows that are taken as they are; others are converted to the first.
DTYPES = [np.float32, np.float64, np.uint8]


class CodesMixin(RecordMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Transforms rows to the activations of a hidden layer of its `network_`; not for direct use."""

    _parameter_constraints: ClassVar[Constraints] = {
        **Network.constraints,
        "activation": layerwise(known("the name of an activation", get_activation)),
        "use_biases": truth_value,
        "shuffle": truth_value,
        "callbacks": CALLBACKS,
        "engine": known("the name of an engine", get_engine),
        "n_threads": THREADS,
        "dtype": one_of("float32", "float64"),
        "random_state": RANDOM_STATE,
        "verbose": truth_value | whole_number(0),
        "code_layer": whole_number(),
        "sparse_output": truth_value,
    }

    network_: Network
    n_features_in_: int
    hidden_layer_sizes: Any
    code_layer: int
    sparse_output: bool
    engine: str
    n_threads: int | None
    random_state: Any
    dtype: str

    def _features(self, X: Any, *, reset: bool = False) -> Features:
        """Rows as they came: numbers that are float32, float64 or uint8 are not converted.

        Raises
        ------
        DataError
            If they are no rows of as many features, or one of their values is no finite number in the dtype
            that is computed in.
        """
        if isinstance(X, Stream):
            raise DataError("a Stream can only be what fit learns from; hand in rows: an array, or Features")
        X = checked_rows(X)
        dtype = np.dtype(self.dtype) if reset or not hasattr(self, "network_") else self.network_.dtype
        if not isinstance(X, Features):
            with data_errors():
                X = validate_data(self, X, reset=reset, accept_sparse="csr", dtype=DTYPES)
            rows = Features(X)
            rows.check_finite(dtype)
            return rows
        if 0 in X.X.shape:
            raise DataError(f"input rows must have rows and columns, got shape {X.X.shape}")
        if reset:
            self.n_features_in_ = X.n_features
            self.__dict__.pop("feature_names_in_", None)
        elif X.n_features != self.n_features_in_:
            raise DataError(
                f"X has {X.n_features} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        X.check_finite(dtype)
        return X

    def transform(self, X: Any) -> Any:
        """Activations of the hidden layer `code_layer`.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)

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
        check_computed(codes)
        if not self.sparse_output:
            return codes.toarray()
        interface = sklearn.get_config().get("sparse_interface", "spmatrix")
        return codes if interface == "sparray" else sparse.csr_matrix(codes)

    def _code_layer(self) -> int:
        check_parameters(self, "code_layer")  # it may have been set since the fit
        n = self.network_.n_hidden
        self._check_code_layer(n)
        return int(self.code_layer % n)

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
        sizes = self.hidden_layer_sizes
        return tuple(map(int, sizes)) if is_several(sizes) else (int(sizes),)

    def _check_code_layer(self, n_layers: int) -> None:
        if not -n_layers <= self.code_layer < n_layers:
            raise OptionError(
                f"code_layer must be a hidden layer, of which there are {n_layers}, got {self.code_layer!r}"
            )

    def _seed(self) -> int:
        """Draw the 64-bit seed of a training."""
        random = check_random_state(self.random_state)
        return int(random.randint(2**32, dtype=np.uint32)) << 32 | int(random.randint(2**32, dtype=np.uint32))


def check_computed(output: Any) -> None:
    """Refuse an output that is not finite, as inputs and weights are: a sum was too large for the dtype.

    Parameters
    ----------
    output : ndarray or CSR of shape (n_samples, n_outputs)

    Raises
    ------
    DataError
        Naming the first such row.
    """
    numbers = output.data if sparse.issparse(output) else output
    if np.isfinite(numbers).all():
        return
    stored = sparse.coo_array(output)
    row = int(stored.row[~np.isfinite(stored.data)].min())
    raise DataError(
        f"what the network computes of row {row} is too large for {numbers.dtype}: its values are far beyond "
        "those it was trained on"
    )
