"""Types in the signatures of responses and of their formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.engine.declaration import Terms
from adiabloch.engine.operators import Given, Spin
from adiabloch.geometry.filled import BandCounts
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge
from adiabloch.geometry.projections import ProjectionChoice
from adiabloch.models.cycle import Cycle
from adiabloch.models.deformation import Deformation
from adiabloch.models.tight_binding import TightBinding
from adiabloch.occupation import Group
from adiabloch.units import Unit

if TYPE_CHECKING:
    from xarray import Dataset
else:
    # xarray is imported when the first result is made
    Dataset = Any

__all__ = [
    "ArrayLike",
    "BandCounts",
    "Cycle",
    "Dataset",
    "Deformation",
    "Eigenframe",
    "Float",
    "Given",
    "Group",
    "ProjectionChoice",
    "SmoothGauge",
    "Spin",
    "Terms",
    "TightBinding",
    "Unit",
]
