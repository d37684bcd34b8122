"""Networks from and for PyTorch say what PyTorch says."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peers import require_torch

from truezero import Network, initialize
from truezero.errors import ModelFileError, OptionError

torch = require_torch()
nn = torch.nn
X = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)


def made(*modules: Any) -> Any:
    """Sequential with numbers of its own, its batch normalisations too."""
    generator = torch.Generator().manual_seed(0)
    module = nn.Sequential(*modules)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(
                    torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
                    - 0.3 * ("var" not in name)
                )
    return module.eval()


def answers(module: Any, rows: Any = X) -> Any:
    with torch.no_grad():
        return module(torch.from_numpy(rows)).numpy()


def check(net: Network, theirs: Any, rows: Any = X) -> None:
    ours = net(rows.astype(net.dtype))
    assert (np.abs(ours - theirs) <= 1e-5 * np.abs(theirs).max(axis=1, keepdims=True)).all()


MODULES: dict[str, Any] = {
    "plain": lambda: made(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)),
    "dropout, nested": lambda: made(
        nn.Flatten(), nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Dropout(0.3)), nn.Identity(), nn.Linear(7, 3)
    ),
    "batch normalisation": lambda: made(
        nn.BatchNorm1d(5), nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(),
        nn.BatchNorm1d(7, affine=False, eps=0.1), nn.Linear(7, 3), nn.BatchNorm1d(3),
    ),
    "others":
        lambda: made(
            nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.Sigmoid(), nn.Linear(6, 3), nn.Softplus(2.0)
        ),
    "no biases": lambda: made(nn.Linear(5, 7, bias=False), nn.ReLU(), nn.Linear(7, 3, bias=False)),
    "layers in a row": lambda: made(nn.Linear(5, 7), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3)),
    "float64": lambda: made(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)).double(),
    "an activation at the end": lambda: made(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3), nn.Sigmoid()),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    module = MODULES[name]()
    net = Network.from_torch(module)
    assert net.dtype == (np.float64 if name == "float64" else np.float32)
    assert net.use_biases == (name != "no biases")
    check(net, answers(module, X.astype(net.dtype)))


def test_modules_that_are_training_are_as_in_eval() -> None:
    module = made(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.9), nn.Linear(7, 3))
    expected = answers(module)
    check(Network.from_torch(module.train()), expected)
    assert module.training


def test_probabilities() -> None:
    module = made(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3), nn.Softmax(dim=1))
    net = Network.from_torch(module)
    assert net.output == "softmax"
    z = np.exp(net(X))
    np.testing.assert_allclose(z / z.sum(axis=1, keepdims=True), answers(module), rtol=1e-5)
    two = Network.from_torch(made(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 1), nn.Sigmoid()))
    assert (two.output, two.layer_sizes) == ("softmax", (5, 7, 2))


@pytest.mark.parametrize(
    "activation", ["rectifier", "tanh", "sigmoid", "softplus", "rectified-tanh", "linear"]
)
def test_there_and_back(activation: str) -> None:
    net = initialize((5, 9, 8, 3), activation, sign_mask="half", softplus_scale=2.0, output="linear", seed=2)
    module = net.to_torch()
    check(net, answers(module))
    check(Network.from_torch(module), net(X))
    assert all(
        isinstance(child, (nn.Linear, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity))
        for child in module
    )


STATES: dict[str, Any] = {
    "plain": MODULES["plain"],
    "room for an activation": lambda: made(
        nn.Flatten(), nn.Linear(5, 7), nn.ReLU(), nn.Dropout(), nn.Linear(7, 3)
    ),
    "none": MODULES["layers in a row"],
    "normalised before": lambda: made(
        nn.BatchNorm1d(5), nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 3)
    ),
    "normalised after": lambda: made(nn.Linear(5, 7), nn.ReLU(), nn.BatchNorm1d(7), nn.Linear(7, 3)),
}


@pytest.mark.parametrize("name", STATES)
def test_state_dicts_in_memory_and_in_files(name: str, tmp_path: Path) -> None:
    module = STATES[name]()
    expected = answers(module)
    check(Network.from_torch(module.state_dict()), expected)
    torch.save({"epoch": 3, "state_dict": module.state_dict()}, tmp_path / "m.pth")
    check(Network.from_torch(tmp_path / "m.pth"), expected)


def test_a_state_dict_has_the_activation_that_is_said() -> None:
    module = made(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    check(Network.from_torch(module.state_dict(), activation="tanh"), answers(module))
    named = {f"fc{name}": tensor for name, tensor in module.state_dict().items()}
    check(Network.from_torch(named, activation="tanh"), answers(module))


class Own(nn.Sequential):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return super().forward(x) + 1


def hooked() -> Any:
    module = made(nn.Linear(5, 3))
    module[0].register_forward_hook(lambda *_: None)
    return module


LINEAR = {"0.weight": torch.ones(3, 5), "0.bias": torch.ones(3)}
REFUSED: dict[str, tuple[str, Any]] = {
    "convolutions": (r"module 0.1 \(Conv1d\)",
        lambda: nn.Sequential(nn.Sequential(nn.Linear(5, 5), nn.Conv1d(1, 1, 1)))),
    "leaky": (r"module 1 \(LeakyReLU\)", lambda: nn.Sequential(nn.Linear(5, 3), nn.LeakyReLU())),
    "of one's own": (r"module itself \(Own\)", lambda: Own(nn.Linear(5, 3))),
    "hooks": (r"module 0 \(Linear\).*hooks", hooked),
    "no statistics": ("running",
        lambda: nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3, track_running_stats=False))),
    "a softmax between": ("after", lambda: nn.Sequential(nn.Linear(5, 3), nn.Softmax(1), nn.Linear(3, 3))),
    "a softmax over rows": ("dim", lambda: nn.Sequential(nn.Linear(5, 3), nn.Softmax(0))),
    "softplus cut short": ("softplus", lambda: nn.Sequential(nn.Linear(5, 3), nn.Softplus(threshold=2))),
    "two softpluses": ("scales",
        lambda: nn.Sequential(nn.Linear(5, 3), nn.Softplus(1), nn.Linear(3, 3), nn.Softplus(2))),
    "nothing": ("no layer", lambda: nn.Sequential()),
    "no module": ("state dict", lambda: 3),
    "not finite": ("NaN", lambda: {**LINEAR, "0.bias": torch.ones(3) * torch.nan}),
    "a convolution's state": (r"'1' in the state dict", lambda: {**LINEAR, "1.weight": torch.ones(1, 1, 3, 3)}),
    "layers that do not fit": ("9 inputs", lambda: {**LINEAR, "2.weight": torch.ones(2, 9)}),
    "before or after": ("before or after 'bn'", lambda: {
        **LINEAR, "bn.running_mean": torch.ones(3), "bn.running_var": torch.ones(3),
        "1.weight": torch.ones(2, 3),
    }),
    "no tensor": ("no tensor", lambda: {"0.weight": 3}),
    "whole numbers": ("floating", lambda: {"0.weight": torch.ones(3, 5, dtype=torch.int8)}),
    "nowhere": ("not there", lambda: nn.Sequential(nn.Linear(5, 3, device="meta"))),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    said, make = REFUSED[name]
    with pytest.raises(OptionError, match=said):
        Network.from_torch(make())


def test_units_that_pytorch_has_not() -> None:
    with pytest.raises(OptionError, match="lif"):
        initialize((5, 4, 3), "lif").to_torch()


class Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("touched"),)


def test_files_that_hold_code_or_are_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"0.weight": Evil()}, "evil.pth")
    Path("pickled.pth").write_bytes(pickle.dumps(Evil()))
    torch.save(made(nn.Linear(5, 3)), "module.pth")
    for name in ("evil.pth", "pickled.pth", "module.pth"):
        with pytest.raises(ModelFileError, match=name):
            Network.from_torch(name)
    assert not Path("touched").exists()
    torch.save(LINEAR, "good.pth")
    whole = Path("good.pth").read_bytes()
    for content in (b"", b"no file of PyTorch's", whole[:200], whole[:-30], whole[30:]):
        Path("cut.pth").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"cut\.pth") as caught:
            Network.from_torch("cut.pth")
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        Network.from_torch("none.pth")
    with pytest.raises(ModelFileError):
        Network.from_torch(tmp_path)


def test_real_files(real_data: Path) -> None:
    folder = real_data / "networks" / "torch"
    if not folder.is_dir():
        pytest.skip("there are no networks in TRUEZERO_DATA")
    for name, sizes in (
        ("mnist_2_20", (784, 20, 10)),
        ("mnist_6_100_nat", (784, 100, 100, 100, 100, 100, 10)),
    ):
        net = Network.from_torch(folder / f"{name}.pth")
        assert net.layer_sizes == sizes
        rows = np.random.default_rng(0).random((5, 784)).astype(np.float32)
        check(net, answers(net.to_torch(), rows), rows)
