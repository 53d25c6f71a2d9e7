"""Symmetry of crystals: magnetic space groups, components of results that vanish by symmetry, symmetrized models."""

from adiabloch.symmetries.averaging import SymmetryReport
from adiabloch.symmetries.find import symmetry
from adiabloch.symmetries.group import SymmetryGroup
from adiabloch.symmetries.operations import Operation

__all__ = ["Operation", "SymmetryGroup", "SymmetryReport", "symmetry"]
