"""StackedDenoisingAutoencoder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from truezero.core.autoencoder import Stack, stack_from_tensors, stack_to_tensors
from truezero.core.constraints import (
    Constraints,
    known,
    layerwise,
    number,
    one_of,
    truth_value,
    whole_number,
)
from truezero.core.corruption import Corruption
from truezero.core.draws import Purpose, permutation
from truezero.core.reconstruction import get_reconstruction
from truezero.core.records import savable
from truezero.core.schema import Fields, anything
from truezero.core.tensors import Path
from truezero.core.values import ValueReader, ValueWriter
from truezero.engines import (
    AutoencoderSettings,
    Engine,
    Examples,
    Features,
    Unlabeled,
    get_engine,
    resolve_threads,
)
from truezero.errors import OptionError
from truezero.estimators.codes import CodesMixin
from truezero.estimators.drafts import at_once
from truezero.estimators.input_scale import InputScale
from truezero.estimators.layer_plans import check_below, plan_pretraining
from truezero.estimators.parameters import NOISE_LEVEL, check_parameters
from truezero.estimators.reconstructions import ReconstructionMixin
from truezero.estimators.streams import naming, with_each
from truezero.training import (
    EpochLines,
    LayerPlan,
    Pretraining,
    PretrainingRecord,
    PretrainingState,
    Stream,
    best_reconstruction,
    pretrain,
    pretrain_further,
)
from truezero.training.history import check_layers

_FEWEST_ROWS_TO_SPLIT = 20
_OF_A_LAYER = ("target", "l1_activation", "learning_rate_init", "max_iter")  # among those of a LayerPlan
_LEARNED = Fields({"stack": anything, "history": anything, "seed": whole_number(0, 2**64 - 1)})


@savable
class StackedDenoisingAutoencoder(ReconstructionMixin):
    """Stacked denoising auto-encoder with rectifier or other units (section 3.2).

    Learns codes without labels: each layer learns to reconstruct the code of the layer below from a
    corrupted copy of it, and keeps its best epoch. CSR rows stay sparse, and rectifier codes are.
    Parameters marked * are one value, or one per layer.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 256, 256)
        Units per layer.
    activation : str or sequence of str *, default="rectifier"
        As in `DeepRectifierClassifier`.
    softplus_scale : float, default=1.0
        α of (1/α) softplus(αx), of softplus encoders.
    sign_mask : {None, "random", "half"}, default=None
        Multiply the units of each code by a fixed ±1 as it is handed on. The sign is not reconstructed.
    use_biases : bool, default=True
        Of encoders and decoders.
    corruption : {"masking", "salt-and-pepper", "gaussian"} *, default="masking"
        Noise on a layer's input: features become 0; or 0, and 1 where they were 0; or get a normal number
        added.
    corruption_level : float or sequence *, default=0.25
        Probability to be masked; (p0, p1) of salt and pepper, of which one number p means (p/2, p/2);
        standard deviation of the normal numbers. Two numbers are one pair, not one number per layer,
        where all corruption is salt and pepper; give a pair per layer there.
    reconstruction : str *, default="auto"
        Unit and cost of the decoder. The paper's strategies 1 to 4: "softplus-quadratic" (best on images),
        "sigmoid-cross-entropy" (best on text; targets are divided by the greatest of the training rows),
        "linear-quadratic", "rectifier-quadratic"; besides "censored-gaussian" and "censored-laplace". "auto"
        follows the paper: in all layers cross-entropy for text, which sparse rows without a value below 0 are
        taken for, and softplus for other rows; always cross-entropy for tanh and sigmoid encoders; linear
        where targets are below 0. Counts of words are better made binary first (see Notes).
    target : {"after", "before", "squashed"} *, default="after"
        Reconstruct the code below as it is, as it was before its activation (linear-quadratic only), or
        its logistic sigmoid (cross-entropy only).
    tied_weights : bool or sequence of bool *, default=False
        The decoder's weights are the encoder's, transposed.
    unit_scaling : bool, default=False
        Where cross-entropy needs codes in [0, 1]: divide every unit by its own greatest value.
    deviation : float, default=1.0
        σ of the censored likelihoods.
    sampling : float or None *, default=None
        Reconstruct only this share of the features that are 0, drawn anew for each minibatch and weighted
        to be right on average, and all others: for wide, sparse, binary input.
    l1_activation : float or sequence of float *, default=0.0
        λ of λ · mean over examples of Σ_units |h|.
    learning_rate_init : float or sequence of float *, default=0.01
        The constant rate.
    batch_size : int, default=10
        Rows per step.
    max_iter : int or sequence of int *, default=30
        Epochs of each layer at most.
    shuffle : bool, default=True
        Draw a new order every epoch.
    validation_fraction : float, default=0.1
        Share of the rows held out to measure the reconstruction error; with 0, or under 20 rows, the last
        epoch is kept instead.
    n_iter_no_change : int or None, default=None
        Leave a layer after so many epochs without a lower reconstruction error.
    callbacks : sequence of callable, optional
        Called with the `PretrainingState` after each epoch of `fit`; a true result ends the layer's
        training.
    engine : {"auto", "native", "reference"}, default="auto"
        What does the arithmetic.
    n_threads : int or None, default=None
        None: TRUEZERO_NUM_THREADS, else OMP_NUM_THREADS, else all cores; −1: all, −2: all but one, as joblib
        counts. Never are there more than cores. The result does not depend on it.
    dtype : {"float32", "float64"}, default="float32"
        Of all arithmetic.
    random_state : int, RandomState or None, default=None
        Seed of weights, order, split, noise and sampling.
    verbose : bool or int, default=False
        Print a line per epoch on standard output: reconstruction error, zeros, rows a second, time left.
    code_layer : int, default=-1
        Layer whose code `transform` gives; -1 is the last.
    sparse_output : bool, default=True
        `transform` gives CSR.

    Attributes
    ----------
    stack_ : Stack
        The auto-encoders with their decoders.
    network_ : Network
        The encoders as hidden layers; its output is the top decoder. It takes raw rows.
    history_ : list of PretrainingRecord
        One record per epoch, layer by layer.
    reconstruction_errors_ : list of float or None
        Mean reconstruction cost of a held-out row, per layer at its selected epoch.
    sparsity_ : list of float
        Fraction of exact zeros per layer, 0..1, at its selected epoch, on corrupted held-out rows.
    epochs_selected_ : list of int
        Per layer, the epoch that was kept; the first is 1.
    engine_ : dict
        The engine's "name", and "products", how it multiplied in each layer's last epoch.
    n_iter_ : int
        Epochs run, all layers together.
    seed_ : int
        64-bit seed that all draws came from.
    interrupted_ : bool
        Whether Ctrl-C ended the last layer's training early.
    n_features_in_ : int
        Features of the rows it was fitted on.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names; only if the rows had names that are all strings.

    Notes
    -----
    Features with a root mean square above 1 have all of them divided by one power of two while training,
    exactly, and reconstruction errors are those of the divided rows. A row with absurd values counts in full
    here: clip them.
    Tables of several units must be standardised: features share one cost, in which the largest drowns the
    others. Text is best handed in as binary bags of words. Counts and tf-idf are trained by cross-entropy,
    too, but most of their targets come close to 0 when they are divided by the greatest: codes say less than
    the words do.
    A rate of 0.01 was good on text, images and tables alike; at 0.02 small images gain a little, and a layer
    may die.
    Layers that reconstruct with cross-entropy make the code below end in [0, 1]: a rectifier layer's
    weights take the division over, so `transform` gives it scaled.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from truezero import StackedDenoisingAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = StackedDenoisingAutoencoder((64, 32), max_iter=2, random_state=0).fit(X / 16)
    >>> model.transform(X[:5] / 16).shape
    (5, 32)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **CodesMixin._parameter_constraints,
        **Pretraining.constraints,
        **LayerPlan.constraints,
        **{name: layerwise(LayerPlan.constraints[name]) for name in _OF_A_LAYER},
        "corruption": layerwise(known("the name of a corruption", Corruption)),
        "corruption_level": layerwise(NOISE_LEVEL),
        "reconstruction": layerwise(
            one_of("auto") | known("the name of a reconstruction", get_reconstruction)
        ),
        "tied_weights": layerwise(truth_value),
        "sampling": layerwise(AutoencoderSettings.constraints["sampling"]),
        "unit_scaling": truth_value,
        "validation_fraction": number(least=0, below=1),
    }

    stack_: Stack
    history_: list[PretrainingRecord]
    _input_scale: InputScale

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (256, 256, 256),
        activation: str | Sequence[str] = "rectifier",
        *,
        softplus_scale: float = 1.0,
        sign_mask: str | None = None,
        use_biases: bool = True,
        corruption: str | Sequence[str] = "masking",
        corruption_level: Any = 0.25,
        reconstruction: str | Sequence[str] = "auto",
        target: str | Sequence[str] = "after",
        tied_weights: bool | Sequence[bool] = False,
        unit_scaling: bool = False,
        deviation: float = 1.0,
        sampling: float | Sequence[float | None] | None = None,
        l1_activation: float | Sequence[float] = 0.0,
        learning_rate_init: float | Sequence[float] = 0.01,
        batch_size: int = 10,
        max_iter: int | Sequence[int] = 30,
        shuffle: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        callbacks: Sequence[Any] | None = None,
        engine: str = "auto",
        n_threads: int | None = None,
        dtype: str = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        code_layer: int = -1,
        sparse_output: bool = True,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.softplus_scale = softplus_scale
        self.sign_mask = sign_mask
        self.use_biases = use_biases
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.reconstruction = reconstruction
        self.target = target
        self.tied_weights = tied_weights
        self.unit_scaling = unit_scaling
        self.deviation = deviation
        self.sampling = sampling
        self.l1_activation = l1_activation
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.engine = engine
        self.n_threads = n_threads
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose
        self.code_layer = code_layer
        self.sparse_output = sparse_output

    # ---- fitting --------------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any = None, *, X_val: Any = None, below: StackedDenoisingAutoencoder | None = None
    ) -> Self:
        """Train the layers one after the other (section 3.2).

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features), or Stream
            Sparse input stays sparse, and uint8 stays uint8. A `truezero.training.Stream` of `Unlabeled`, or
            of `Examples`, whose targets are left alone, gives rows that may be new in every epoch, and has
            one piece at a time in memory. The rows' scale, and what "auto" chooses, are found on the first
            piece of its first epoch; what cross-entropy divides by, on all of that epoch.
        y : None
            Ignored.
        X_val : array-like, sparse matrix or Features, optional
            Held-out rows; otherwise `validation_fraction` of X is held out, which a stream does not allow.
        below : StackedDenoisingAutoencoder, optional
            A fitted one whose layers are the first of `hidden_layer_sizes`: only those above are trained. If
            it was fitted on the same rows with the same parameters, the result is the one of fitting all
            layers at once, bit for bit. It is left as it is. What other parameters say of its layers is
            not used.

        Returns
        -------
        self

        Raises
        ------
        TruezeroError
            A ValueError, if a parameter or the data cannot be used, training diverges or a layer dies.
        """
        with at_once(self) as draft:
            draft._fit(X, X_val, below)
        return self

    def _fit(self, X: Any, X_val: Any, below: StackedDenoisingAutoencoder | None) -> None:
        check_parameters(self)
        stream = X if isinstance(X, Stream) else None
        if stream is not None:
            if X_val is None and self.validation_fraction > 0:
                raise OptionError(
                    "no rows of a Stream can be held out to measure pre-training: give X_val, or set "
                    "validation_fraction=0"
                )
            piece = stream.first_piece()
            with naming(piece):
                rows = self._features(piece.features, reset=True)
        else:
            rows = self._features(X, reset=True)
        seed = self._seed()
        held_out = None
        if X_val is not None:
            held_out = self._features(X_val)
        settings = plan_pretraining(self, rows, seed)  # of all rows, those held out too
        if below is not None:
            check_below(self, below, seed)
        n = rows.n_samples
        n_out = round(self.validation_fraction * n)
        if held_out is None and n_out > 0 and n >= _FEWEST_ROWS_TO_SPLIT:
            order = permutation(seed, Purpose.SPLIT, np.arange(n))
            held_out, rows = rows.take(np.sort(order[:n_out])), rows.take(np.sort(order[n_out:]))
        self._input_scale = InputScale.learn_common(rows) if below is None else below._input_scale
        train = self._unlabeled(rows) if stream is None else with_each(stream, self._unlabeled_of)
        engine = self._engine(settings)
        callbacks = [*(self.callbacks or ()), *([EpochLines()] if self.verbose else [])]
        state = pretrain(
            train, None if held_out is None else self._unlabeled(held_out), settings, engine=engine,
            n_threads=resolve_threads(self.n_threads), callbacks=callbacks,
            below=None if below is None else _as_trained(below),
        )  # fmt: skip
        if state.interrupted:
            warnings.warn(
                "pre-training was interrupted; the last layer's best epoch so far is kept",
                ConvergenceWarning,
                stacklevel=3,
            )
        state.history[:0] = [] if below is None else below.history_
        self._keep(state, engine)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train every layer for one epoch on some rows, from the bottom; nothing is held out.

        What "auto" chooses, and what cross-entropy divides codes by, is found on the first call's rows.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
            The next rows.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        TruezeroError
            As `fit`; a ValueError too if `hidden_layer_sizes` has changed since the first call.
        """
        with at_once(self) as draft:
            draft._fit_further(X)
        return self

    def _fit_further(self, X: Any) -> None:
        check_parameters(self)
        fresh = not hasattr(self, "stack_")
        rows = self._features(X, reset=fresh)
        settings = plan_pretraining(
            self, rows, self._seed() if fresh else self.seed_, epochs=1,
            going_on=None if fresh else self.stack_,
        )  # fmt: skip
        n_threads, engine = resolve_threads(self.n_threads), self._engine(settings)
        if fresh:
            self._input_scale = InputScale.learn_common(rows)
            state = pretrain(self._unlabeled(rows), None, settings, engine=engine, n_threads=n_threads)
            self._keep(state, engine)
            return
        has, asked = self.network_.layer_sizes[1:-1], self._hidden_sizes()
        if has != asked:
            raise OptionError(
                f"training would go on with layers of {has}, but hidden_layer_sizes is {asked}: set it "
                "back, or use fit to start anew"
            )
        stack = _as_trained(self)
        epochs = [
            1 + max(record["epoch"] for record in self.history_ if record["layer"] == layer)
            for layer in range(len(stack.layers))
        ]
        records = pretrain_further(
            stack, self._unlabeled(rows), settings, epochs=epochs, engine=engine, n_threads=n_threads
        )
        self._keep(PretrainingState(settings, stack, history=self.history_ + records), engine)

    def _engine(self, settings: Pretraining) -> Engine:
        return get_engine(self.engine, [plan.activation for plan in settings.layers])

    def _unlabeled(self, rows: Features) -> Unlabeled:
        return Unlabeled(self._input_scale.apply(rows), np.arange(rows.n_samples, dtype=np.int64))

    def _unlabeled_of(self, piece: Examples | Unlabeled) -> Unlabeled:
        """A piece of a stream as it is trained on."""
        return Unlabeled(self._input_scale.apply(self._features(piece.features)), piece.ids)

    def _keep(self, state: PretrainingState, engine: Engine) -> None:
        """Set the fitted attributes."""
        self.seed_ = state.settings.seed
        self._input_scale.fold_into_stack(state.stack)
        self._keep_stack(state.stack, state.history)
        self.interrupted_ = state.interrupted
        last = [state.of_layer(layer)[-1] for layer in range(len(state.stack.layers))]
        self.engine_ = {"name": engine.name, "products": [record["products"] for record in last]}

    def _keep_stack(self, stack: Stack, history: list[PretrainingRecord]) -> None:
        self.stack_ = stack
        self.network_ = stack.network().freeze()
        self.history_ = history
        selected = []
        for layer in range(len(stack.layers)):
            records = [record for record in history if record["layer"] == layer]
            selected.append(records[best_reconstruction(records)])
        self.reconstruction_errors_ = [record["reconstruction_error"] for record in selected]
        self.sparsity_ = [record["sparsity"] for record in selected]
        self.epochs_selected_ = [record["epoch"] for record in selected]
        self.n_iter_ = len(history)

    def _write_learned(self, record: dict[str, Any], writer: ValueWriter) -> None:
        arrays, described = stack_to_tensors(self.stack_, "stack.")
        writer.tensors |= arrays
        record["fitted"] |= {"stack": described, "seed": self.seed_}

    def _read_learned(self, record: dict[str, Any], reader: ValueReader, path: Path) -> None:
        fitted = record["fitted"]
        _LEARNED.check("the record", fitted)
        stack = stack_from_tensors(reader.tensors, fitted["stack"], "stack.", path)
        check_layers(fitted["history"], range(len(stack.layers)))
        self.seed_ = fitted["seed"]
        self._keep_stack(stack, fitted["history"])

    # ---- what a fitted one does -----------------------------------------------------------------

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit, then `transform` the same rows.

        Parameters
        ----------
        X : array-like, sparse matrix or Features of shape (n_samples, n_features)
            Rows to learn from.
        y : None
            Ignored.
        **fit_params : dict
            What else `fit` takes.

        Returns
        -------
        CSR or ndarray of shape (n_samples, n_units)
            As `transform` gives it.

        Raises
        ------
        TruezeroError
            As `fit`.
        """
        return self.fit(X, **fit_params).transform(X)


def _as_trained(model: StackedDenoisingAutoencoder) -> Stack:
    """Copy of a fitted stack for rows that come divided by `_input_scale`: their own scale is left."""
    stack = model.stack_.copy()
    model._input_scale.take_out_of_stack(stack)
    return stack
