"""Training: pre-training and fine-tuning, their histories, callbacks and checkpoints."""

from __future__ import annotations

from truezero.training.checkpoints import Checkpoint
from truezero.training.fine_tuning import FineTuning, TrainingState, fine_tune
from truezero.training.history import EpochRecord, PretrainingRecord, best_reconstruction
from truezero.training.layer_training import PretrainingState
from truezero.training.pre_training import pretrain, pretrain_further, pretrain_layer
from truezero.training.progress import ProgressBar
from truezero.training.settings import LayerPlan, Pretraining
from truezero.training.sources import Stream

__all__ = [
    "Checkpoint",
    "EpochRecord",
    "FineTuning",
    "LayerPlan",
    "Pretraining",
    "PretrainingRecord",
    "PretrainingState",
    "ProgressBar",
    "Stream",
    "TrainingState",
    "best_reconstruction",
    "fine_tune",
    "pretrain",
    "pretrain_further",
    "pretrain_layer",
]
