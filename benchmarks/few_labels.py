"""What pre-training on all rows brings where few of them have labels (section 4.1).

    python benchmarks/few_labels.py --out results/few-labels
    python benchmarks/few_labels.py --data text --out results/few-labels     # digits, table

The first: a rectifier network of 3 × 1000 with a sign mask is pre-trained by strategy 1 on all training rows
of MNIST. For every seed, 500 labels are drawn, of which 20 % select rate and epoch; both arms, with and
without pre-training, have the same labels, the same validation rows and the same grid of rates. With all
labels, the data set's own validation rows select. The test error is that of the chosen rate and epoch.

The others measure the README's recipes, see `few_labels_recipes.py`. Data are looked for in --data-dir, else
in $TRUEZERO_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from few_labels_recipes import measured, tasks
from sklearn.frozen import FrozenEstimator

from truezero import DeepRectifierClassifier, DivergenceError, StackedDenoisingAutoencoder
from truezero.datasets import Dataset, load_dataset
from truezero.runs import environment
from truezero.training.history import rank_by_validation

NETWORK: dict[str, Any] = {"hidden_layer_sizes": (1000, 1000, 1000), "sign_mask": "half"}
PRETRAINING: dict[str, Any] = {
    "reconstruction": "softplus-quadratic", "corruption": "masking", "corruption_level": 0.5,
    "l1_activation": 1e-3, "learning_rate_init": 0.02, "max_iter": 30,
}  # fmt: skip
FINE_TUNING: dict[str, Any] = {"l1_activation": 1e-4, "max_iter": 100, "n_iter_no_change": 25}
RATES = (0.1, 0.03, 0.01, 0.001)
ALL_LABELS: dict[str, Any] = {"l1_activation": 1e-5, "max_iter": 40, "n_iter_no_change": 10}
ALL_LABELS_RATES = (0.1, 0.03)


def fine_tuned(
    rows: tuple[Any, Any, Any, Any],
    dataset: Dataset,
    rates: tuple[float, ...],
    pretraining: Any,
    options: Any,
) -> dict[str, Any]:
    """Test error at the rate and epoch with the least validation error; its cost breaks ties."""
    X, y, X_val, y_val = rows
    tried: dict[float, tuple[tuple[float, float], float, int]] = {}
    for rate in rates:
        model = DeepRectifierClassifier(
            **NETWORK, **options, learning_rate_init=rate,
            pretraining=None if pretraining is None else FrozenEstimator(pretraining),
        )  # fmt: skip
        try:
            model.fit(X, y, X_val=X_val, y_val=y_val)
        except DivergenceError:
            continue
        record = model.history_[model.epoch_selected_ - 1]
        error = 1 - model.score(dataset.scaled("test"), dataset.y_test)
        chosen = rank_by_validation(record)
        assert chosen is not None  # there are validation rows
        tried[rate] = (chosen, error, model.epoch_selected_)
    rate = min(tried, key=lambda r: tried[r][0])
    return {
        "test_error": tried[rate][1],
        "validation_error": tried[rate][0][0],
        "learning_rate": rate,
        "epoch_selected": tried[rate][2],
    }


def main() -> None:
    """Run what is asked for and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist", help="text, digits, table, or a set like mnist.")
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("TRUEZERO_DATA", ".")))
    parser.add_argument("--labels", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=10, help="Draws of labels.")
    parser.add_argument("--pretrainings", type=int, default=2, help="Seeds take turns with so many of them.")
    parser.add_argument("--all-labels-seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/few-labels"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.data in ("text", "digits", "table"):
        recipes(options)
    else:
        rates_chosen(options)


def recipes(options: argparse.Namespace) -> None:
    """Measure the README's recipes on one kind of data; each task is written when it is done."""
    result: dict[str, Any] = {"data": options.data, "environment": environment(), "tasks": {}}
    for name, task in tasks(options.data, options.data_dir).items():
        result["tasks"][name] = measured(task(), options.seeds, options.pretrainings)
        print(name, json.dumps({k: result["tasks"][name][k] for k in ("mean", "deviation")}), flush=True)
        (options.out / f"{options.data}.json").write_text(json.dumps(result, indent=1) + "\n")


def rates_chosen(options: argparse.Namespace) -> None:
    """Compare a network with and without pre-training, each at its best rate, few labels and all."""
    dataset = load_dataset(options.data, data_dir=options.data_dir)
    X, y = dataset.scaled("train"), np.asarray(dataset.y_train)
    held_out = dataset.scaled("validation")

    stacks, pretrained = [], []
    for seed in range(options.pretrainings):
        started = time.perf_counter()
        stack = StackedDenoisingAutoencoder(**NETWORK, **PRETRAINING, random_state=seed).fit(
            X, X_val=held_out
        )
        stacks.append(stack)
        pretrained.append(
            {
                "seed": seed,
                "seconds": time.perf_counter() - started,
                "reconstruction_errors": stack.reconstruction_errors_,
                "epochs_selected": stack.epochs_selected_,
                "sparsity": stack.sparsity_,
            }
        )
        print(json.dumps(pretrained[-1]), flush=True)

    result: dict[str, Any] = {
        "data": dataset.name,
        "n_labels": options.labels,
        "network": list(NETWORK["hidden_layer_sizes"]),
        "pretraining": PRETRAINING,
        "pretrained": pretrained,
        "fine_tuning": {**FINE_TUNING, "rates": RATES},
        "all_labels": {**ALL_LABELS, "rates": ALL_LABELS_RATES},
        "environment": environment(),
        "runs": {"few labels": [], "all labels": []},
    }

    def note(setting: str, seed: int, rows: Any, rates: Any, how: dict[str, Any]) -> None:
        run = {"seed": seed}
        for arm, stack in (("with", stacks[seed % len(stacks)]), ("without", None)):
            run[arm] = fine_tuned(rows, dataset, rates, stack, {**how, "random_state": seed})
        result["runs"][setting].append(run)
        print(setting, json.dumps(run), flush=True)
        result["summary"] = {name: summary(runs) for name, runs in result["runs"].items() if runs}
        (options.out / f"{dataset.name}.json").write_text(json.dumps(result, indent=1) + "\n")

    for seed in range(options.seeds):
        labeled = np.random.default_rng(seed).permutation(len(y))[: options.labels]
        chosen, selecting = np.split(labeled, [round(0.8 * len(labeled))])
        rows = (X[chosen], y[chosen], X[selecting], y[selecting])
        note("few labels", seed, rows, RATES, FINE_TUNING)
    for seed in range(options.all_labels_seeds):
        note("all labels", seed, (X, y, held_out, dataset.y_validation), ALL_LABELS_RATES, ALL_LABELS)
    print(json.dumps(result["summary"], indent=1))


def summary(runs: list[Any]) -> dict[str, Any]:
    """Means, deviations, and by how much less the pre-trained arm errs."""
    errors = {arm: np.array([run[arm]["test_error"] for run in runs]) for arm in ("with", "without")}
    return {
        "test_error": {arm: float(values.mean()) for arm, values in errors.items()},
        "deviation": {
            arm: float(values.std(ddof=1)) if len(values) > 1 else None for arm, values in errors.items()
        },
        "relative_gain": float(1 - errors["with"].mean() / errors["without"].mean()),
        "gain_of_each_seed": (1 - errors["with"] / errors["without"]).tolist(),
    }


if __name__ == "__main__":
    main()
