"""Results of searches and checks that are kept as long as their crystal exists and does not change."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from adiabloch.caching import Key, ResultsByObject, Value
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding

CENTRES, RATIO = np.array([[0.0], [0.5]]), 0.6180339887498949
"""Points of the unit torus at which changes of a crystal are looked for, and the distance from them."""


class ResultsByCrystal(ResultsByObject[Key, Value]):
    """Tables of results of crystals; that of a crystal of the user's own is emptied if its matrices change."""

    def state_of(self, item: Any) -> Hashable:
        """Matrices at a few generic points; None for models and cycles of the library, which cannot change."""
        if isinstance(item, TightBinding | Cycle):
            return None
        directions = tuple(item.directions)
        steps = (1 + np.arange(len(directions))) * RATIO % 1.0
        points = (CENTRES + [[0.02], [0.3]] * steps) % 1.0
        return directions, np.asarray(item.matrices(directions).at(points)).tobytes()
