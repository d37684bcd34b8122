"""What the README's recipes for few labels bring, beside logistic regression on the same labels.

    python benchmarks/few_labels.py --data text|digits|table --out results/few-labels

See `few_labels_recipes.py`. Data are looked for in --data-dir, else in $TRUEZERO_DATA. Images with
the rate chosen by a share of the labels are a study: `truezero reproduce few-labels --data mnist`.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from few_labels_recipes import measured, tasks

from truezero.runs import environment


def main() -> None:
    """Measure the recipes on one kind of data; each task is written when it is done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=("text", "digits", "table"), default="digits")
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("TRUEZERO_DATA", ".")))
    parser.add_argument("--seeds", type=int, default=10, help="Draws of labels.")
    parser.add_argument("--pretrainings", type=int, default=2, help="Seeds take turns with so many of them.")
    parser.add_argument("--out", type=Path, default=Path("results/few-labels"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"data": options.data, "environment": environment(), "tasks": {}}
    for name, task in tasks(options.data, options.data_dir).items():
        result["tasks"][name] = measured(task(), options.seeds, options.pretrainings)
        print(name, json.dumps({k: result["tasks"][name][k] for k in ("mean", "deviation")}), flush=True)
        (options.out / f"{options.data}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
