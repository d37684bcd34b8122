"""Ctrl-C at any moment: one line, exit 130, and nothing else is said.

`python tests/cli/test_interrupts.py 50` sends it so many times, at moments by chance.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

# Until Python itself has started, and `main` is there, Ctrl-C is nobody's.
STARTED = "from truezero.cli import main\nprint('started', flush=True)\nmain()"
EARLIEST, LATEST = 0.03, 2.5
TRAIN = ("train", "synthetic", "--hidden-layer-sizes", "50", "--max-iter", "1000", "--json", "--out", "m")


def interrupted(delay: float, folder: Path) -> tuple[int, str]:
    """Exit code and standard error of a training that gets Ctrl-C after so many seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, *TRAIN],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


ALLOWED = ("truezero: interrupted\n", "truezero: stopped; the same command with --resume goes on from here\n")


def as_expected(code: int, said: str) -> bool:
    return code == 130 and said.replace(ALLOWED[1], "") == ALLOWED[0]


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("delay", [0.1, 0.3, 0.6, 1.2])
def test_ctrl_c_is_one_line_and_130(delay: float, tmp_path: Path) -> None:
    code, said = interrupted(delay, tmp_path)
    assert as_expected(code, said), (code, said)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]


def test_what_is_interrupted_in_a_destructor_is_not_lost() -> None:
    program = """
import signal, sys, time
from truezero.cli.interrupts import interrupts
class Slow:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
with interrupts() as watched:
    try:
        with watched.work():
            slow = Slow()
            del slow
            time.sleep(5)
            print("went on")
    except KeyboardInterrupt:
        sys.exit(watched.say())
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stdout, process.stderr) == (130, "", "truezero: interrupted\n")


if __name__ == "__main__":
    found: Counter[str] = Counter()
    for number in range(int(sys.argv[1])):
        wait = random.Random(number).uniform(EARLIEST, LATEST)
        with tempfile.TemporaryDirectory() as place:
            exit_code, text = interrupted(wait, Path(place))
        found[
            "as expected" if as_expected(exit_code, text) else f"{wait:.3f} s: {exit_code} {text[-300:]}"
        ] += 1
    for what, times in found.items():
        print(times, what)
