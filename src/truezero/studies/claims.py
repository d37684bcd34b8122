"""Verdicts on the paper's sentences, from errors of the same seeds on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from truezero.studies.result import Verdict
from truezero.studies.sentences import Sentence
from truezero.studies.study import Claim, Setting

Row = dict[str, Any]

# Errors that differ by less are as good as equal: 0.2 points of per cent.
AS_GOOD = 0.002


def at_most(low: float, high: float, bound: float) -> Verdict:
    """Whether what an interval holds is no more than a bound."""
    return "confirmed" if high <= bound else "refuted" if low > bound else "not decided"


def interval(a: Row, b: Row) -> tuple[float, float, float]:
    """Mean of a's test error less b's over the seeds, and the bounds of its 95 % interval (paired t-test).

    Rows say in "measure" what else than "test_error" is compared.
    """
    pairs, measure = zip(a["runs"], b["runs"], strict=True), a.get("measure", "test_error")
    return around_mean([x[measure] - y[measure] for x, y in pairs])


def around_mean(of_seeds: Sequence[float]) -> tuple[float, float, float]:
    """Mean over the seeds, and the bounds of its 95 % interval (t-test). One seed bounds nothing."""
    mean = float(np.mean(of_seeds))
    if len(of_seeds) < 2:
        return mean, -np.inf, np.inf
    spread = float(stats.sem(of_seeds)) * float(stats.t.ppf(0.975, len(of_seeds) - 1))
    return mean, mean - spread, mean + spread


def trend(x: Sequence[float], rows: Sequence[Row]) -> tuple[float, float, float]:
    """How much the error rises from the least x to the greatest, by a straight line for each seed.

    Mean over the seeds, and the bounds of its 95 % interval.
    """
    errors_of_seeds = zip(*([run["test_error"] for run in row["runs"]] for row in rows), strict=True)
    across = max(x) - min(x)
    return around_mean([float(np.polyfit(x, seed, 1)[0]) * across for seed in errors_of_seeds])


def better(a: Row, b: Row) -> Verdict:
    """Whether a errs less than b."""
    _, low, high = interval(a, b)
    return "confirmed" if high < 0 else "refuted" if low > 0 else "not decided"


def no_worse(a: Row, b: Row) -> Verdict:
    """Whether a errs no more than b, or so little more that it does not matter."""
    _, low, high = interval(a, b)
    return at_most(low, high, AS_GOOD)


def alike(a: Row, b: Row) -> Verdict:
    """Whether a and b err as often."""
    return all_of([no_worse(a, b), no_worse(b, a)])


def gain(a: Row, b: Row) -> Row:
    """By how much b errs less than a, seed by seed, as a row that can be compared with others."""
    return {
        "runs": [
            {"test_error": x["test_error"] - y["test_error"]}
            for x, y in zip(a["runs"], b["runs"], strict=True)
        ]
    }


def all_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Verdict on several statements together."""
    if "refuted" in verdicts:
        return "refuted"
    return "confirmed" if all(verdict == "confirmed" for verdict in verdicts) else "not decided"


def claim(setting: Setting, sentence: str, section: str, verdict: Verdict, evidence: str) -> Claim:
    """Put a claim together; what a smoke test finds decides nothing."""
    names = dict.fromkeys(dataset.name for dataset in setting.datasets)
    evidence = f"on {', '.join(names)}: {evidence}"
    if setting.scale_name == "smoke":
        return Claim(sentence, section, "not decided", f"scale smoke decides nothing; {evidence}")
    return Claim(sentence, section, verdict, evidence)


def claimed(setting: Setting, sentence: Sentence, verdict: Verdict, evidence: str) -> Claim:
    """Put a claim together from a sentence of `sentences`."""
    return claim(setting, sentence.text, sentence.section, verdict, evidence)


def apart(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Mean of some errors less that of others, and the bounds of its 95 % interval (Welch's test).

    The two have no seeds in common. One error on a side bounds nothing.
    """
    mean = float(np.mean(a) - np.mean(b))
    if min(len(a), len(b)) < 2:
        return mean, -np.inf, np.inf
    parts = np.array([np.var(values, ddof=1) / len(values) for values in (a, b)])
    if not parts.any():
        return mean, mean, mean
    freedom = parts.sum() ** 2 / (parts**2 / [len(a) - 1, len(b) - 1]).sum()
    spread = float(np.sqrt(parts.sum()) * stats.t.ppf(0.975, freedom))
    return mean, mean - spread, mean + spread


def errors(a: Row, b: Row) -> str:
    """Write two errors and their difference, in per cent; root mean squared errors as they are."""
    measure = a.get("measure", "test_error")
    times, digits, unit, points = (1, 3, "", "") if measure == "test_rmse" else (100, 2, " %", " points")
    of_both = " and ".join(f"{times * row[measure]:.{digits}f}{unit}" for row in (a, b))
    return f"{of_both} ({written(*interval(a, b), times, digits, points)})".replace(" %", "\u00a0%")


def written(
    mean: float, low: float, high: float, times: int = 100, digits: int = 2, points: str = " points"
) -> str:
    """Write a difference of errors and its 95 % interval."""

    def signed(value: float) -> str:
        return f"{times * value:+.{digits}f}".replace("-", "−")

    bounds = f", 95\u00a0% interval {signed(low)} to {signed(high)}" if np.isfinite(low) else ", one seed"
    return f"{signed(mean)}{points}{bounds}"
