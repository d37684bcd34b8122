"""Training: fine-tuning, its history, callbacks and checkpoints."""

from __future__ import annotations

from truezero.training._callbacks import Checkpoint, ProgressBar
from truezero.training._finetune import FineTuning, TrainingState, fine_tune
from truezero.training._history import EpochRecord

__all__ = ["Checkpoint", "EpochRecord", "FineTuning", "ProgressBar", "TrainingState", "fine_tune"]
