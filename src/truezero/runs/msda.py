"""Marginalised denoising auto-encoders, a baseline in closed form (Chen, Xu, Weinberger, Sha, ICML 2012).

A layer is the linear map that removes masking noise with the least expected squared error, over all noise
there can be, and a tanh behind it; so it needs nothing of the rows but the sums of their products. Layers
are made of all rows, with labels and without, once; linear methods on the rows and all layers' outputs side
by side need no more than inner products of their training rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from truezero.core.constraints import number, truth_value, whole_number
from truezero.core.rows import Features
from truezero.core.tensors import read_tensors, write_tensors
from truezero.datasets import Dataset
from truezero.errors import DataError, OptionError
from truezero.runs.run import RECIPES, Result, Work, canonical

Layer = tuple[NDArray[Any], NDArray[Any]]
"""Weights [in, out] and biases of a layer."""

_RIDGE = 1e-5  # of their own code
_PIECE = 2048  # rows whose outputs are there at a time
_FILE, _KIND = "layers.safetensors", "msda-layers"
_ENGINE = "scipy"


def denoising_layer(products: NDArray[np.float64], corruption_level: float) -> Layer:
    """Find the linear map that denoises best, from sums of products of rows with a constant 1 at their end.

    W minimises Σ E‖x − W x̃‖² over rows x, where x̃ is x with each feature but the constant set to 0 with
    the given probability: W = E[P] E[Q]⁻¹ with P = Σ x x̃ᵀ and Q = Σ x̃ x̃ᵀ.

    Parameters
    ----------
    products : ndarray of shape (n_features + 1, n_features + 1)
        Σ x xᵀ, the constant last.
    corruption_level : float
        The probability, above 0 and below 1.

    Returns
    -------
    weights : ndarray of shape (n_features, n_features)
        [in, out].
    biases : ndarray of shape (n_features,)
    """
    kept = np.full(len(products), 1.0 - corruption_level)
    kept[-1] = 1.0
    between = products * kept
    crossed = between.T[:, :-1].copy()  # E[P]ᵀ: the clean feature is the column
    between *= kept[:, np.newaxis]
    np.fill_diagonal(between, kept * products.diagonal() + _RIDGE)
    factor = linalg.cho_factor(between, overwrite_a=True, check_finite=False)
    solved = linalg.cho_solve(factor, crossed, overwrite_b=True, check_finite=False)
    return solved[:-1], solved[-1]


def denoising_layers(rows: Features, corruption_level: float, n_layers: int) -> list[Layer]:
    """Make a stack of layers, each of the outputs of those below; outputs are there for some rows at a time.

    Parameters
    ----------
    rows : Features
        float64 or, of all others, float32 is what products are taken in.
    corruption_level : float
        The same for all.
    n_layers : int

    Returns
    -------
    list of (weights, biases)
        Of the rows' precision.
    """
    layers: list[Layer] = []
    for _ in range(n_layers):
        products = np.zeros((rows.n_features + 1,) * 2)
        for outputs in _outputs(rows, layers):
            *_, top = outputs
            of_piece = top.T @ top
            products[:-1, :-1] += of_piece.toarray() if sparse.issparse(of_piece) else of_piece
            products[-1, :-1] += np.asarray(top.sum(axis=0, dtype=np.float64)).ravel()
        products[:-1, -1], products[-1, -1] = products[-1, :-1], rows.n_samples
        weights, biases = denoising_layer(products, corruption_level)
        precision = _precision(rows)
        layers.append((weights.astype(precision), biases.astype(precision)))
    return layers


def _precision(rows: Features) -> str:
    return "float64" if rows.X.dtype == np.float64 else "float32"


def _depths(values: Any, layers: Sequence[Layer]) -> Iterator[Any]:
    """Values of rows, then what each layer makes of them."""
    yield values
    for weights, biases in layers:
        values = values @ weights
        values += biases
        np.tanh(values, out=values)
        yield values


def _outputs(rows: Features, layers: Sequence[Layer]) -> Iterator[Iterator[Any]]:
    """The same of some rows at a time."""
    for start in range(0, rows.n_samples, _PIECE):
        yield _depths(rows.take(slice(start, start + _PIECE)).values(_precision(rows)), layers)


class LinearOnLayers:
    """A linear method on rows and the outputs of all layers, side by side.

    Two classes are told apart by a linear SVM, ratings predicted by ridge regression; both have an intercept
    that is not regularised. The strength is chosen by cross-validation.

    Parameters
    ----------
    layers : list of (weights, biases)
    strengths : sequence of float
        C of the SVM, α of the ridge.
    n_folds : int
    ratings : bool
    """

    def __init__(
        self, layers: Sequence[Layer], strengths: Sequence[float], n_folds: int, *, ratings: bool
    ) -> None:
        self.layers, self.strengths, self.n_folds, self.ratings = layers, strengths, n_folds, ratings

    def fit(self, rows: Features, y: NDArray[Any]) -> LinearOnLayers:
        """Learn from rows.

        Raises
        ------
        DataError
            If there are other than two classes, or fewer rows of one than folds.
        """
        from sklearn.kernel_ridge import KernelRidge  # here, as they take long to import
        from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
        from sklearn.svm import SVC

        labels, numbers = np.unique(y, return_counts=True)
        fewest = len(y) if self.ratings else numbers.min()
        if fewest < self.n_folds:
            raise DataError(f"{self.n_folds} folds need so many rows of each class, there are {fewest}")
        if not self.ratings and len(labels) != 2:
            raise DataError(
                f"the SVM on marginalised layers tells two classes apart, there are {len(labels)}"
            )
        kernel = self._kernel(rows)
        # A kernel of centred rows leaves the intercept unregularised.
        kernel -= kernel.mean(axis=0)
        kernel -= kernel.mean(axis=1, keepdims=True)
        made, folds = (KernelRidge, KFold) if self.ratings else (SVC, StratifiedKFold)
        targets = y - np.mean(y, dtype=np.float64) if self.ratings else y
        search = GridSearchCV(
            made(kernel="precomputed"),
            {"alpha" if self.ratings else "C": list(self.strengths)},
            scoring="neg_mean_squared_error" if self.ratings else "accuracy",
            cv=folds(self.n_folds, shuffle=True, random_state=0),
        ).fit(kernel, targets)
        (self.strength_,) = search.best_params_.values()
        model = search.best_estimator_
        dual = np.zeros(rows.n_samples)
        if self.ratings:
            dual[:] = model.dual_coef_
        else:
            dual[model.support_] = model.dual_coef_[0]
        self.weights_ = self._weights(rows, dual)
        scores = self._scores(rows)
        # Of centred rows: their mean's score is no part of it.
        self.intercept_ = (np.mean(y) if self.ratings else model.intercept_[0]) - scores.mean()
        self.classes_ = labels
        return self

    def predict(self, rows: Features) -> NDArray[Any]:
        """Ratings, or classes."""
        scores = self._scores(rows) + self.intercept_
        return scores if self.ratings else np.asarray(self.classes_[(scores > 0).astype(np.intp)])

    def _kernel(self, rows: Features) -> NDArray[np.float64]:
        """Inner products of all rows with each other; a depth at a time is there of all of them."""
        kernel = np.zeros((rows.n_samples,) * 2)
        for values in _depths(rows.values(_precision(rows)), self.layers):
            products = values @ values.T
            kernel += products.toarray() if sparse.issparse(products) else products
        return kernel

    def _weights(self, rows: Features, dual: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        weights = [np.zeros(rows.n_features) for _ in range(len(self.layers) + 1)]
        for place, outputs in enumerate(_outputs(rows, self.layers)):
            of_piece = dual[place * _PIECE : (place + 1) * _PIECE]
            for total, values in zip(weights, outputs, strict=True):
                total += values.T @ of_piece
        return weights

    def _scores(self, rows: Features) -> NDArray[np.float64]:
        return np.concatenate(
            [
                sum(
                    (values @ weights for values, weights in zip(outputs, self.weights_, strict=True)),
                    np.zeros(1),
                )
                for outputs in _outputs(rows, self.layers)
            ]
        )


# ---- the recipes ------------------------------------------------------------------------------------


class _Layers:
    """Layers of all rows of training, those without labels among them.

    Parameters are "corruption_level", the probability that a feature is masked, and "n_layers".
    """

    def settings(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """See `Recipe.settings`."""
        return _checked(
            parameters, {"corruption_level": number(above=0, below=1), "n_layers": whole_number(1)}
        ), _ENGINE

    def perform(self, work: Work) -> Result:
        """See `Recipe.perform`."""
        rows = work.data.rows_to_pretrain()
        started = time.perf_counter()
        layers = denoising_layers(rows, **work.run.parameters)
        seconds = time.perf_counter() - started
        arrays: dict[str, NDArray[Any]] = {}
        for depth, (weights, biases) in enumerate(layers):
            arrays |= {f"weights.{depth}": weights, f"biases.{depth}": biases}
        write_tensors(work.folder / _FILE, arrays, {}, kind=_KIND)
        return {"n_train": rows.n_samples, "n_validation": 0, "seconds": seconds, "engine": {"name": _ENGINE}}


def _read_layers(folder: Path) -> list[Layer]:
    arrays, _ = read_tensors(folder / _FILE, kind=_KIND)
    return [(arrays[f"weights.{depth}"], arrays[f"biases.{depth}"]) for depth in range(len(arrays) // 2)]


class _OnLayers:
    """A linear method on the layers of the run that it needs; see `LinearOnLayers`.

    Parameters are "strengths", "n_folds", and "ratings", whose errors are squared.
    """

    def settings(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """See `Recipe.settings`."""
        given = {"ratings": False, **parameters}
        strengths = given.get("strengths")
        if not isinstance(strengths, (list, tuple)) or not strengths:
            raise OptionError(f"strengths must be a list of numbers, got {strengths!r}")
        for strength in strengths:
            number(above=0).check("a strength", strength)
        others = {name: value for name, value in given.items() if name != "strengths"}
        settings = _checked(others, {"n_folds": whole_number(2), "ratings": truth_value})
        return {**settings, "strengths": canonical(strengths)}, "scikit-learn"

    def perform(self, work: Work) -> Result:
        """See `Recipe.perform`."""
        data, parameters = work.data, work.run.parameters
        assert data.y_train is not None  # a study has labels
        model = LinearOnLayers(
            _read_layers(work.needs[0]), parameters["strengths"], parameters["n_folds"],
            ratings=bool(parameters.get("ratings")),
        )  # fmt: skip
        started = time.perf_counter()
        model.fit(data.features("train"), data.y_train)
        return {
            "test_error": _error(model, data, "test"),
            "validation_error": _error(model, data, "validation"),
            "strength": float(model.strength_),
            "n_train": data.X_train.shape[0],
            "n_validation": 0 if data.X_validation is None else data.X_validation.shape[0],
            "n_test": 0 if data.X_test is None else data.X_test.shape[0],
            "seconds": time.perf_counter() - started,
            "engine": {"name": "scikit-learn"},
        }


def _error(model: LinearOnLayers, data: Dataset, part: Any) -> float | None:
    X, y = data.part(part)
    if X is None or y is None:
        return None
    predicted = model.predict(data.features(part))
    return float(np.mean((predicted - y) ** 2 if model.ratings else predicted != y))


def _checked(parameters: Mapping[str, Any], constraints: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they are kept: all that there must be, and no others."""
    if unknown := set(parameters) - set(constraints):
        raise OptionError(f"unknown parameter {min(unknown)!r}; known: {', '.join(constraints)}")
    for name, constraint in constraints.items():
        constraint.check(name, parameters.get(name))
    return {name: canonical(value) for name, value in parameters.items() if value is not False}


RECIPES.update({"msda": _Layers(), "msda-linear": _OnLayers()})
