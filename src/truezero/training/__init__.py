"""Training: pre-training and fine-tuning, their histories, callbacks and checkpoints."""

from __future__ import annotations

from truezero.training._callbacks import Checkpoint, ProgressBar
from truezero.training._finetune import FineTuning, TrainingState, fine_tune
from truezero.training._history import EpochRecord, PretrainingRecord, best_reconstruction
from truezero.training._layer_input import divide_columns
from truezero.training._plan import LayerPlan, Pretraining
from truezero.training._pretrain import PretrainingState, pretrain, pretrain_further

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
    "divide_columns",
    "fine_tune",
    "pretrain",
    "pretrain_further",
]
