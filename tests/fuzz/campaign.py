"""Thousands of mutants, read in a process of their own, which may crash, hang, or ask for too much memory."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fuzz.examine import ALLOWED, examine, examine_commands, peak_allowed, peak_bytes, read, run
from fuzz.mutate import mutant
from fuzz.readers import READERS

HANG = 5.0  # seconds that one mutant may take
_START = 120.0  # to import everything, and to train on the whole file
_ADDRESS_SPACE = 8 << 30  # more is an error of the process that asks for it, not the machine's end


@dataclass
class Findings:
    """What came of the mutants of a reader.

    Attributes
    ----------
    outcomes : Counter of str
    faults : list of (int, str)
        Numbers of mutants, and what was wrong.
    peak : int
        Most memory, in bytes.
    seconds : float
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    peak: int = 0
    seconds: float = 0.0

    def add(self, number: int, outcome: str) -> None:
        """Count what came of a mutant."""
        kind = outcome.split(":")[0]
        self.outcomes[kind] += 1
        if kind not in ALLOWED:
            self.faults.append((number, outcome))


def campaign(name: str, n: int, seed: int, *, commands: bool = False) -> Findings:
    """Read mutants 0 … n − 1, or run the command line on them, in a process that is begun again if it ends."""
    findings, began, number = Findings(), time.perf_counter(), 0
    again = set[int]()
    context = multiprocessing.get_context("spawn")
    while number < n:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(name, seed, number, n, commands, theirs), daemon=True)
        worker.start()
        theirs.close()
        limit = _START
        while number < n:
            try:
                if not ours.poll(limit):
                    worker.kill()
                    if number not in again:  # the machine may have been busy with others
                        again.add(number)
                        break
                    findings.add(number, f"hang: over {limit:.0f} s")
                    number += 1
                    break
                message = ours.recv()
            except EOFError:
                worker.join()
                findings.add(number, f"crash: exit code {worker.exitcode}")
                number += 1
                break
            limit = HANG
            if message is not None:  # None: it is ready for the next
                outcome, peak = message
                findings.add(number, outcome)
                findings.peak = max(findings.peak, peak)
                number += 1
        worker.join(HANG)
        worker.kill()
        worker.join()
        ours.close()
    findings.seconds = time.perf_counter() - began
    return findings


def _work(name: str, seed: int, first: int, n: int, commands: bool, pipe: Connection) -> None:
    reader: Any = READERS[name]
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    with tempfile.TemporaryDirectory() as folder:
        path = reader.make(Path(folder))
        content, whole = path.read_bytes(), read(reader, path)
        for command in reader.commands if commands else ():
            code, said = run(command, path)
            if code:
                sys.exit(f"{command} on the whole file: {said}")
        for number in range(first, n):
            damaged = mutant(content, seed, number)
            pipe.send(None)  # its time begins
            peak_bytes(start=True)
            outcome = (
                examine_commands(reader, path, damaged) if commands else examine(reader, path, damaged, whole)
            )
            peak = peak_bytes()
            if outcome in ALLOWED and peak > peak_allowed(path):
                outcome = f"memory: {peak / 1e6:.0f} MB for {path.stat().st_size} bytes"
            pipe.send((outcome, peak))
