"""Fuzz readers for long: `PYTHONPATH=tests python -m fuzz --reader npz --n 5000 --seed 0`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from fuzz.campaign import campaign
from fuzz.mutate import mutant
from fuzz.readers import READERS


def main() -> int:
    """Run campaigns and say what came of them; 1 if a reader failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Damaged files for every reader.")
    parser.add_argument("--reader", action="append", choices=sorted(READERS), help="all, if left out")
    parser.add_argument("--n", type=int, default=5000, help="mutants of each reader (default: 5000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", action="store_true", help="run the command line on them instead")
    parser.add_argument("--show", type=int, default=5, help="faults shown of each reader (default: 5)")
    parser.add_argument("--keep", type=Path, help="write mutants with faults into this folder")
    options = parser.parse_args()
    failed = False
    for name in options.reader or READERS:
        findings = campaign(name, options.n, options.seed, commands=options.commands)
        counts = ", ".join(f"{n} {kind}" for kind, n in findings.outcomes.most_common())
        print(f"{name:<12} {counts}; peak {findings.peak / 1e6:.0f} MB, {findings.seconds:.0f} s", flush=True)
        for number, what in findings.faults[: options.show]:
            print(f"    mutant {number}: {what}", flush=True)
        if options.keep is not None:
            _keep(options.keep, name, options.seed, [number for number, _ in findings.faults])
        failed |= bool(findings.faults)
    return int(failed)


def _keep(folder: Path, name: str, seed: int, numbers: list[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        path = READERS[name].make(Path(scratch))
        for number in numbers:
            content = mutant(path.read_bytes(), seed, number).content
            (folder / f"{name}-{seed}-{number}{path.suffix}").write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
