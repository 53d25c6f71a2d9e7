"""Open samples, by brute force: a check of any bulk number that shares no formula with it.

Flakes and ribbons are cut out of the crystal in real space. Their levels, first-order adiabatic states and moments need
neither wave vectors nor Berry connections, and perturbative and Chern-Simons parts come together. They converge slower
than the bulk, as 1/L, or need a gap on their edges too: they are for checking, not for production. Long supercells are
the same for crystals that vary slowly from place to place.
"""

from adiabloch.finite.flake import pumped_magnetization
from adiabloch.finite.local import local_current, local_values
from adiabloch.finite.magnetoelectric import magnetoelectric
from adiabloch.finite.ribbon import ribbon_magnetization

__all__ = ["local_current", "local_values", "magnetoelectric", "pumped_magnetization", "ribbon_magnetization"]
