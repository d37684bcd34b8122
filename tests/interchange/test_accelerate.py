"""Modules of PyTorch that are run here where that is faster."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from peers import require_torch

from truezero import OptionError, accelerate
from truezero.interchange.accelerated import _timed

torch = require_torch()
nn = torch.nn


class Model(nn.Module):  # type: ignore[misc, name-defined]
    """A module of one's own, with Sequentials in it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(12, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(40, 30), nn.ReLU(), nn.LayerNorm(30), nn.Linear(30, 9),
        )  # fmt: skip
        self.head = nn.Linear(9, 4)

    def forward(self, x: Any) -> Any:
        return self.head(torch.relu(self.body(x)))


def rows(n: int = 16) -> Any:
    return torch.randn(n, 1, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    made = Model()
    made(rows())  # which moves the statistics of the normalisation
    return made


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truezero.interchange.accelerated._timed", lambda *calls: [2.0, 1.0])


def kinds(module: Any) -> list[str]:
    return [type(child).__name__ for child in module]


@pytest.mark.usefixtures("always")
def test_it_answers_the_same(model: Any) -> None:
    fast = accelerate(model, rows())
    assert kinds(fast.body) == [
        "Conv1d", "Flatten", "Accelerated", "Identity", "Identity", "Identity", "Identity", "ReLU", "LayerNorm",
        "Accelerated",
    ]  # fmt: skip
    assert [name for name, *_ in fast.accelerated] == ["body.2", "body.9"]
    expected = model.eval()(rows(50)).detach()
    torch.testing.assert_close(fast(rows(50)), expected, rtol=1e-5, atol=1e-6)
    assert kinds(model.body)[2] == "Linear"


@pytest.mark.usefixtures("always")
def test_pytorch_answers_where_only_it_can(model: Any) -> None:
    fast, plain = accelerate(model, rows()), model.eval()
    x = rows().requires_grad_()
    (wanted,) = torch.autograd.grad(plain(x).sum(), x)
    (gradient,) = torch.autograd.grad(fast(x).sum(), x)
    torch.testing.assert_close(gradient, wanted)
    broken = rows()
    broken[3] = float("nan")
    assert torch.isnan(fast(broken)).any(dim=1).nonzero().tolist() == [[3]]
    torch.testing.assert_close(fast.double()(rows().double()), plain.double()(rows().double()).detach())
    many = accelerate(nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)), rows())
    assert many(rows()).shape == (16, 1, 3)


def test_what_is_not_faster_stays(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truezero.interchange.accelerated._timed", lambda *calls: [1.0, 0.95])
    left = accelerate(model, rows())
    assert kinds(left.body) == kinds(model.body)
    assert left.accelerated == [("body.2", 1.0, 0.95), ("body.9", 1.0, 0.95)]


def test_both_are_timed() -> None:
    calls = [0, 0]

    def call(place: int) -> Any:
        def once() -> None:
            calls[place] += 1

        return once

    times = _timed(call(0), call(1))
    assert calls[0] == calls[1] > 5
    assert np.isfinite(times).all()


@pytest.mark.usefixtures("always")
def test_parts_that_a_network_cannot_have_stay() -> None:
    hooked = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
    hooked[0].register_forward_hook(lambda *_: None)
    assert kinds(accelerate(hooked, rows())) == ["Linear", "ReLU", "Linear"]
    odd = nn.Sequential(nn.Linear(8, 5), nn.Softplus(threshold=1), nn.Linear(5, 3))
    assert kinds(accelerate(odd, rows())) == ["Linear", "Softplus", "Linear"]
    with pytest.raises(OptionError, match=r"nn\.Module"):
        accelerate(3, rows())


@pytest.mark.usefixtures("always")
def test_what_was_called_can_be_copied(model: Any) -> None:
    fast = accelerate(model, rows())
    expected = fast(rows())
    assert torch.equal(copy.deepcopy(fast)(rows()), expected)
    odd = rows()
    odd[3, 0, 2] = torch.nan
    assert torch.isnan(fast(odd)[3]).all()
