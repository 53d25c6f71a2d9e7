"""Adiabatic responses of Bloch electrons.

>>> import adiabloch as ab
>>> model = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
>>> cycle = ab.models.rotating_bonds(model, amplitude=0.1)
>>> pumped = ab.pumped_magnetization(cycle, occupied=1)
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from adiabloch import errors as errors
    from adiabloch import finite as finite
    from adiabloch import geometry as geometry
    from adiabloch import io as io
    from adiabloch import models as models
    from adiabloch import units as units
    from adiabloch.engine.customary import in_units as in_units
    from adiabloch.engine.run import Accuracy as Accuracy
    from adiabloch.engine.si import in_si as in_si
    from adiabloch.errors import AdiablochError as AdiablochError
    from adiabloch.geometry import Eigenframe as Eigenframe
    from adiabloch.geometry import eigenframe as eigenframe
    from adiabloch.lattice import Lattice as Lattice
    from adiabloch.models import Cycle as Cycle
    from adiabloch.models import Deformation as Deformation
    from adiabloch.models import Texture as Texture
    from adiabloch.models import TightBinding as TightBinding
    from adiabloch.plotting import animate as animate
    from adiabloch.plotting import plot as plot
    from adiabloch.responses.anomalous_hall import anomalous_hall as anomalous_hall
    from adiabloch.responses.anomalous_nernst import anomalous_nernst as anomalous_nernst
    from adiabloch.responses.axial_tensor import axial_tensor as axial_tensor
    from adiabloch.responses.axion_angle import axion_angle as axion_angle
    from adiabloch.responses.band_quantities import band_quantities as band_quantities
    from adiabloch.responses.berry_curvature_dipole import berry_curvature_dipole as berry_curvature_dipole
    from adiabloch.responses.born_charges import born_charges as born_charges
    from adiabloch.responses.chern_simons_magnetization import (
        chern_simons_magnetization as chern_simons_magnetization,
    )
    from adiabloch.responses.density_of_states import density_of_states as density_of_states
    from adiabloch.responses.drude_weight import drude_weight as drude_weight
    from adiabloch.responses.filling import filling as filling
    from adiabloch.responses.inplane_magnetization import inplane_magnetization as inplane_magnetization
    from adiabloch.responses.instantaneous_magnetization import (
        instantaneous_magnetization as instantaneous_magnetization,
    )
    from adiabloch.responses.intraband_nonlinear_hall import intraband_nonlinear_hall as intraband_nonlinear_hall
    from adiabloch.responses.layer_magnetoelectric import layer_magnetoelectric as layer_magnetoelectric
    from adiabloch.responses.local_current import local_current as local_current
    from adiabloch.responses.local_observable import local_observable as local_observable
    from adiabloch.responses.magnetic_polarization import magnetic_polarization as magnetic_polarization
    from adiabloch.responses.magnetization_map import magnetization_map as magnetization_map
    from adiabloch.responses.magnetization_tensor import magnetization_tensor as magnetization_tensor
    from adiabloch.responses.magneto_nonlinear_hall import magneto_nonlinear_hall as magneto_nonlinear_hall
    from adiabloch.responses.magnetoelectric import magnetoelectric as magnetoelectric
    from adiabloch.responses.molecular_berry_curvature import molecular_berry_curvature as molecular_berry_curvature
    from adiabloch.responses.nonlinear_drude_weight import nonlinear_drude_weight as nonlinear_drude_weight
    from adiabloch.responses.nonlinear_ettingshausen import nonlinear_ettingshausen as nonlinear_ettingshausen
    from adiabloch.responses.nonlinear_hall import nonlinear_hall as nonlinear_hall
    from adiabloch.responses.nonlinear_spin_magnetoelectric import (
        nonlinear_spin_magnetoelectric as nonlinear_spin_magnetoelectric,
    )
    from adiabloch.responses.observable_current import observable_current as observable_current
    from adiabloch.responses.observable_density import observable_density as observable_density
    from adiabloch.responses.observable_response import observable_response as observable_response
    from adiabloch.responses.orbital_edelstein import orbital_edelstein as orbital_edelstein
    from adiabloch.responses.orbital_magnetization import orbital_magnetization as orbital_magnetization
    from adiabloch.responses.polarization import polarization as polarization
    from adiabloch.responses.projected_hall import projected_hall as projected_hall
    from adiabloch.responses.pumped_charge import pumped_charge as pumped_charge
    from adiabloch.responses.pumped_inplane_magnetization import (
        pumped_inplane_magnetization as pumped_inplane_magnetization,
    )
    from adiabloch.responses.pumped_magnetization import pumped_magnetization as pumped_magnetization
    from adiabloch.responses.pumped_observable import pumped_observable as pumped_observable
    from adiabloch.responses.pumped_spin import pumped_spin as pumped_spin
    from adiabloch.responses.spin_edelstein import spin_edelstein as spin_edelstein
    from adiabloch.responses.spin_hall import spin_hall as spin_hall
    from adiabloch.responses.spin_magnetization import spin_magnetization as spin_magnetization
    from adiabloch.responses.spin_magnetoelectric import spin_magnetoelectric as spin_magnetoelectric
    from adiabloch.responses.spin_tensor import spin_tensor as spin_tensor
    from adiabloch.sweeps import load_sweep as load_sweep
    from adiabloch.sweeps import sweep as sweep
    from adiabloch.symmetries import symmetric_displacements as symmetric_displacements
    from adiabloch.symmetries import symmetry as symmetry
    from adiabloch.version import __version__ as __version__
    from adiabloch.workflows.all_bands import perturbative_by_bands as perturbative_by_bands
    from adiabloch.workflows.all_bands_tensor import perturbative_tensor_by_bands as perturbative_tensor_by_bands
    from adiabloch.workflows.bands import bands as bands
    from adiabloch.workflows.chemical_potential import chemical_potential as chemical_potential
    from adiabloch.workflows.fermi_surface import fermi_surface as fermi_surface
    from adiabloch.workflows.metal_responses import metal_responses as metal_responses
    from adiabloch.workflows.nonlinear_conductivity import nonlinear_conductivity as nonlinear_conductivity
    from adiabloch.workflows.phonon_moment import phonon_moment as phonon_moment
    from adiabloch.workflows.phonon_moments import phonon_moments as phonon_moments
    from adiabloch.workflows.ribbon_bands import ribbon_bands as ribbon_bands
    from adiabloch.workflows.wilson_loop import wilson_loop as wilson_loop
    from adiabloch.workflows.zone_map import zone_map as zone_map


def __getattr__(name: str) -> Any:
    """Load names when they are first used: so a command can be interrupted from its beginning."""
    from adiabloch.contents import attribute

    return attribute(name)


def __dir__() -> list[str]:
    from adiabloch.contents import ALL

    return sorted(ALL)
