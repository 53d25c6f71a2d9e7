"""Cases of a sweep that `make test` skips and `make test-all` runs."""

from typing import Any

import pytest


def slow(*cases: Any) -> list[Any]:
    """Parameter sets marked as slow; a tuple holds the values of several parameters."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in cases]
