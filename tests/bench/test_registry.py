"""The registry: every benchmark is whole, on the command line, and imports other libraries when it runs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from truezero import bench
from truezero.bench import BENCHMARKS
from truezero.cli.app import app
from truezero.cli.bench import app as bench_app

# Runs a statement and says which of these libraries were asked for, whether or not they are installed.
_ASKED_FOR = """
import sys
asked = set()
class Listener:
    def find_spec(self, name, path=None, target=None):
        asked.add(name)
sys.meta_path.insert(0, Listener())
{statement}
print(sorted(asked & {{"jax", "matplotlib", "sklearn.neural_network", "torch"}}))
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import truezero.bench, truezero.bench.page",
        "from typer.testing import CliRunner; from truezero.cli.app import app; "
        "assert CliRunner().invoke(app, ['bench', '--help']).exit_code == 0",
        "from typer.testing import CliRunner; from truezero.cli.app import app; "
        "assert 'hidden-layer-sizes' in CliRunner().invoke(app, ['bench', 'train', '--help']).output",
    ],
    ids=["import", "help of all", "help of one"],
)
def test_other_libraries_are_imported_when_used(statement: str) -> None:
    program = _ASKED_FOR.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_compiled_core() -> None:
    program = """
import sys
sys.modules["truezero.engines._native"] = None
from truezero.bench import bench_density
try:
    bench_density(widths=(16,), densities=(0.2,), batch_sizes=(10,), n_threads=1)
except ValueError as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "EngineUnavailableError\n"


def test_functions_of_before() -> None:
    for name, benchmark in BENCHMARKS.items():
        assert getattr(bench, f"bench_{name}") is benchmark.run


def options_of(name: str) -> dict[str, Any]:
    commands: Any = typer.main.get_command(bench_app)
    return {option: p for p in commands.commands[name].params for option in (*p.opts, *p.secondary_opts)}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_parameter_is_an_option(name: str) -> None:
    options = options_of(name)
    wanted = {"--out", "--json"}
    for parameter in inspect.signature(BENCHMARKS[name].run).parameters.values():
        if parameter.name == "dataset":
            wanted |= {"--data", "--data-dir"}
        elif parameter.name != "on_progress":
            wanted.add("--" + parameter.name.replace("_", "-"))
        if isinstance(parameter.default, bool):
            wanted.add("--no-" + parameter.name.replace("_", "-"))
    assert set(options) - {"--help"} == wanted
    for option, made in options.items():
        assert made.help
        assert not made.help.startswith("[default"), f"{option} is not described"


def test_options_of_before() -> None:
    """Some that a renamed parameter would lose."""
    for name, options in {
        "train": "--hidden-layer-sizes --activation --learning-rate-init --l1-activation --epochs --steps --rounds",
        "error": "--learning-rate-init --l1-activation --targets --max-iter --random-state",
        "predict": "--widths --zeros --batch-sizes --weights --rounds",
        "text": "--hidden-layer-sizes --n-rows --rounds --bag-features --epochs --learning-rate-init --sampling",
        "density": "--widths --batch-sizes --rounds",
        "pretrain": "--learning-rate-init --l1-activation --corruption-level --epochs --steps --rounds "
        "--n-threads",
    }.items():
        assert set(options.split()) <= set(options_of(name))


def test_values_reach_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def run(**parameters: Any) -> Any:
        given.update(parameters)
        raise KeyError("seen")

    monkeypatch.setattr(BENCHMARKS["pretrain"], "run", run)
    arguments = [
        "pretrain", "--data", "digits", "--hidden-layer-sizes", "12,8", "--l1-activation", "0,1e-3",
        "--learning-rate-init", "0.5", "--rounds", "40", "--n-threads", "2",
    ]  # fmt: skip
    CliRunner().invoke(app, ["bench", *arguments])
    assert given.pop("dataset").name == "digits"
    assert callable(given.pop("on_progress"))
    assert given == {
        "hidden_layer_sizes": (12, 8), "l1_activation": (0.0, 0.001), "learning_rate_init": 0.5,
        "rounds": 40, "n_threads": 2,
    }  # fmt: skip
