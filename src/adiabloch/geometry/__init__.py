"""Geometry of Bloch bands: eigenframes, connections, curvatures, metrics, moments, shifts.

>>> import adiabloch as ab
>>> model = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
>>> frame = ab.eigenframe(model, ["kx", "ky"], k=[[0.1, 0.2], [0.3, 0.4]])
>>> ab.geometry.curvature(frame, "kx", "ky").shape
(2, 2)
>>> ab.geometry.chern_number(model, 1, ("kx", "ky"))
-1
"""

from typing import TYPE_CHECKING

from adiabloch.geometry.band_subspace import group_curvature
from adiabloch.geometry.bands import (
    connection,
    curvature,
    interband_moment,
    metric,
    metric_gradient,
    orbital_moment,
)
from adiabloch.geometry.chern import chern_number, chern_numbers, second_chern_number
from adiabloch.geometry.fields import (
    curvature_in_field,
    metric_dipole,
    moment_in_field,
    nonlinear_hall_tensor,
    shift_tensor,
)
from adiabloch.geometry.filled import filled_curvature, filled_moment, filled_shift
from adiabloch.geometry.frame import Eigenframe, eigenframe
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form, gauge_needs, second_chern_form, smooth_gauge
from adiabloch.geometry.induced import band_shift, basis_curvature_shift, occupied_shift
from adiabloch.geometry.inhomogeneous import (
    gradient_energy,
    gradient_matrix,
    gradient_shift,
    observable_dipole,
    phase_space_measure,
    positional_shift,
    shift_in_magnetic_field,
)
from adiabloch.geometry.observables import expectation, observable_shift
from adiabloch.geometry.projections import Projections, find_projections
from adiabloch.geometry.recording import needs_of
from adiabloch.geometry.taylor_blocks import Blocks, TaylorBlock
from adiabloch.names import public_names

__all__ = [
    "Blocks",
    "Eigenframe",
    "Projections",
    "SmoothGauge",
    "TaylorBlock",
    "band_shift",
    "basis_curvature_shift",
    "chern_number",
    "chern_numbers",
    "chern_simons_form",
    "connection",
    "curvature",
    "curvature_in_field",
    "eigenframe",
    "expectation",
    "filled_curvature",
    "filled_moment",
    "filled_shift",
    "find_projections",
    "gauge_needs",
    "gradient_energy",
    "gradient_matrix",
    "gradient_shift",
    "group_curvature",
    "interband_moment",
    "metric",
    "metric_dipole",
    "metric_gradient",
    "moment_in_field",
    "needs_of",
    "nonlinear_hall_tensor",
    "observable_dipole",
    "observable_shift",
    "occupied_shift",
    "orbital_moment",
    "phase_space_measure",
    "positional_shift",
    "second_chern_form",
    "second_chern_number",
    "shift_in_magnetic_field",
    "shift_tensor",
    "smooth_gauge",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = public_names(__name__, __all__)
