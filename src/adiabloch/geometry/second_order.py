r"""Observables of second order in an electric field, of filled bands and at the Fermi surface.

In units of e^2, for an observable O, with G' the Berry connection polarizability (`adiabloch.geometry.fields`) and h the
strength of H + h O,

.. math:: O_{bc} = \tfrac12 \frac{\partial}{\partial h} \int \sum_n f_n G'^{bc}_n
          + \int \sum_n (-f_n') \big[ O_n G'^{bc}_n - \tfrac12 ( v^b_n G'^{hc}_n + v^c_n G'^{hb}_n ) \big] .

The first term is the derivative of the energy in the field at a given filling (Hellmann and Feynman). For O = v_a it
vanishes, and the second is the intrinsic current, `nonlinear_hall_tensor`.
"""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.bands import times
from adiabloch.geometry.fields import shift_factors
from adiabloch.geometry.filled import BandCounts
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.geometry.taylor_blocks import Blocks
from adiabloch.occupation import Group


def slope_name(observable: str, direction: str) -> str:
    """Name in a frame of the ordinary derivative of an observable along a direction."""
    return f"d_{direction} {observable}"


@of_frame
def polarization_energy_slope(frame: Eigenframe, group: Group, observable: str, b: str, c: str) -> Float:
    r"""Derivative along an observable of the energy of second order in a field, summed over a group; shape (P,).

    .. math:: \tfrac12 \frac{\partial}{\partial h} \sum_{n \in occ} G'^{bc}_n
              = \frac{\partial}{\partial h} \mathrm{Re} \sum_{n \in occ,\, m \in emp} \frac{A^b_{nm} A^c_{mn}}{E_n - E_m}

    Bands within either group may be degenerate.
    """
    blocks = Blocks(_with_slopes(frame, observable, b, c), group, (observable,))
    return blocks.overlap(blocks.connection(b), blocks.solve(blocks.connection(c))).real()[1]


def filled_energy_slope(frame: Eigenframe, band_counts: BandCounts, observable: str, b: str, c: str) -> Float:
    """Derivative of the energy of second order for several numbers of filled bands; (P, counts)."""
    columns = [polarization_energy_slope(frame, count, observable, b, c) for count in band_counts]
    return np.stack(columns, axis=1) if columns else np.zeros((len(frame.energies), 0))


@of_frame
def observable_of_second_order(frame: Eigenframe, observable: str, b: str, c: str) -> Float:
    r"""Term of the Fermi surface for each level, O G'^bc - (v_b G'^hc + v_c G'^hb)/2; shape (P, N).

    At the Fermi surface half of the first term is that of the derivative of the energy, at a given chemical potential.
    """
    own = times(frame, frame.derivative(observable), shift_factors(frame, b, c))
    flow = times(frame, frame.derivative(b), shift_factors(frame, observable, c))
    other = flow if b == c else times(frame, frame.derivative(c), shift_factors(frame, observable, b))
    return 0.5 * own - 0.5 * (flow + other)


def _with_slopes(frame: Eigenframe, observable: str, *directions: str) -> Eigenframe:
    """Frame with the covariant derivatives of an observable, d_a O - i [r_a, O]."""
    slopes: dict[tuple[str, ...], Complex] = {}
    O = frame.derivative(observable)
    for direction in dict.fromkeys(directions):
        r = frame.derivative(f"r{direction[1]}")
        slopes[(observable, direction)] = -1j * (r @ O - O @ r)
        if (name := (slope_name(observable, direction),)) in frame.derivatives:
            slopes[(observable, direction)] += frame.derivative(*name)
    return frame.with_derivatives(slopes)
