"""Which cases of a sweep `make test` leaves to `make test-all`."""

from typing import Any

import pytest


def slow(*cases: Any) -> list[Any]:
    """Parameters of a test that are marked as slow; a tuple holds several parameters."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in cases]
