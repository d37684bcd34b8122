"""Count each kernel's instructions under callgrind and compare them with those on record.

Instructions, unlike seconds, are the same in every run: a kernel that needs more of them than on record
is a change that must be meant. The record belongs to one compiler; with another one, counts are shown and
not judged. `--record` writes a new record.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RECORD = Path(__file__).parent / "instructions.json"
TOLERANCE = 0.01
LEVELS = ("baseline", "avx2")  # valgrind does not know AVX-512


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def count(program: str, level: str, kernel: str, times: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
             program, level, kernel, str(times)],
            env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    collected = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        sys.exit(f"check_instructions: {level} {kernel} failed: {done.stderr.strip().splitlines()[-1]}")
    return int(collected[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the built count_instructions")
    parser.add_argument("--record", action="store_true", help="write the counts as the new record")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("check_instructions: valgrind is not installed (Debian: apt-get install valgrind)")
    compiler = subprocess.run(
        ["c++", "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    kernels = subprocess.run([options.program], capture_output=True, text=True, check=True).stdout.split()
    counts = {
        level: {k: count(options.program, level, k, 2) - count(options.program, level, k, 1) for k in kernels}
        for level in LEVELS
    }
    if options.record:
        RECORD.write_text(json.dumps({"compiler": compiler, "instructions": counts}, indent=1) + "\n")
        return
    record = json.loads(RECORD.read_text())
    known, worse = record["compiler"] == compiler, []
    for level, of_level in counts.items():
        for kernel, n in of_level.items():
            before = record["instructions"][level].get(kernel)
            change = "new" if before is None else f"{100 * (n / before - 1):+.2f} %"
            print(f"{level:<9} {kernel:<19} {n:>10} {change:>9}")
            if before is None or n > before * (1 + TOLERANCE):
                worse.append(f"{level} {kernel}")
    if not known:
        print(f"not judged: the record is of {record['compiler']}, this is {compiler}")
    elif worse:
        sys.exit(f"check_instructions: more than on record: {', '.join(worse)}; if meant, use --record")


if __name__ == "__main__":
    main()
