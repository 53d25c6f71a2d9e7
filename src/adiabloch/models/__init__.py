"""Models of crystals: tight binding, Wannier functions, cycles, textures, phonons, and models of the literature."""

from typing import TYPE_CHECKING

from adiabloch.models.alignment import aligned
from adiabloch.models.atomic_displacements import AtomicDisplacements
from adiabloch.models.chains import rice_mele, thouless_pump
from adiabloch.models.collinear import join_spins
from adiabloch.models.continuum import from_kp
from adiabloch.models.crystal import CRYSTAL_INTERFACE, Crystal, Derivative, Matrices
from adiabloch.models.crystal_cycle import CrystalCycle
from adiabloch.models.cycle import Cycle
from adiabloch.models.deformation import Deformation
from adiabloch.models.displacement import phonon_cycle
from adiabloch.models.displacement_motion import displacement_motion
from adiabloch.models.honeycomb import gapped_honeycomb, rotating_bonds
from adiabloch.models.hopping_laws import distance_law, exponential, linear
from adiabloch.models.isolated import isolated
from adiabloch.models.orbital_motion import atom_following, motion_from_plane_waves
from adiabloch.models.outside_states import OutsideStates
from adiabloch.models.phonon_modes import Modes
from adiabloch.models.phonons import Phonon
from adiabloch.models.spin import spin_operators
from adiabloch.models.spinful import kane_mele, rashba_honeycomb
from adiabloch.models.structures import Structure
from adiabloch.models.texture import Texture
from adiabloch.models.tight_binding import TightBinding
from adiabloch.models.topological import fu_kane_mele, haldane, qi_wu_zhang, strained_haldane, tilted_dirac
from adiabloch.models.wannier_model import WannierModel
from adiabloch.names import public_names

__all__ = [
    "CRYSTAL_INTERFACE",
    "AtomicDisplacements",
    "Crystal",
    "CrystalCycle",
    "Cycle",
    "Deformation",
    "Derivative",
    "Matrices",
    "Modes",
    "OutsideStates",
    "Phonon",
    "Structure",
    "Texture",
    "TightBinding",
    "WannierModel",
    "aligned",
    "atom_following",
    "displacement_motion",
    "distance_law",
    "exponential",
    "from_kp",
    "fu_kane_mele",
    "gapped_honeycomb",
    "haldane",
    "isolated",
    "join_spins",
    "kane_mele",
    "linear",
    "motion_from_plane_waves",
    "phonon_cycle",
    "qi_wu_zhang",
    "rashba_honeycomb",
    "rice_mele",
    "rotating_bonds",
    "spin_operators",
    "strained_haldane",
    "thouless_pump",
    "tilted_dirac",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = public_names(__name__, __all__)
