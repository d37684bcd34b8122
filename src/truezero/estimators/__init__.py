"""The scikit-learn face of truezero."""

from __future__ import annotations

from truezero.estimators.autoencoder import StackedDenoisingAutoencoder
from truezero.estimators.bag_of_words import BagOfWords
from truezero.estimators.choice import Choice, Trial, choose_settings
from truezero.estimators.classifier import DeepRectifierClassifier
from truezero.estimators.rating import RatingPredictor
from truezero.estimators.regressor import DeepRectifierRegressor

__all__ = [
    "BagOfWords",
    "Choice",
    "DeepRectifierClassifier",
    "DeepRectifierRegressor",
    "RatingPredictor",
    "StackedDenoisingAutoencoder",
    "Trial",
    "choose_settings",
]
