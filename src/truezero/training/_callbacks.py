"""Callbacks that come with the library: checkpoints and the progress bar."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from truezero.errors import ModelFileError
from truezero.files import network_from_tensors, network_to_tensors, read_tensors, write_tensors
from truezero.training._finetune import TrainingState
from truezero.training._history import best_epoch


class Checkpoint:
    """Keeps the whole training state in a file after every epoch, and starts from it if it is there.

    A training that was killed and is started again the same way ends bit-identical to one that was
    not: the order and all noise of an epoch depend on the seed and the epoch alone.

    Parameters
    ----------
    path : path-like
        The file, safetensors. It is written beside and renamed, so a kill leaves the previous one.
    fingerprint : str, default=""
        What else must be the same for a resume to be one, the data's fingerprint say.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: str = "") -> None:
        self.path = path
        self.fingerprint = fingerprint

    def on_train_begin(self, state: TrainingState) -> None:
        """Fill the state from the file.

        Raises
        ------
        ModelFileError
            If the file is damaged, or belongs to another network, data or configuration.
        """
        self._configuration = self._describe(state)
        if not Path(self.path).exists():
            return
        tensors, metadata = read_tensors(self.path, kind="checkpoint")
        if metadata.get("configuration") != self._configuration:
            raise ModelFileError(
                f"{self.path} is a checkpoint of another training (network, data, seed or settings "
                f"differ); remove it, or resume with the options it was started with"
            )
        state.network = network_from_tensors(tensors, metadata["network"], "last.", self.path)
        state.best_network = network_from_tensors(tensors, metadata["network"], "best.", self.path)
        state.history[:] = metadata["history"]

    def __call__(self, state: TrainingState) -> None:
        """Write the file."""
        tensors, described = network_to_tensors(state.network, "last.")
        best, _ = network_to_tensors(state.best_network, "best.")
        metadata = {
            "configuration": self._configuration,
            "network": described,
            "history": state.history,
        }
        write_tensors(self.path, tensors | best, metadata, kind="checkpoint")

    def _describe(self, state: TrainingState) -> str:
        """Digest of all that the rest of the training depends on. More epochs are no other training."""
        assert state.settings is not None
        settings: dict[str, Any] = asdict(state.settings)
        settings.pop("max_epochs")
        tensors, described = network_to_tensors(state.network, "")
        digest = hashlib.sha256()
        facts = [settings, described, state.data_shape, self.fingerprint]
        digest.update(json.dumps(facts, sort_keys=True).encode())
        for name in sorted(tensors):
            digest.update(tensors[name].tobytes())
        return digest.hexdigest()


class ProgressBar:
    """A progress bar over the epochs, with the validation error, on standard error.

    Parameters
    ----------
    max_epochs : int
    """

    def __init__(self, max_epochs: int) -> None:
        self.max_epochs = max_epochs

    def on_train_begin(self, state: TrainingState) -> None:
        """Show the bar."""
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("training", total=self.max_epochs, note="")
        self._bar.start()

    def __call__(self, state: TrainingState) -> None:
        """Move it on."""
        record = state.history[-1]
        note = f"loss {record['loss']:.4g}"
        if record["validation_error"] is not None:
            best = state.history[best_epoch(state.history)]["validation_error"]
            note += f", validation error {record['validation_error']:.4g} (best {best:.4g})"
        self._bar.update(self._task, completed=record["epoch"], note=note)
        if record["epoch"] >= self.max_epochs:
            self.close()

    def close(self) -> None:
        """Take the bar away; the trainer's caller does when training ends early."""
        self._bar.stop()
