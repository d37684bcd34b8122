"""PyTorch's modules that answer faster, with the same answers."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from truezero.core.network import Network
from truezero.errors import DataError, OptionError
from truezero.interchange.torch_modules import from_torch, torch_package

# A part is replaced if it took at most so much of PyTorch's time, at its best of so many times.
_WORTH, _TIMES = 0.9, 7
_SECONDS = 0.5  # of timing a part, at most about


def accelerate(module: Any, example: Any) -> Any:
    """Make a copy of a module for inference, whose fully connected parts run here where that is faster.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is. Wherever there is a Sequential in it, Linear layers that follow each other, with
        activations, Dropout and BatchNorm1d between them, are a part that may be replaced. All else stays.
    example : torch.Tensor, or tuple of them
        What the module is called with, on the CPU: as many rows, and with zeros as often, as it will be.

    Returns
    -------
    torch.nn.Module
        In `eval` mode, without gradients of its weights, which it has as they are now. Its `accelerated` is
        a list of (name, PyTorch's seconds, ours) of each part, replaced or not. A part takes PyTorch's way
        where a gradient of its input is asked for, in training, and on another device or dtype.

    Raises
    ------
    OptionError
        If PyTorch is missing, or it is no module.

    Notes
    -----
    Weights that are zero bring nothing; units that are, do. Of a network whose input is dense and whose
    units are mostly active nothing is replaced.
    """
    torch = torch_package()
    if not isinstance(module, torch.nn.Module):
        raise OptionError(f"accelerate takes a torch.nn.Module, got {type(module).__name__}")
    made = copy.deepcopy(module).eval().requires_grad_(False)
    arguments = example if isinstance(example, tuple) else (example,)
    found: list[tuple[str, float, float]] = []
    with torch.no_grad():
        for name, holder in list(made.named_modules()):
            if type(holder) is torch.nn.Sequential:
                for first, last in reversed(_parts(holder)):
                    told = _replaced(made, holder, first, last, arguments)
                    if told is not None:
                        found.append((f"{name}.{first}" if name else str(first), *told))
    made.accelerated = sorted(found)
    return made


def _parts(holder: Any) -> list[tuple[int, int]]:
    """First and last Linear of every run of modules that a network can do."""
    nn = torch_package().nn
    between = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Dropout, nn.Identity, nn.BatchNorm1d)
    parts: list[tuple[int, int]] = []
    first: int | None = None
    last = 0
    for place, child in enumerate([*holder, None]):
        if isinstance(child, nn.Linear):
            first, last = place if first is None else first, place
        elif not isinstance(child, between) and first is not None:
            parts.append((first, last))
            first = None
    return parts


def _replaced(
    whole: Any, holder: Any, first: int, last: int, arguments: tuple[Any, ...]
) -> tuple[float, float] | None:
    """Replace a part of a Sequential if that is faster; seconds that PyTorch and we took."""
    nn = torch_package().nn
    part = nn.Sequential(*list(holder)[first : last + 1])
    try:
        network = from_torch(part).network.freeze()
    except OptionError:  # a softplus of another kind, or hooks
        return None
    rows = _rows_that_come(whole, holder[first], arguments)
    ours = _accelerated()(part, network).eval()
    if rows is None or not ours.takes(rows):
        return None
    theirs_took, ours_took = _timed(lambda: part(rows), lambda: ours(rows))
    if ours_took <= _WORTH * theirs_took:
        # Places stay what they are, so that names of other modules do.
        holder[first] = ours
        for place in range(first + 1, last + 1):
            holder[place] = nn.Identity()
    return theirs_took, ours_took


def _rows_that_come(whole: Any, module: Any, arguments: tuple[Any, ...]) -> Any:
    """What a module is called with when the whole is; None if it is not."""
    seen: list[Any] = []
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    try:
        whole(*arguments)
    finally:
        hook.remove()
    return seen[-1] if seen else None


def _timed(*calls: Callable[[], Any]) -> list[float]:
    """Least seconds of each call; they take turns, so that what disturbs disturbs all."""
    best = [float("inf")] * len(calls)
    for call in calls:  # what is prepared at the first call is not what is timed
        call()
    begun = time.perf_counter()
    for turn in range(100):
        for place, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[place] = min(best[place], time.perf_counter() - start)
        if turn + 1 >= _TIMES and time.perf_counter() - begun > _SECONDS / 10:
            break
    return best


@functools.cache
def _accelerated() -> Any:
    """Class of the modules that parts are replaced by, which needs PyTorch to be."""
    torch = torch_package()

    class Accelerated(torch.nn.Module):  # type: ignore[misc, name-defined]
        """Fully connected layers that a network of truezero's runs."""

        def __init__(self, original: Any, network: Network) -> None:
            super().__init__()
            self.original = original
            self.network = network
            self._predictor: Any = None  # bound when it is first needed
            self._flat = any(isinstance(child, torch.nn.BatchNorm1d) for child in original)
            self._dtype = next(original.parameters()).dtype

        def takes(self, x: Any) -> bool:
            """Whether it can answer, and not PyTorch must."""
            return bool(
                not self.training
                and x.device.type == "cpu"
                and x.layout == torch.strided
                and x.dtype == self._dtype
                and x.numel()
                and not (x.requires_grad and torch.is_grad_enabled())
                and (x.ndim == 2 or (x.ndim > 0 and not self._flat))
            )

        def forward(self, x: Any) -> Any:
            if not self.takes(x):
                return self.original(x)
            rows = np.ascontiguousarray(x.detach().reshape(-1, x.shape[-1]).numpy())
            if not np.isfinite(rows).all():  # PyTorch's to answer, as is another width
                return self.original(x)
            if self._predictor is None:
                self._predictor = self.network.predictor(None)
            try:
                answer = self._predictor(rows)
            except DataError:
                return self.original(x)
            return torch.from_numpy(answer).reshape(*x.shape[:-1], -1)

        def __getstate__(self) -> dict[str, Any]:
            return {**super().__getstate__(), "_predictor": None}  # which is of this process alone

    return Accelerated
