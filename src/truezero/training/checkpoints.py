"""Checkpoints: where a training stands, in a file after its epochs."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from pathlib import Path
from typing import Any, Protocol

from truezero.core.constraints import number
from truezero.core.tensors import Tensors, read_tensors, write_tensors
from truezero.core.text import printable
from truezero.errors import ModelFileError
from truezero.training.standing import Standing


class State(Protocol):
    """Where a training stands, as far as the loop of epochs and the library's callbacks need it.

    Attributes
    ----------
    ended : bool
        A callback has ended it.
    interrupted : bool
        Ctrl-C has ended it.
    """

    ended: bool
    interrupted: bool

    def identity(self) -> tuple[list[Any], Tensors]:
        """All that the rest of the training depends on: facts for JSON, and arrays."""
        ...

    def to_tensors(self) -> tuple[Tensors, dict[str, Any]]:
        """Where it stands, as arrays and JSON."""
        ...

    def from_tensors(self, tensors: Tensors, metadata: dict[str, Any], path: Any) -> None:
        """Stand there."""
        ...

    @property
    def progress(self) -> Standing:
        """Where it stands, for people."""
        ...


class Checkpoint:
    """Keeps the whole training state in a file after every epoch, or as `share` says, and starts from it.

    A training that was killed and is started again the same way ends bit-identical to one that was
    not: the order and all noise of an epoch depend on the seed and the epoch alone. It serves
    fine-tuning and pre-training; each needs a file of its own. It is called after all other callbacks, so
    that one of them ended the training is kept too.

    Parameters
    ----------
    path : path-like
        The file, safetensors. It is written beside and renamed, so a kill leaves the previous one.
    fingerprint : str, default=""
        What else must be the same for a resume to be one, the data's fingerprint say.
    share : float, default=1.0
        Above 0 and at most 1: so much of the time at most goes into writing. Epochs of some milliseconds
        would wait for the disk; below 1 those that end too soon after the last one written are left out,
        even the last, and a resume trains them again.

    Raises
    ------
    OptionError
        If `share` is not such a number.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: str = "", share: float = 1.0) -> None:
        number(above=0, most=1).check("share", share)
        self.path = path
        self.fingerprint = fingerprint
        self.share = share
        self._not_before = -math.inf

    def on_train_begin(self, state: State) -> None:
        """Fill the state from the file.

        Parameters
        ----------
        state : TrainingState or PretrainingState
            Changed in place, if the file is there.

        Raises
        ------
        ModelFileError
            If the file is damaged, or belongs to another network, data or configuration.
        """
        self._configuration, self._not_before = self._describe(state), -math.inf
        if not Path(self.path).exists():
            return
        tensors, metadata = read_tensors(self.path, kind="checkpoint")
        if metadata.get("configuration") != self._configuration:
            raise ModelFileError(
                f"{self.path} is a checkpoint of another training (network, data, seed or settings "
                f"differ); remove it, or resume with the options it was started with"
            )
        try:
            state.from_tensors(tensors, metadata, self.path)
        except ModelFileError:
            raise
        except ValueError as error:
            raise ModelFileError(f"{self.path} is damaged: {printable(error, 300)}; remove it") from error

    def __call__(self, state: State) -> None:
        """Write the file, if it is time to."""
        started = time.perf_counter()
        if started < self._not_before and not state.ended:
            return
        tensors, metadata = state.to_tensors()
        write_tensors(
            self.path, tensors, {"configuration": self._configuration, **metadata}, kind="checkpoint"
        )
        ended = time.perf_counter()
        self._not_before = ended + (ended - started) * (1 / self.share - 1)

    def _describe(self, state: State) -> str:
        """Digest of all that the rest of the training depends on. More epochs are no other training."""
        facts, tensors = state.identity()
        digest = hashlib.sha256()
        digest.update(json.dumps([*facts, self.fingerprint], sort_keys=True).encode())
        for name in sorted(tensors):
            digest.update(tensors[name].tobytes())
        return digest.hexdigest()
