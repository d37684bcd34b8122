from __future__ import annotations

from collections.abc import Iterator

import pytest

from truezero.engines import _native


@pytest.fixture(autouse=True, scope="package")
def teams_of_any_size() -> Iterator[None]:
    """Here n_threads is how many threads there are, whatever the machine: what threads change must be seen."""
    _native.assume_cores(8)
    yield
    _native.assume_cores(0)
