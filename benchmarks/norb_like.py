"""Whether NORB's stand-ins are neither trivial nor noise: a linear model, one hidden layer and three.

    python benchmarks/norb_like.py --folder FOLDER [--eth80 FOLDER_OF_ETH80] [--size small|laptop]

Makes both stand-ins in FOLDER (what is there is kept), and trains on about 5,000 rows of each, or on 23,000
(`laptop`). A model that is in the result already is not trained again. `--sheet` draws pictures of both
instead.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from truezero import DeepRectifierClassifier
from truezero.core.atomic import write_text
from truezero.datasets import Dataset
from truezero.datasets.eth80 import KINDS as OBJECTS
from truezero.datasets.eth80 import Photographs, load_eth80, make_eth80
from truezero.datasets.scenes import paint
from truezero.datasets.toy_shapes import KINDS as TOYS
from truezero.datasets.toys import Toys, load_toys, make_toys
from truezero.plots.images import pairs
from truezero.runs import environment

# Training and testing images; of the former, 541 of 2,700 are for validation.
SIZES = {"small": (6_250, 3_000), "laptop": (29_160, 5_832)}
MODELS: dict[str, tuple[int, ...]] = {
    "linear": (), "1 layer": (1000,), "3 layers": (1000, 1000, 1000),
}  # fmt: skip
RATES = [0.01, 0.003]
OPTIONS: dict[str, Any] = {"n_iter_no_change": 8, "l1_activation": 0.0, "random_state": 0}


def trained(
    dataset: Dataset, hidden: tuple[int, ...], rates: list[float], options: dict[str, Any]
) -> dict[str, Any]:
    """Test error at the rate and epoch with the least validation error; its cost breaks ties."""
    tried = []
    for rate in rates:
        model = DeepRectifierClassifier(hidden_layer_sizes=hidden, learning_rate_init=rate, **options)
        started = time.perf_counter()
        model.fit(
            dataset.scaled("train"), dataset.y_train,
            X_val=dataset.scaled("validation"), y_val=dataset.y_validation,
        )  # fmt: skip
        record = model.history_[model.epoch_selected_ - 1]
        tried.append(
            {
                "learning_rate": rate,
                "validation_error": record["validation_error"],
                "validation_loss": record["validation_loss"],
                "test_error": 1 - model.score(dataset.scaled("test"), dataset.y_test),
                "epoch_selected": model.epoch_selected_,
                "sparsity": np.asarray(model.sparsity_).tolist(),
                "seconds": time.perf_counter() - started,
            }
        )
    return min(tried, key=lambda run: (run["validation_error"], run["validation_loss"]))


def main() -> None:
    """Make what is missing, train what is missing, or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the stand-ins are made")
    parser.add_argument("--eth80", type=Path, help="folder of ETH-80's files; without it toys alone")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--max-iter", type=int, default=40)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--out", type=Path, default=Path("results/norb-like"))
    parser.add_argument("--sheet", type=Path, help="draw pictures into this file")
    given = parser.parse_args()
    if given.sheet is not None:
        sheet(given.sheet, given.eth80)
        return
    if given.folder is None:
        parser.error("--folder is needed")
    given.out.mkdir(parents=True, exist_ok=True)
    size, options = SIZES[given.size], {"max_iter": given.max_iter, "dropout": given.dropout, **OPTIONS}
    folder = given.folder / f"toys-{given.size}"
    make_toys(folder, size)
    datasets = [load_toys(folder)]
    if given.eth80 is not None:
        folder = given.folder / f"eth80-{given.size}"
        make_eth80(given.eth80, folder, size)
        datasets.append(load_eth80(folder))
    for dataset in datasets:
        name = dataset.name
        path = given.out / f"{name}-{given.size}{'-dropout' if given.dropout else ''}.json"
        result = json.loads(path.read_text()) if path.exists() else {}
        if result.get("fingerprint") != dataset.fingerprint:
            result = {
                "data": name, "stand_in_for": "NORB", "fingerprint": dataset.fingerprint,
                "n_train": len(dataset.X_train), "n_validation": len(dataset.X_validation),
                "n_test": len(dataset.X_test), "rates": given.rates, **options, "models": {},
            }  # fmt: skip
        for model, hidden in MODELS.items():
            if model not in result["models"]:
                result["models"][model] = trained(dataset, hidden, given.rates, options)
                result["environment"] = environment()
                write_text(path, json.dumps(result, indent=1) + "\n")
            print(name, model, json.dumps(result["models"][model]), flush=True)


def sheet(path: Path, eth80: Path | None) -> None:
    """Draw stereo pairs of both: a row of each class."""
    groups = {}
    for title, objects, names in (
        ("toys (stand-in for NORB)", Toys(), TOYS),
        ("ETH-80 on clutter (stand-in for NORB)", eth80 and Photographs(eth80), OBJECTS),
    ):
        if objects:
            n = len(names) + 1
            shown, _ = paint(objects, False, np.arange(5 * n), 2011)
            groups[title] = {name: shown[k::n] for k, name in enumerate((*names, "nothing"))}
    pairs(groups).savefig(path, dpi=110)
    Image.open(path).convert("L").save(path, optimize=True)  # grey: a third of the bytes


if __name__ == "__main__":
    main()
