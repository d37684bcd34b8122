"""How many cores there are for this process: its affinity, and what the quota of a control group amounts to.

`joblib.cpu_count` does not do: it rounds a quota up, so that threads are held back, and knows the topmost
group alone, not the one that systemd or a batch system put the process in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath


def available_cores() -> int:
    """Cores that may be used, at least 1: the affinity, or the quota rounded down where that is less."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return affinity if quota is None else max(1, min(affinity, int(quota)))


@cache
def cpu_quota(groups: str = "/proc/self/cgroup", mounted: str = "/sys/fs/cgroup") -> float | None:
    """Cores' worth of time that the process may use, by the tightest of its groups; None without a limit.

    Parameters
    ----------
    groups, mounted : str
        Where the system says what groups the process is in, and where their files are.
    """
    quotas = [quota for folder in _folders(groups, Path(mounted)) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _folders(groups: str, mounted: Path) -> Iterator[Path]:
    """Folders of the process's groups and of those around them, for both versions of control groups."""
    try:
        lines = Path(groups).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    # In a container the paths may be the host's, and what is mounted is the container's own group.
    found = {("", "/"), ("cpu", "/"), ("cpu,cpuacct", "/")}
    parts = [line.split(":", 2) for line in lines]  # number, controllers, path
    found.update((of_line[1], of_line[2]) for of_line in parts if len(of_line) == 3)
    for controllers, path in found:
        if controllers and "cpu" not in controllers.split(","):
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for group in (inside, *inside.parents):
            if ".." in group.parts:
                continue
            for top in (
                (mounted / controllers, mounted / "cpu") if controllers else (mounted, mounted / "unified")
            ):
                yield top / group


def _quota(folder: Path) -> float | None:
    """Of one group."""
    try:
        if (folder / "cpu.max").exists():  # version 2: "max 100000"
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{of}_us").read_text() for of in ("quota", "period"))
        return float(quota) / float(period) if float(quota) > 0 else None  # version 1: -1
    except (OSError, ValueError, ZeroDivisionError):
        return None
