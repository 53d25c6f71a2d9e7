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
    from adiabloch.engine.run import Accuracy
    from adiabloch.engine.si import in_si
    from adiabloch.responses.anomalous_hall import anomalous_hall
    from adiabloch.responses.anomalous_nernst import anomalous_nernst
    from adiabloch.responses.axion_angle import axion_angle
    from adiabloch.responses.density_of_states import density_of_states
    from adiabloch.responses.filling import filling
    from adiabloch.responses.inplane_magnetization import inplane_magnetization
    from adiabloch.responses.instantaneous_magnetization import instantaneous_magnetization
    from adiabloch.responses.layer_magnetoelectric import layer_magnetoelectric
    from adiabloch.responses.local_current import local_current
    from adiabloch.responses.local_observable import local_observable
    from adiabloch.responses.magnetic_polarization import magnetic_polarization
    from adiabloch.responses.magnetization_map import magnetization_map
    from adiabloch.responses.magneto_nonlinear_hall import magneto_nonlinear_hall
    from adiabloch.responses.magnetoelectric import magnetoelectric
    from adiabloch.responses.nonlinear_ettingshausen import nonlinear_ettingshausen
    from adiabloch.responses.nonlinear_hall import nonlinear_hall
    from adiabloch.responses.observable_density import observable_density
    from adiabloch.responses.observable_response import observable_response
    from adiabloch.responses.orbital_magnetization import orbital_magnetization
    from adiabloch.responses.polarization import polarization
    from adiabloch.responses.pumped_charge import pumped_charge
    from adiabloch.responses.pumped_inplane_magnetization import pumped_inplane_magnetization
    from adiabloch.responses.pumped_magnetization import pumped_magnetization
    from adiabloch.responses.pumped_observable import pumped_observable
    from adiabloch.responses.pumped_spin import pumped_spin
    from adiabloch.responses.spin_magnetization import spin_magnetization
    from adiabloch.responses.spin_magnetoelectric import spin_magnetoelectric
    from adiabloch.workflows.all_bands import perturbative_by_bands
    from adiabloch.workflows.chemical_potential import chemical_potential
    from adiabloch.workflows.phonon_moment import phonon_moment

__all__ = [
    "Accuracy",
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
    "Accuracy": "engine.run",
    "anomalous_hall": "responses.anomalous_hall",
    "anomalous_nernst": "responses.anomalous_nernst",
    "axion_angle": "responses.axion_angle",
    "chemical_potential": "workflows.chemical_potential",
    "density_of_states": "responses.density_of_states",
    "filling": "responses.filling",
    "in_si": "engine.si",
    "inplane_magnetization": "responses.inplane_magnetization",
    "instantaneous_magnetization": "responses.instantaneous_magnetization",
    "layer_magnetoelectric": "responses.layer_magnetoelectric",
    "local_current": "responses.local_current",
    "local_observable": "responses.local_observable",
    "magnetic_polarization": "responses.magnetic_polarization",
    "magnetization_map": "responses.magnetization_map",
    "magneto_nonlinear_hall": "responses.magneto_nonlinear_hall",
    "magnetoelectric": "responses.magnetoelectric",
    "nonlinear_ettingshausen": "responses.nonlinear_ettingshausen",
    "nonlinear_hall": "responses.nonlinear_hall",
    "observable_density": "responses.observable_density",
    "observable_response": "responses.observable_response",
    "orbital_magnetization": "responses.orbital_magnetization",
    "perturbative_by_bands": "workflows.all_bands",
    "phonon_moment": "workflows.phonon_moment",
    "polarization": "responses.polarization",
    "pumped_charge": "responses.pumped_charge",
    "pumped_inplane_magnetization": "responses.pumped_inplane_magnetization",
    "pumped_magnetization": "responses.pumped_magnetization",
    "pumped_observable": "responses.pumped_observable",
    "pumped_spin": "responses.pumped_spin",
    "spin_magnetization": "responses.spin_magnetization",
    "spin_magnetoelectric": "responses.spin_magnetoelectric",
}
"""Responses and their modules."""


def __getattr__(name: str) -> Any:
    """Responses, open samples and files, when they are asked for: not everybody wants to wait for all of them."""
    if name in ("finite", "io"):
        return importlib.import_module(f"adiabloch.{name}")
    if name in _LATER:
        return getattr(importlib.import_module(f"adiabloch.{_LATER[name]}"), name)
    close = "" if name.startswith("__") else errors.did_you_mean(name, __all__)
    raise AttributeError(f"module 'adiabloch' has no attribute {name!r}{close}", name=name)


def __dir__() -> list[str]:
    """What there is, loaded or not."""
    return sorted({*globals(), *__all__})
