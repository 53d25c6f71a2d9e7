"""Goal of an integral: the accuracy at which it is finished, and the limit of its points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import ToleranceNotReachedError
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import Minimum


@dataclass(frozen=True)
class Goal:
    """Accuracy at which an integral is finished, and the limit of its points.

    Parameters
    ----------
    tolerance : float
        Accuracy relative to the largest output.
    absolute : float
        Sufficient accuracy whatever the outputs are.
    scale : float
        Natural size of the outputs. The tolerance is relative to the larger of this and the largest output.
    leading : int, optional
        Number of outputs, from the first, to which the tolerance is relative; all by default.
    limit : int
        Largest number of evaluations.
    """

    tolerance: float
    absolute: float = 0.0
    scale: float = 0.0
    leading: int | None = None
    limit: int = 2**27

    def allowed(self, value: Float, noise: float) -> float:
        """Largest allowed error of outputs of this value; it is never below the rounding error."""
        size = max(float(np.abs(value[: self.leading]).max()), self.scale)
        return max(self.tolerance * size, self.absolute, 4 * noise)

    def check_first(self, points: int, described: str) -> None:
        """Check that the first evaluation does not exceed the limit.

        Raises
        ------
        ToleranceNotReachedError
        """
        if points > self.limit:
            raise ToleranceNotReachedError(
                f"nothing evaluated: {described} points, more than {self.limit}; allow more points (limit)",
                estimate=np.nan,
                error=np.inf,
            )


class Settings(TypedDict, total=False):
    """Executor of an integral, its progress bar, and inspection of what it finds.

    executor : concurrent.futures.Executor or int, optional
        Executor of the blocks; threads by default.
    progress : ProgressBar, optional
    inspect : callable, optional
        Function that is called after each refinement with the smallest values of quantities that must not vanish, and
        with True if the points resolve their changes. It may raise exceptions.
    """

    executor: Executor | int | None
    progress: ProgressBar | None
    inspect: Callable[[Mapping[str, Minimum], bool], None] | None
