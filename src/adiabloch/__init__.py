"""Adiabatic responses of Bloch electrons.

>>> import adiabloch as ab
>>> model = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
>>> cycle = ab.models.rotating_bonds(model, amplitude=0.1)
>>> pumped = ab.pumped_magnetization(cycle, occupied=1)
"""

import importlib
from typing import TYPE_CHECKING, Any

from adiabloch import errors, geometry, models, units
from adiabloch.errors import AdiablochError
from adiabloch.geometry import Eigenframe, eigenframe
from adiabloch.lattice import Lattice
from adiabloch.models import Cycle, Texture, TightBinding
from adiabloch.plotting import animate, plot
from adiabloch.version import __version__

if TYPE_CHECKING:
    from adiabloch import finite, io
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


_LATER = {
    "anomalous_hall": "equilibrium",
    "anomalous_nernst": "equilibrium",
    "axion_angle": "magnetoelectric",
    "chemical_potential": "equilibrium",
    "density_of_states": "equilibrium",
    "filling": "equilibrium",
    "in_si": "results",
    "inplane_magnetization": "inplane",
    "instantaneous_magnetization": "pumped_magnetization",
    "layer_magnetoelectric": "inplane",
    "local_current": "local",
    "local_observable": "local",
    "magnetic_polarization": "magnetoelectric",
    "magnetization_map": "pumped_magnetization",
    "magneto_nonlinear_hall": "nonlinear",
    "magnetoelectric": "magnetoelectric",
    "nonlinear_ettingshausen": "nonlinear",
    "nonlinear_hall": "nonlinear",
    "observable_density": "observables",
    "observable_response": "observables",
    "orbital_magnetization": "equilibrium",
    "perturbative_by_bands": "all_bands",
    "phonon_moment": "phonon_moment",
    "polarization": "polarization",
    "pumped_charge": "polarization",
    "pumped_inplane_magnetization": "inplane",
    "pumped_magnetization": "pumped_magnetization",
    "pumped_observable": "observables",
    "pumped_spin": "observables",
    "spin_magnetization": "equilibrium",
    "spin_magnetoelectric": "observables",
}
"""Responses and their modules."""


def __getattr__(name: str) -> Any:
    """Responses, open samples and files, when they are asked for: not everybody wants to wait for all of them."""
    if name in ("finite", "io"):
        return importlib.import_module(f"adiabloch.{name}")
    if name in _LATER:
        return getattr(importlib.import_module(f"adiabloch.responses.{_LATER[name]}"), name)
    close = "" if name.startswith("__") else errors.did_you_mean(name, __all__)
    raise AttributeError(f"module 'adiabloch' has no attribute {name!r}{close}", name=name)


def __dir__() -> list[str]:
    """What there is, loaded or not."""
    return sorted({*globals(), *__all__})
