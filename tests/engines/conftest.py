from __future__ import annotations

from collections.abc import Iterator

import pytest

from truezero.engines.native import instruction_levels, use_level


@pytest.fixture(params=instruction_levels())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every instruction level in turn; the machine's best again after that."""
    use_level(request.param)
    yield str(request.param)
    use_level("")
