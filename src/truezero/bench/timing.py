"""How everything is timed: contestants in turn, round after round, medians and spreads."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from truezero.bench.benchmark import at_least

OURS, ONE_THREAD = "truezero", "truezero, 1 thread"

# Another library's idle threads spin for a while after their work; nobody is timed beside them.
_PAUSE = 0.1
# A processor that has idled takes a while to get going, and a call alone is too short to time.
_WARM_UP, _AT_LEAST = 0.1, 0.25

Contestant = Callable[[], float]
"""Does its work once and returns the seconds one unit of it took."""
Progress = Callable[[str], Any]


def per_step(work: Callable[[], Any], steps: int) -> Contestant:
    """Make a contestant of work that takes so many steps: seconds per step of one call."""

    def run() -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) / steps

    return run


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
    seconds: Mapping[str, list[float]], ours: str, theirs: Sequence[str]
) -> tuple[float | None, list[float] | None]:
    """Time of the fastest of `theirs` over ours: the median over the rounds, and [least, greatest]."""
    names = [name for name in theirs if name in seconds]
    if not names:
        return None, None
    fastest = min(names, key=lambda name: statistics.median(seconds[name]))
    ratios = [a / b for a, b in zip(seconds[fastest], seconds[ours], strict=True)]
    return statistics.median(ratios), [min(ratios), max(ratios)]


class Contest:
    """One measurement: who takes part, on how many threads, and the seconds of everybody.

    Parameters
    ----------
    rounds : int
        In each of which everybody runs once.
    most_threads : int
        The most anybody may use.
    on_progress : callable
        Called with a note on what is being done.
    note : str
        What is measured; begins every note.

    Attributes
    ----------
    contestants : dict of str to Contestant
    n_threads : dict of str to int
        Of those whose threads are chosen here.
    disagreement : dict of str to float
        How far other libraries' weights were from ours where both did the same steps.
    left_out : dict of str to str
        Who cannot take part on this machine, and why.
    seconds : dict of str to list of float
        Of every round.

    Raises
    ------
    OptionError
        If there is no round.
    """

    def __init__(self, rounds: int, most_threads: int, on_progress: Progress, note: str = "") -> None:
        at_least(1, rounds=rounds)
        self.rounds, self.most_threads = rounds, most_threads
        self.on_progress: Progress = lambda text: on_progress(f"{note}: {text}" if note else text)
        self.contestants: dict[str, Contestant] = {}
        self.n_threads: dict[str, int] = {}
        self.disagreement: dict[str, float] = {}
        self.left_out: dict[str, str] = {}
        self.seconds: dict[str, list[float]] = {}

    def enter(self, name: str, make: Callable[[int], Contestant], n_threads: int | None = None) -> None:
        """Add a contestant on so many threads, or on as many as are fastest for it."""
        if n_threads is None:
            chosen, contestant = best_threads(make, self.most_threads, self.on_progress, name)
        else:
            chosen, contestant = n_threads, make(n_threads)
        self.n_threads[name], self.contestants[name] = chosen, contestant

    def enter_ours(self, make: Callable[[int], Contestant]) -> None:
        """Add ourselves on all threads, and on one where there are more."""
        self.enter(OURS, make, self.most_threads)
        if self.most_threads > 1:
            self.enter(ONE_THREAD, make, 1)

    def hold(self) -> None:
        """Let everybody take turns."""
        self.seconds = interleave(self.contestants, self.rounds, self.on_progress)

    def ratios(self, theirs: Mapping[str, Sequence[str]], ours: str = OURS) -> dict[str, Any]:
        """Give `ratio` and `spread` against the fastest of each group, their names begun by its key."""
        found: dict[str, Any] = {}
        for key, names in theirs.items():
            found[f"{key}ratio"], found[f"{key}spread"] = ratio(self.seconds, ours, names)
        return found

    def facts(self) -> dict[str, Any]:
        """Times, threads, and what was found about the others, as a result holds them."""
        return {
            "milliseconds_per_step": milliseconds(self.seconds),
            "n_threads": self.n_threads,
            "disagreement": self.disagreement,
            "left_out": self.left_out,
        }
