"""Public names of the package and their modules, which are loaded when they are first used."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any

from adiabloch.names import public_names

MODULES = ("errors", "finite", "geometry", "io", "models", "units")
"""Modules that are for users."""
CRYSTALS = {
    "Cycle": "models",
    "Deformation": "models",
    "Eigenframe": "geometry",
    "Lattice": "lattice",
    "Texture": "models",
    "TightBinding": "models",
    "eigenframe": "geometry",
}
"""Names that are loaded when they are asked for, and their modules, which do not need xarray."""
RESULTS = {
    # one public function in each module of `responses`, with the same name
    **{
        module.name: f"responses.{module.name}"
        for module in pkgutil.iter_modules([str(Path(__file__).parent / "responses")])
    },
    "Accuracy": "engine.run",
    "animate": "plotting",
    "bands": "workflows.bands",
    "chemical_potential": "workflows.chemical_potential",
    "fermi_surface": "workflows.fermi_surface",
    "in_si": "engine.si",
    "in_units": "engine.customary",
    "load_sweep": "sweeps",
    "metal_responses": "workflows.metal_responses",
    "nonlinear_conductivity": "workflows.nonlinear_conductivity",
    "perturbative_by_bands": "workflows.all_bands",
    "perturbative_tensor_by_bands": "workflows.all_bands_tensor",
    "phonon_moment": "workflows.phonon_moment",
    "phonon_moments": "workflows.phonon_moments",
    "plot": "plotting",
    "ribbon_bands": "workflows.ribbon_bands",
    "sweep": "sweeps",
    "symmetric_displacements": "symmetries",
    "symmetry": "symmetries",
    "wilson_loop": "workflows.wilson_loop",
    "zone_map": "workflows.zone_map",
}
"""The same of those that make results."""

ALL = ["AdiablochError", "__version__", *MODULES, *CRYSTALS, *RESULTS]


def attribute(name: str) -> Any:
    """Value of a public name of the package, which then keeps it."""
    if name == "__all__":
        return ALL
    if name in ("finite", "io") or name in RESULTS:
        importlib.import_module("adiabloch.accessor")  # of the results, which xarray holds
    if name in MODULES:
        return importlib.import_module(f"adiabloch.{name}")
    places = {"AdiablochError": "errors", "__version__": "version", **CRYSTALS, **RESULTS}
    if name not in places:
        return _missing(name)
    found = getattr(importlib.import_module(f"adiabloch.{places[name]}"), name)
    if name not in RESULTS:
        setattr(sys.modules["adiabloch"], name, found)
    return found


def _names_in_modules() -> list[str]:
    modules = ("models", "io", "geometry", "finite", "units", "errors")
    return [f"{module}.{name}" for module in modules for name in dir(importlib.import_module(f"adiabloch.{module}"))]


_missing, _ = public_names("adiabloch", ALL, _names_in_modules)
