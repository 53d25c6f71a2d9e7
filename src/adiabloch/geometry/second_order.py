r"""Observables of second order in an electric field, of filled bands and at the Fermi surface.

In units of e^2, for an observable O, with the Berry connection polarizability G' (`adiabloch.geometry.fields`) and the
strength h of H + h O,

.. math:: O_{bc} = \tfrac12 \frac{\partial}{\partial h} \int \sum_n f_n G'^{bc}_n
          + \int \sum_n (-f_n') \big[ O_n G'^{bc}_n - \tfrac12 ( v^b_n G'^{hc}_n + v^c_n G'^{hb}_n ) \big] .

The first term is the derivative of the energy in the field at a given filling (Hellmann and Feynman). For O = v_a it
vanishes, and the second is the intrinsic current, `nonlinear_hall_tensor`.
"""

from __future__ import annotations

from adiabloch.arrays import Float
from adiabloch.geometry.bands import times
from adiabloch.geometry.fields import shift_factors
from adiabloch.geometry.filled import BandCounts, for_each_count
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.geometry.taylor_blocks import Blocks, TaylorBlock
from adiabloch.linalg import plus_commutator
from adiabloch.occupation import Group


def slope_name(observable: str, direction: str) -> str:
    """Name in a frame of the ordinary derivative of an observable along a direction."""
    return f"d_{direction} {observable}"


@of_frame
def polarization_energy_slope(frame: Eigenframe, group: Group, observable: str, b: str, c: str) -> Float:
    r"""Derivative along an observable of the energy of second order in a field, summed over a group; shape (P,).

    .. math:: \tfrac12 \frac{\partial}{\partial h} \sum_{n \in occ} G'^{bc}_n
              = \frac{\partial}{\partial h} \mathrm{Re}
              \sum_{n \in occ,\, m \in emp} \frac{A^b_{nm} A^c_{mn}}{E_n - E_m}

    Bands within either group may be degenerate.
    """
    connection, _ = _connection(frame, group, observable, b)
    _, over_gaps = _connection(frame, group, observable, c)
    return connection.overlap(over_gaps).real()[1]


def filled_energy_slope(frame: Eigenframe, band_counts: BandCounts, observable: str, b: str, c: str) -> Float:
    """Derivative of the energy of second order for several numbers of filled bands; (P, counts)."""
    return for_each_count(frame, band_counts, lambda count: polarization_energy_slope(frame, count, observable, b, c))


@of_frame
def observable_of_second_order(frame: Eigenframe, observable: str, b: str, c: str) -> Float:
    r"""Term of the Fermi surface for each level, (O G'^bc - v_b G'^hc - v_c G'^hb)/2; shape (P, N).

    Half of O G'^bc is left: the other half is the change of the filling in the derivative of the energy, which
    `filled_energy_slope` does not contain.
    """
    own = times(frame, frame.derivative(observable), shift_factors(frame, b, c))
    flow = times(frame, frame.derivative(b), shift_factors(frame, observable, c))
    other = flow if b == c else times(frame, frame.derivative(c), shift_factors(frame, observable, b))
    return 0.5 * (own - flow - other)


def _connection(frame: Eigenframe, group: Group, observable: str, a: str) -> tuple[TaylorBlock, TaylorBlock]:
    """Interband connection along a direction with its derivative along an observable, and the same over the gaps.

    The covariant derivative of the observable itself is d_a O - i [r_a, O].
    """
    key = ("connection of second order", repr(group), observable, a)
    if key not in frame.cache:
        slope = plus_commutator(None, frame.derivative(f"r{a[1]}"), frame.derivative(observable))
        if (name := (slope_name(observable, a),)) in frame.derivatives:
            slope = slope + frame.derivative(*name)
        blocks = Blocks(frame.with_derivatives({(observable, a): slope}), group, (observable,))
        connection = blocks.connection(a)
        frame.cache[key] = connection, blocks.solve(connection)
    found: tuple[TaylorBlock, TaylorBlock] = frame.cache[key]
    return found
