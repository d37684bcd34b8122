"""What `truezero` offers; importing it imports nearly everything."""

from __future__ import annotations

import truezero.presets as presets
from truezero._version import __version__
from truezero.core.activations import Activation, register_activation
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.engines import available_engines
from truezero.errors import (
    DataError,
    DivergenceError,
    EngineUnavailableError,
    ModelFileError,
    OptionError,
    TruezeroError,
)
from truezero.estimators import (
    BagOfWords,
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    RatingPredictor,
    StackedDenoisingAutoencoder,
    choose_settings,
)
from truezero.interchange import accelerate
from truezero.models import load, save
from truezero.training import Checkpoint, CSVLogger, TensorBoardLogger

__all__ = [
    "Activation",
    "BagOfWords",
    "CSVLogger",
    "Checkpoint",
    "DataError",
    "DeepRectifierClassifier",
    "DeepRectifierRegressor",
    "DivergenceError",
    "EngineUnavailableError",
    "ModelFileError",
    "Network",
    "OptionError",
    "RatingPredictor",
    "StackedDenoisingAutoencoder",
    "TensorBoardLogger",
    "TruezeroError",
    "__version__",
    "accelerate",
    "available_engines",
    "choose_settings",
    "initialize",
    "load",
    "presets",
    "register_activation",
    "save",
]
