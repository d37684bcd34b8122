"""How everything is timed: contestants in turn, round after round, medians and spreads."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

# Another library's idle threads spin for a while after their work; nobody is timed beside them.
_PAUSE = 0.1
# A processor that has idled takes a while to get going, and a call alone is too short to time.
_WARM_UP, _AT_LEAST = 0.1, 0.25

Contestant = Callable[[], float]
"""Does its work once and returns the seconds one unit of it took."""
Progress = Callable[[str], Any]


def timed(work: Callable[[], Any]) -> Contestant:
    """Make a contestant of a function: seconds per call, over a quarter of a second of calls."""

    def repeat(seconds: float) -> float:
        started, calls = time.perf_counter(), 0
        while True:
            work()
            calls += 1
            passed = time.perf_counter() - started
            if passed >= seconds:
                return passed / calls

    def run() -> float:
        repeat(_WARM_UP)
        return repeat(_AT_LEAST)

    return run


def interleave(
    contestants: Mapping[str, Contestant], rounds: int, on_progress: Progress, note: str = ""
) -> dict[str, list[float]]:
    """Let each contestant run once per round; return its seconds of all rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contestant in contestants.items():
            on_progress(f"{note} round {number + 1} of {rounds}: {name}".strip())
            time.sleep(_PAUSE)
            seconds[name].append(contestant())
    return seconds


def best_threads(
    make: Callable[[int], Contestant], most: int, on_progress: Progress, note: str
) -> tuple[int, Contestant]:
    """Try 1, 2, 4 … `most` threads; return the number that was fastest, and its contestant."""
    numbers = sorted({n for n in (1, 2, 4, 8, 16, most) if n <= most})
    tried: dict[int, tuple[float, Contestant]] = {}
    for n in numbers:
        on_progress(f"{note}: trying {n} thread{'s' if n > 1 else ''}")
        contestant = make(n)
        time.sleep(_PAUSE)
        tried[n] = (min(contestant(), contestant()), contestant)
    fastest = min(tried, key=lambda n: tried[n][0])
    return fastest, tried[fastest][1]


def milliseconds(seconds: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    """Median, least and greatest of each contestant, in milliseconds."""
    return {
        name: {
            "median": 1e3 * statistics.median(values),
            "least": 1e3 * min(values),
            "greatest": 1e3 * max(values),
        }
        for name, values in seconds.items()
    }


def ratio(
    seconds: Mapping[str, list[float]], ours: str, theirs: list[str]
) -> tuple[float | None, list[float] | None]:
    """Time of the fastest of `theirs` over ours: the median over the rounds, and [least, greatest]."""
    names = [name for name in theirs if name in seconds]
    if not names:
        return None, None
    fastest = min(names, key=lambda name: statistics.median(seconds[name]))
    ratios = [a / b for a, b in zip(seconds[fastest], seconds[ours], strict=True)]
    return statistics.median(ratios), [min(ratios), max(ratios)]
