"""Symmetry of crystals: magnetic space groups, components of results that vanish by symmetry, symmetrized models."""

from typing import TYPE_CHECKING

from adiabloch.names import public_names
from adiabloch.symmetries.averaging import SymmetryReport
from adiabloch.symmetries.displacement_sets import SymmetricDisplacements, symmetric_displacements
from adiabloch.symmetries.find import symmetry
from adiabloch.symmetries.group import SymmetryGroup
from adiabloch.symmetries.operations import Operation

__all__ = [
    "Operation",
    "SymmetricDisplacements",
    "SymmetryGroup",
    "SymmetryReport",
    "symmetric_displacements",
    "symmetry",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = public_names(__name__, __all__)
