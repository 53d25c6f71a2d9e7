"""Direct calculations for open samples and long supercells, as a check of bulk results.

Flakes and ribbons are open samples of the crystal in real space. Their levels, first-order adiabatic states and moments
need neither wave vectors nor Berry connections, and contain the perturbative and the Chern-Simons part together. They
converge more slowly than bulk results, as 1/L, and need insulating edges: they are meant for verification. Long
periodic supercells serve the same purpose for crystals that vary slowly in space.
"""

from typing import TYPE_CHECKING

from adiabloch.finite.flake import pumped_magnetization
from adiabloch.finite.magnetoelectric import magnetoelectric
from adiabloch.finite.ribbon import ribbon_magnetization
from adiabloch.finite.supercell_current import local_current, local_values
from adiabloch.names import public_names

__all__ = ["local_current", "local_values", "magnetoelectric", "pumped_magnetization", "ribbon_magnetization"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = public_names(__name__, __all__)
