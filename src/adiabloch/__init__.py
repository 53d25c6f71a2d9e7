"""Adiabatic responses of Bloch electrons.

>>> import adiabloch as ab
>>> model = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
>>> cycle = ab.models.rotating_bonds(model, amplitude=0.1)
>>> pumped = ab.pumped_magnetization(cycle, occupied=1)
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from adiabloch import errors, geometry, models, units
from adiabloch.errors import AdiablochError
from adiabloch.geometry import Eigenframe, eigenframe
from adiabloch.lattice import Lattice
from adiabloch.models import Cycle, Texture, TightBinding
from adiabloch.plotting import animate, plot
from adiabloch.responses.all_bands import perturbative_by_bands
from adiabloch.responses.equilibrium import (
    anomalous_hall,
    anomalous_nernst,
    chemical_potential,
    density_of_states,
    filling,
    orbital_magnetization,
    spin_magnetization,
)
from adiabloch.responses.inplane import inplane_magnetization, layer_magnetoelectric, pumped_inplane_magnetization
from adiabloch.responses.local import local_current, local_observable
from adiabloch.responses.magnetoelectric import axion_angle, magnetic_polarization, magnetoelectric
from adiabloch.responses.nonlinear import magneto_nonlinear_hall, nonlinear_ettingshausen, nonlinear_hall
from adiabloch.responses.observables import (
    observable_density,
    observable_response,
    pumped_observable,
    pumped_spin,
    spin_magnetoelectric,
)
from adiabloch.responses.phonon_moment import phonon_moment
from adiabloch.responses.polarization import polarization, pumped_charge
from adiabloch.responses.pumped_magnetization import (
    instantaneous_magnetization,
    magnetization_map,
    pumped_magnetization,
)
from adiabloch.responses.results import in_si
from adiabloch.version import __version__

if TYPE_CHECKING:
    from adiabloch import finite, io

__all__ = [
    "AdiablochError",
    "Cycle",
    "Eigenframe",
    "Lattice",
    "Texture",
    "TightBinding",
    "__version__",
    "animate",
    "anomalous_hall",
    "anomalous_nernst",
    "axion_angle",
    "chemical_potential",
    "density_of_states",
    "eigenframe",
    "errors",
    "filling",
    "finite",
    "geometry",
    "in_si",
    "inplane_magnetization",
    "instantaneous_magnetization",
    "io",
    "layer_magnetoelectric",
    "local_current",
    "local_observable",
    "magnetic_polarization",
    "magnetization_map",
    "magneto_nonlinear_hall",
    "magnetoelectric",
    "models",
    "nonlinear_ettingshausen",
    "nonlinear_hall",
    "observable_density",
    "observable_response",
    "orbital_magnetization",
    "perturbative_by_bands",
    "phonon_moment",
    "plot",
    "polarization",
    "pumped_charge",
    "pumped_inplane_magnetization",
    "pumped_magnetization",
    "pumped_observable",
    "pumped_spin",
    "spin_magnetization",
    "spin_magnetoelectric",
    "units",
]


def __getattr__(name: str) -> ModuleType:
    """Open samples and files, when they are asked for: not everybody wants to wait for them."""
    if name in ("finite", "io"):
        return importlib.import_module(f"adiabloch.{name}")
    raise AttributeError(f"module 'adiabloch' has no attribute {name!r}")
