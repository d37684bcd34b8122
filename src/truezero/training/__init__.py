"""Training: pre-training and fine-tuning, their histories, callbacks and checkpoints."""

from __future__ import annotations

from truezero.training.checkpoints import Checkpoint
from truezero.training.fine_tuning import FineTuning, TrainingState, fine_tune
from truezero.training.history import EpochRecord, PretrainingRecord, best_reconstruction
from truezero.training.layer_training import PretrainingState
from truezero.training.logs import CSVLogger, TensorBoardLogger, log_to
from truezero.training.pre_training import pretrain, pretrain_further, pretrain_layer
from truezero.training.progress import EpochLines, ProgressBar
from truezero.training.settings import LayerPlan, Pretraining
from truezero.training.sources import Stream

__all__ = [
    "CSVLogger",
    "Checkpoint",
    "EpochLines",
    "EpochRecord",
    "FineTuning",
    "LayerPlan",
    "Pretraining",
    "PretrainingRecord",
    "PretrainingState",
    "ProgressBar",
    "Stream",
    "TensorBoardLogger",
    "TrainingState",
    "best_reconstruction",
    "fine_tune",
    "log_to",
    "pretrain",
    "pretrain_further",
    "pretrain_layer",
]
