"""Adiabatic responses of Bloch electrons."""

from adiabloch import errors, models
from adiabloch.lattice import Lattice
from adiabloch.models import Cycle, TightBinding
from adiabloch.responses.pumped_magnetization import (
    instantaneous_magnetization,
    magnetization_map,
    pumped_magnetization,
)
from adiabloch.version import __version__

__all__ = [
    "Cycle",
    "Lattice",
    "TightBinding",
    "__version__",
    "instantaneous_magnetization",
    "magnetization_map",
    "models",
    "pumped_magnetization",
]
