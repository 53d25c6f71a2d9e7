"""What a crystal is: tight-binding models, closed cycles of them, displaced atoms, models of the literature."""

from adiabloch.models.crystal import Crystal, Derivative, Matrices
from adiabloch.models.cycle import Cycle
from adiabloch.models.displacement import distance_law, exponential, linear, phonon_cycle
from adiabloch.models.honeycomb import gapped_honeycomb, rotating_bonds
from adiabloch.models.tight_binding import TightBinding

__all__ = [
    "Crystal",
    "Cycle",
    "Derivative",
    "Matrices",
    "TightBinding",
    "distance_law",
    "exponential",
    "gapped_honeycomb",
    "linear",
    "phonon_cycle",
    "rotating_bonds",
]
