"""What the bands of a crystal look like: eigenframes, connections, curvatures, metrics, moments, shifts.

>>> import adiabloch as ab
>>> model = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
>>> frame = ab.eigenframe(model, ["kx", "ky"], k=[[0.1, 0.2], [0.3, 0.4]])
>>> ab.geometry.curvature(frame, "kx", "ky").shape
(2, 2)
>>> ab.geometry.chern_number(model, 1, ("kx", "ky"))
-1
"""

from adiabloch.geometry.bands import (
    connection,
    curvature,
    interband_moment,
    metric,
    metric_gradient,
    orbital_moment,
)
from adiabloch.geometry.chern import chern_number, chern_numbers
from adiabloch.geometry.frame import Eigenframe, eigenframe
from adiabloch.geometry.induced import band_shift, band_shift_derivatives, occupied_shift

__all__ = [
    "Eigenframe",
    "band_shift",
    "band_shift_derivatives",
    "chern_number",
    "chern_numbers",
    "connection",
    "curvature",
    "eigenframe",
    "interband_moment",
    "metric",
    "metric_gradient",
    "occupied_shift",
    "orbital_moment",
]
