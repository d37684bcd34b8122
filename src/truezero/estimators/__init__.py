"""The scikit-learn face of truezero."""

from __future__ import annotations

from truezero.estimators._autoencoder import StackedDenoisingAutoencoder
from truezero.estimators._classifier import DeepRectifierClassifier
from truezero.estimators._files import load, save
from truezero.estimators._regressor import DeepRectifierRegressor

__all__ = ["DeepRectifierClassifier", "DeepRectifierRegressor", "StackedDenoisingAutoencoder", "load", "save"]
