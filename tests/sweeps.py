"""Cases of a sweep that `make test` skips and `make test-all` runs."""

from collections.abc import Iterable
from typing import Any

import pytest


def slow(*cases: Any) -> list[Any]:
    """Parameter sets marked as slow; a tuple holds the values of several parameters."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in cases]


def every_other(names: Iterable[str], first: int) -> list[Any]:
    """Names in alphabetic order, every second one marked as slow; `first` (0 or 1) is the first that is not."""
    return [name if number % 2 == first else slow(name)[0] for number, name in enumerate(sorted(names))]
