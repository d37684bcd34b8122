"""Noise, reconstructions and score of a fitted stack of auto-encoders."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_array, check_is_fitted

from truezero.core.autoencoder import Stack
from truezero.core.corruption import Corruption
from truezero.core.sparse_structure import checked_rows
from truezero.engines import get_engine, resolve_threads
from truezero.errors import DataError
from truezero.estimators.codes import CodesMixin
from truezero.estimators.layer_plans import levels_per_layer
from truezero.estimators.parameters import check_parameters, per_layer
from truezero.estimators.targets import data_errors

_BLOCK = 4_000_000  # numbers that are reconstructed at once


class ReconstructionMixin(CodesMixin):
    """Corrupts rows, and reconstructs them from codes; not for direct use."""

    stack_: Stack
    seed_: int
    corruption: Any
    corruption_level: Any

    def corrupt(self, X: Any) -> NDArray[np.floating]:
        """Corrupt rows as the first layer's noise does, always with the same draw for a row's position.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
            Clean rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Dense, in the dtype of the network.

        Raises
        ------
        DataError
            If the rows cannot be used.
        """
        check_is_fitted(self)
        rows = self._features(X).values(self.network_.dtype)
        rows = rows.toarray() if sparse.issparse(rows) else rows
        scale = self.stack_.layers[0].input_scale
        if scale is not None:  # the noise is on what the layer is given
            rows = rows / scale
        check_parameters(self, "corruption", "corruption_level")  # they may have been set since the fit
        kind = per_layer("corruption", self.corruption, len(self.stack_.layers))
        noise = Corruption(kind[0], levels_per_layer(self.corruption_level, kind)[0])
        noisy = noise.apply(rows, np.arange(len(rows)), layer=0, epoch=0, seed=self.seed_)
        return noisy if scale is None else noisy * scale

    def inverse_transform(self, X: Any) -> NDArray[np.floating]:
        """Reconstruct rows from their codes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_units)
            As `transform` gives them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the dtype of the network. A masked tanh code below is reconstructed in size alone.

        Raises
        ------
        DataError
            If the codes have another number of units.
        """
        check_is_fitted(self)
        with data_errors():
            codes = check_array(checked_rows(X), accept_sparse="csr", dtype=[np.float32, np.float64])
        if codes.shape[1] != self._n_features_out:
            raise DataError(f"codes have {self._n_features_out} units here, got {codes.shape[1]}")
        return self._decode(codes)

    def _decode(self, codes: Any) -> NDArray[np.floating]:
        dtype = self.network_.dtype
        rows = []
        for start in range(0, codes.shape[0], self._rows_at_once()):
            block = codes[start : start + self._rows_at_once()]
            block = block.toarray() if sparse.issparse(block) else block
            rows.append(self.stack_.decode(block.astype(dtype), self._code_layer()))
        return np.concatenate(rows)

    def _rows_at_once(self) -> int:
        return max(_BLOCK // self.network_.layer_sizes[0], 1)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the mean squared error of rows reconstructed from their own code, without noise.

        A stack is trained to undo noise, layer by layer: given clean rows it puts too much back, and the more
        the more layers there are. So this favours little noise, where codes are often better with more:
        choose the noise by what the codes are for.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
            Rows to reconstruct.
        y : None
            Ignored.

        Returns
        -------
        float
            At most 0; greater is better.
        """
        check_is_fitted(self)
        features = self._features(X)
        engine, total = get_engine(self.engine, self.network_), 0.0
        for start in range(0, features.n_samples, self._rows_at_once()):
            block = features.take(slice(start, start + self._rows_at_once()))
            codes = engine.encode(
                self.network_, block, self._code_layer(), n_threads=resolve_threads(self.n_threads)
            )
            clean = block.values("float64")
            clean = clean.toarray() if sparse.issparse(clean) else clean
            total += float(((self._decode(codes).astype(np.float64) - clean) ** 2).sum())
        return -total / (features.n_samples * features.n_features)
