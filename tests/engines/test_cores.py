"""How many threads there are: what is asked for, the environment, cores, quotas of control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from truezero import DeepRectifierClassifier
from truezero.engines import select
from truezero.engines.cores import available_cores, cpu_quota
from truezero.engines.select import resolve_threads
from truezero.errors import OptionError


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRUEZERO_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "available_cores", lambda: 8)


@pytest.mark.usefixtures("eight")
def test_the_argument_the_variables_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_threads(None) == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert resolve_threads(None) == 3
    monkeypatch.setenv("TRUEZERO_NUM_THREADS", " 2 ")
    assert resolve_threads(None) == 2
    assert resolve_threads(5) == 5


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4,2", 4), ("4, 2", 4), (" 2 ", 2), ("007", 7), ("0", 8), ("2.0", 8), ("abc", 8), ("", 8), (",3", 8),
        ("-2", 8), ("4:2", 8), ("٣", 8), ("²", 8), ("9" * 5000, 1 << 15), ("0" * 5000 + "3", 3),
    ],
)  # fmt: skip
def test_openmp_s_variable_is_a_list_and_never_an_error(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert resolve_threads(None) == expected


@pytest.mark.parametrize("text", ["many", "0", "-1", "2.0", "4,2", "²"])
def test_our_own_variable_must_be_a_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TRUEZERO_NUM_THREADS", text)
    with pytest.raises(OptionError, match="TRUEZERO_NUM_THREADS must be a whole number above 0, got"):
        resolve_threads(None)


@pytest.mark.usefixtures("eight")
def test_negative_numbers_count_from_all_cores_as_joblib_s_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from joblib.parallel import LokyBackend

    monkeypatch.setattr("joblib._parallel_backends.cpu_count", lambda: 8)
    for n in (-1, -2, -7, -8, -9, -100):
        assert resolve_threads(n) == LokyBackend().effective_n_jobs(n)
    assert resolve_threads(-1) == 8
    assert resolve_threads(2**60) == 1 << 15  # what the core can take
    for bad in (0, 1.0, True, "2"):
        with pytest.raises(OptionError, match=r"n_threads must be a whole number above 0, −1 for all cores"):
            resolve_threads(bad)  # type: ignore[arg-type]


def test_estimators_take_negative_numbers() -> None:
    X, y = [[0.0, 1.0], [1.0, 0.0]] * 5, [0, 1] * 5
    for n_threads in (-1, -2, 2**60):
        model = DeepRectifierClassifier((3,), max_iter=1, early_stopping=False, n_threads=n_threads)
        assert model.fit(X, y).predict(X).shape == (10,)
    with pytest.raises(OptionError, match="n_threads must be"):
        DeepRectifierClassifier(n_threads=0).fit(X, y)


# ---- quotas ---------------------------------------------------------------------------------------


def groups(tmp_path: Path, files: dict[str, str], lines: str) -> float | None:
    """The quota for files of control groups below a folder, and what the system says of the process."""
    for name, text in files.items():
        path = tmp_path / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "groups").write_text(lines)
    return cpu_quota(str(tmp_path / "groups"), str(tmp_path / "mounted"))


def test_version_2(tmp_path: Path) -> None:
    assert groups(tmp_path, {"cpu.max": "150000 100000\n"}, "0::/\n") == 1.5


def test_version_2_in_the_group_of_the_process_and_those_around_it(tmp_path: Path) -> None:
    files = {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000", "a/b/c/cpu.max": "90000 20000"}
    assert groups(tmp_path, files | {"d/cpu.max": "10000 100000"}, "0::/a/b/c\n") == 3


def test_a_container_sees_its_own_group_at_the_top(tmp_path: Path) -> None:
    assert groups(tmp_path, {"cpu.max": "200000 100000"}, "0::/system.slice/docker-1f.scope\n") == 2
    assert groups(tmp_path, {"cpu.max": "200000 100000"}, "0::/../../elsewhere\n") == 2


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct"])
def test_version_1(tmp_path: Path, controllers: str) -> None:
    files = {
        f"{controllers}/cpu.cfs_quota_us": "-1\n", f"{controllers}/cpu.cfs_period_us": "100000\n",
        f"{controllers}/mine/cpu.cfs_quota_us": "250000\n", f"{controllers}/mine/cpu.cfs_period_us": "100000\n",
        "memory/mine/cpu.cfs_quota_us": "1\n", "memory/mine/cpu.cfs_period_us": "100000\n",
    }  # fmt: skip
    assert groups(tmp_path, files, f"9:memory:/mine\n4:{controllers}:/mine\n1:name=systemd:/\n0::/\n") == 2.5


def test_both_versions_at_once(tmp_path: Path) -> None:
    files = {
        "unified/x/cpu.max": "400000 100000",
        "cpu/cpu.cfs_quota_us": "200000",
        "cpu/cpu.cfs_period_us": "100000",
    }
    assert groups(tmp_path, files, "1:cpu:/\n0::/x\n") == 2


@pytest.mark.parametrize(
    "files",
    [{}, {"cpu.max": "max 100000"}, {"cpu.max": "nonsense"}, {"cpu.max": "5 0"}, {"cpu.max": ""}, {"cpu.max/x": ""}],
)  # fmt: skip
def test_no_limit_and_none_that_can_be_read(tmp_path: Path, files: dict[str, str]) -> None:
    assert groups(tmp_path, files, "0::/\n") is None
    (tmp_path / "bad").write_bytes(b"0::/\xff\nnot three parts\n")
    assert cpu_quota(str(tmp_path / "bad"), str(tmp_path / "mounted")) is None
    (tmp_path / "worse").write_text("not three parts\n")
    assert cpu_quota(str(tmp_path / "worse"), str(tmp_path / "mounted")) is None
    assert cpu_quota(str(tmp_path / "none"), str(tmp_path / "mounted")) is None


def test_the_quota_is_rounded_down_and_at_least_1(monkeypatch: pytest.MonkeyPatch) -> None:
    from truezero.engines import cores

    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    for quota, expected in ((None, 8), (0.2, 1), (1.9, 1), (3.5, 3), (20.0, 8)):
        monkeypatch.setattr(cores, "cpu_quota", lambda quota=quota: quota)
        assert available_cores() == expected


@pytest.mark.skipif(
    not (os.geteuid() == 0 and os.access("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", os.W_OK)),
    reason="needs to be root, and control groups of version 1",
)
def test_a_real_quota() -> None:
    group = Path(f"/sys/fs/cgroup/cpu/truezero_test_{os.getpid()}")
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text("150000")
        code = (
            "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()))\n"
            "from truezero.engines import resolve_threads; print(resolve_threads(None))"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code, str(group / "tasks")], capture_output=True, text=True, check=True, timeout=60
        )  # fmt: skip
        assert ran.stdout.strip() == "1"
    finally:
        group.rmdir()
