"""Training: pre-training and fine-tuning, their histories, callbacks and checkpoints."""

from __future__ import annotations

from truezero.training.callbacks import Checkpoint, ProgressBar
from truezero.training.fine_tuning import FineTuning, TrainingState, fine_tune
from truezero.training.history import EpochRecord, PretrainingRecord, best_reconstruction
from truezero.training.pre_training import PretrainingState, pretrain, pretrain_further
from truezero.training.settings import LayerPlan, Pretraining

__all__ = [
    "Checkpoint",
    "EpochRecord",
    "FineTuning",
    "LayerPlan",
    "Pretraining",
    "PretrainingRecord",
    "PretrainingState",
    "ProgressBar",
    "TrainingState",
    "best_reconstruction",
    "fine_tune",
    "pretrain",
    "pretrain_further",
]
