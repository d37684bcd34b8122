"""Settings for bags of words, chosen on held-out rows."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from truezero.core.draws import Purpose, permutation
from truezero.core.rows import Features
from truezero.errors import DivergenceError, OptionError
from truezero.estimators.autoencoder import StackedDenoisingAutoencoder
from truezero.estimators.given import Given, split, why_whole
from truezero.estimators.parameters import check_parameters
from truezero.estimators.pretraining import pretrained_stack, unlabeled_rows
from truezero.estimators.softmax import SoftmaxBase

# What is tried; benchmarks/README.md says what else was. Each kind of start has a shape that suits it.
_FROM_RANDOM: dict[str, Any] = {"hidden_layer_sizes": (256, 256), "input_dropout": 0.4, "dropout": 0.5}
_FROM_PRETRAINED: dict[str, Any] = {"hidden_layer_sizes": (500,), "input_dropout": 0.0, "dropout": 0.5}
_RATES, _L1 = (0.01, 0.003), (1e-4, 1e-3)
# Labelled rows that are searched with, and of those the share held out.
_MOST_ROWS, _HELD_OUT = 10_000, 0.2
# With few rows one split says little: several, of this many rows together.
_ROWS_OF_SPLITS, _MOST_SPLITS = 4000, 5
# Rows trained on in all epochs together, and epochs: what a slow rate needs. Patience is a tenth of it.
_VISITS, _FEWEST_EPOCHS, _MOST_EPOCHS, _LEAST_PATIENCE = 800_000, 20, 200, 5
_PRETRAINING_VISITS, _MOST_PRETRAINING_EPOCHS = 400_000, 20
# Words that are taken away, and false ones put in for each there is; zeros that are reconstructed.
_TAKEN, _PUT_IN, _SAMPLED = 0.5, 0.2, 500


@dataclass(frozen=True)
class Trial:
    """Settings that were tried, and what came of them.

    Attributes
    ----------
    settings : mapping
        Parameters of the estimator.
    pretrained : bool
        Whether the hidden layers were pre-trained.
    error : float or None
        On held-out rows, after the best epoch: the share that is wrong, or the mean squared error of the
        ratings; a mean over the splits. None if training diverged.
    loss : float or None
        Likewise, the mean negative log-likelihood.
    epochs : int
        Which was the best.
    seconds : float
    """

    settings: Mapping[str, Any]
    pretrained: bool
    error: float | None
    loss: float | None
    epochs: int
    seconds: float


@dataclass(frozen=True)
class Choice:
    """Settings that were chosen, and all that were tried.

    Attributes
    ----------
    estimator : DeepRectifierClassifier or RatingPredictor
        With the settings chosen, to be fitted on all rows; `pretraining` is fitted already, and frozen.
    trials : tuple of Trial
        In the order in which they were tried; none where no rows could be held out.
    n_held_out : int
        Rows that each was measured on.
    """

    estimator: Any
    trials: tuple[Trial, ...]
    n_held_out: int

    @property
    def best(self) -> Trial | None:
        """The trial whose settings were chosen."""
        return min(self.trials, key=_rank, default=None)

    def to_json(self) -> list[dict[str, Any]]:
        """What was tried, a row each, as JSON holds it."""
        return [
            {
                "pretrained": trial.pretrained,
                **{name: _plain(value) for name, value in trial.settings.items()},
                "epochs": trial.epochs,
                "validation_error": trial.error,
                "seconds": trial.seconds,
                "chosen": trial is self.best,
            }
            for trial in self.trials
        ]


def choose_settings(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    X_unlabeled: Any = None,
    X_val: Any = None,
    y_val: Any = None,
    note: Callable[[str], Any] | None = None,
) -> Choice:
    """Choose rate, L1, epochs, layers, dropout and pre-training for bags of words, on rows held out.

    Networks that start from random weights, with dropout, are compared with one that is pre-trained on all
    rows, at two rates each; then another L1 coefficient is tried for the best. It takes about 100 seconds
    of a processor for 8,000 rows of 5,000 words, and no more of a search for more of them.

    Parameters
    ----------
    estimator : DeepRectifierClassifier or RatingPredictor
        Not fitted. What is not at its default stays as it is; it is not changed itself.
    X : sparse matrix or Features of shape (n_samples, n_features)
        Bags of words: their presence.
    y : array-like of shape (n_samples,)
        Rows that `unlabeled_label` marks only pre-train.
    X_unlabeled : as X, or a list of them, optional
        Rows without labels.
    X_val, y_val : as X and y, optional
        Rows to choose by; otherwise some of X are held out.
    note : callable, optional
        Called with what is being done, in words, before it is.

    Returns
    -------
    Choice
        Its `estimator` is fitted as usual, ``fit(X, y)``: on all rows for the epochs chosen. Only where X_val
        is given, which `fit` takes, too, or where there were more than 10,000 rows with labels, of which so
        many were searched with, are its epochs chosen by that fit.

    Raises
    ------
    OptionError
        If the estimator is another one, or a parameter cannot be used.
    DataError
        If rows or targets cannot be used.
    DivergenceError
        If training diverges whatever is tried.
    """
    if not isinstance(estimator, SoftmaxBase):
        raise OptionError(
            "settings are chosen for a DeepRectifierClassifier or a RatingPredictor, got "
            f"{type(estimator).__name__}"
        )
    check_parameters(estimator)
    draft = _made(estimator, pretraining=estimator.pretraining or StackedDenoisingAutoencoder())
    seed = draft._seed()
    given, without_label = draft._given(X, y, None, reset=True)
    searched = given
    if given.rows.n_samples > _MOST_ROWS:
        drawn = permutation(seed, Purpose.SPLIT, np.arange(given.rows.n_samples))[:_MOST_ROWS]
        searched = given.take(np.sort(drawn))
    if X_val is not None:
        splits = [(searched, draft._given(X_val, y_val, None, reset=False)[0])]
    elif why_whole(searched, _strata(searched)) is not None:  # as the fit will say
        return Choice(estimator, (), 0)
    else:
        splits = _splits(searched, seed)
    all_rows = [given.rows, *without_label, *unlabeled_rows(draft, X_unlabeled)]
    search = _Search(estimator, splits, all_rows, seed, note or (lambda note: None))
    search.run()
    own_epochs = X_val is not None or searched is not given
    return search.choice(given.rows.n_samples if own_epochs else None)


class _Search:
    """Trials, each on the same splits of the rows."""

    def __init__(
        self,
        estimator: SoftmaxBase,
        splits: list[tuple[Given, Given]],
        all_rows: list[Features],
        seed: int,
        note: Callable[[str], Any],
    ) -> None:
        self._estimator, self._splits, self._all_rows = estimator, splits, all_rows
        self._seed, self._note = seed, note
        own = estimator.random_state
        self._random_state = own if isinstance(own, Integral) else seed & 0xFFFFFFFF  # all begin alike
        given, defaults = (e.get_params(deep=False) for e in (estimator, type(estimator)()))
        self._fixed = {name for name in given if repr(given[name]) != repr(defaults[name])}
        self._trials: list[Trial] = []
        self._pretraining: Any = None

    def run(self) -> None:
        """Try what there is to try."""
        if "pretraining" not in self._fixed:
            self._try_rates(_FROM_RANDOM, pretrained=False)
        if self._model(_FROM_PRETRAINED)._hidden_sizes():
            try:
                self._pretrain()
            except DivergenceError:
                if not self._trials:
                    raise
            else:
                self._try_rates(_FROM_PRETRAINED, pretrained=True)
        best = min(self._trials, key=_rank)
        if best.error is None:
            raise DivergenceError(
                "training diverges whatever is tried: give a smaller learning_rate_init, or look at the rows"
            )
        if self._model(best.settings)._hidden_sizes():
            for l1 in _L1:
                self._try({**best.settings, "l1_activation": l1}, best.pretrained)

    def choice(self, n_rows: int | None) -> Choice:
        """What is best, to be fitted for its epochs; if a number of rows is given, for those they need."""
        best = min(self._trials, key=_rank)
        length = {"max_iter": best.epochs, "early_stopping": False}
        settings = {**best.settings, **(length if n_rows is None else self._free(_at_most(n_rows)))}
        if best.pretrained:
            settings["pretraining"] = self._pretraining
        return Choice(
            _made(self._estimator, **settings),
            tuple(self._trials),
            sum(held_out.rows.n_samples for _, held_out in self._splits),
        )

    def _free(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some settings that are not fixed."""
        return {name: value for name, value in settings.items() if name not in self._fixed}

    def _model(self, settings: Mapping[str, Any], **more: Any) -> Any:
        return _made(self._estimator, **self._free(settings), **more)

    def _pretrain(self) -> None:
        """Pre-train on all rows, once for all trials."""
        model = self._model(_FROM_PRETRAINED)
        if model.pretraining is None:
            model.set_params(pretraining=_stack(self._all_rows, len(model._hidden_sizes())))
        n = sum(rows.n_samples for rows in self._all_rows)
        self._note(f"pre-training on {n:,} rows")
        self._pretraining = FrozenEstimator(pretrained_stack(model, self._all_rows, self._seed))

    def _try_rates(self, settings: Mapping[str, Any], *, pretrained: bool) -> None:
        for rate in _RATES:
            self._try({**settings, "learning_rate_init": rate, "l1_activation": _L1[0]}, pretrained)

    def _try(self, settings: Mapping[str, Any], pretrained: bool) -> None:
        """Try settings, if they are new."""
        settings = self._free(settings)
        if any(trial.settings == settings and trial.pretrained == pretrained for trial in self._trials):
            return
        told = "".join(f", {name} {value}" for name, value in settings.items())
        self._note(f"trying {'pre-trained' if pretrained else 'random'} weights{told}")
        started = time.perf_counter()
        found: list[tuple[Any, Any, int]] = []
        for train, held_out in self._splits:
            model = self._model(
                _at_most(train.rows.n_samples), **settings,
                pretraining=self._pretraining if pretrained else None,
                callbacks=None, warm_start=False, verbose=False, random_state=self._random_state,
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                try:
                    model.fit(train.rows, train.target, X_val=held_out.rows, y_val=held_out.target)
                except DivergenceError:
                    break
            if model.interrupted_:
                raise KeyboardInterrupt
            record = model.history_[model.epoch_selected_ - 1]
            found.append((record["validation_error"], record["validation_loss"], model.epoch_selected_))
        seconds = time.perf_counter() - started
        if len(found) < len(self._splits):
            self._trials.append(Trial(settings, pretrained, None, None, 0, seconds))
            return
        error, loss, epochs = np.mean(found, axis=0).tolist()
        self._trials.append(Trial(settings, pretrained, error, loss, round(epochs), seconds))


def _rank(trial: Trial) -> tuple[float, float]:
    """Sort key, the least is the best."""
    if trial.error is None or trial.loss is None:
        return math.inf, math.inf
    return trial.error, trial.loss


def _at_most(n_rows: int) -> dict[str, int]:
    """Epochs of a training on so many rows."""
    max_iter = min(max(_VISITS // n_rows, _FEWEST_EPOCHS), _MOST_EPOCHS)
    return {"max_iter": max_iter, "n_iter_no_change": max(max_iter // 10, _LEAST_PATIENCE)}


def _made(estimator: Any, **changes: Any) -> Any:
    """An estimator of the same parameters but for some, not fitted; callbacks are shared."""
    return type(estimator)(**{**estimator.get_params(deep=False), **changes})


def _strata(given: Given) -> NDArray[np.int64]:
    """Number of each row's class."""
    return np.asarray(np.unique(given.target, return_inverse=True)[1], np.int64)


def _splits(given: Given, seed: int) -> list[tuple[Given, Given]]:
    """Rows to train on and rows held out, several times where there are few."""
    n = min(max(_ROWS_OF_SPLITS // given.rows.n_samples, 1), _MOST_SPLITS)
    return [split(given, _strata(given), _HELD_OUT, seed ^ number) for number in range(n)]


def _stack(rows: list[Features], n_layers: int) -> StackedDenoisingAutoencoder:
    """What pre-trains on bags of words: noise and work in proportion to the words that rows have."""
    n = sum(part.n_samples for part in rows)
    n_features = rows[0].n_features
    density = sum(part.density() * part.n_samples for part in rows) / n
    above = n_layers - 1
    return StackedDenoisingAutoencoder(
        corruption=("salt-and-pepper", *["masking"] * above),
        corruption_level=((_TAKEN, _PUT_IN * density), *[0.3] * above),
        reconstruction="sigmoid-cross-entropy",
        l1_activation=1e-3,
        sampling=(min(_SAMPLED / n_features, 1.0), *[None] * above),
        learning_rate_init=0.01,
        max_iter=min(max(_PRETRAINING_VISITS // n, 1), _MOST_PRETRAINING_EPOCHS),
        validation_fraction=0.0,
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
