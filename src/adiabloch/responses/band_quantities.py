"""Quantities of single bands on any set of wave vectors."""

from __future__ import annotations

from collections.abc import Sequence

from adiabloch.engine import LevelTerm, Part, Response, response
from adiabloch.engine.band_quantities import QUANTITIES
from adiabloch.engine.band_tables import table_of
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, Eigenframe, Float, TightBinding, Unit


def energy(frame: Eigenframe) -> Float:
    """Energies of the bands, (P, N)."""
    return frame.energies


BAND_QUANTITIES = Response(
    "quantities of single bands",
    unit=Unit(energy=1),
    parts={
        "energy": Part((LevelTerm(energy),), "energy"),
        **{name: quantity.part for name, quantity in QUANTITIES.items()},
    },
    time_reversal=1,
    inversion=1,
    per_cell=True,
)


@response(BAND_QUANTITIES, checkpoint=False)
def band_quantities(
    model: TightBinding | Cycle,
    points: ArrayLike,
    quantities: str | Sequence[str] | None = None,
    theta: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    cartesian: bool = False,
) -> Dataset:
    r"""Energies and other quantities of every band at given wave vectors.

    Parameters
    ----------
    model : TightBinding or Cycle
        The crystal; any object with the interface of `adiabloch.models.Crystal` will do.
    points : array_like, shape (P, d) or (d,)
        Wave vectors in reduced coordinates, in units of the reciprocal vectors.
    quantities : str or sequence of str, optional
        Names out of the table below; by default all that the model has.
    theta : float or array_like, shape (T,)
        Phase of a cycle. With several phases the result has the dimension `theta`.
    degeneracy : float, optional
        Bands closer than this energy count as one degenerate group; by default 4e-4 of the bandwidth. With zero only
        equal bands do.
    cartesian : bool
        True if `points` are Cartesian wave vectors, in the inverse of the length unit of the model.

    Returns
    -------
    xarray.Dataset
        `energy`, `group_size` (number of degenerate bands) and the quantities over `point` and `band`, with the reduced
        coordinates `k1`, `k2`, `k3` and the Cartesian ones `kx`, `ky`, `kz` of the points.

        ================================= ========================== ==========================
        name                              axes                       unit
        ================================= ========================== ==========================
        `energy`                                                     energy
        `berry_curvature`                 `component`                area
        `quantum_metric`                  `axis`, `other_axis`       area
        `orbital_moment`                  `component`                e energy area/hbar
        `berry_connection_polarizability` `axis`, `other_axis`       area/energy
        `velocity`                        `axis`                     energy length/hbar
        `spin`                            `spin_axis`                hbar
        `projection`                      `orbital`                  1
        `pumped_magnetization`            `component`                e*omega area
        ================================= ========================== ==========================

    Raises
    ------
    InvalidArgumentError
        Points of another dimension, an unknown quantity, or one that the model does not have: spin without spin
        operators, curvature in one dimension, pumped magnetization without a cycle.

    Notes
    -----
    With the interband connection :math:`A^a_{nm} = i \langle u_n | \partial_a u_m \rangle`, the Berry curvature is
    :math:`\Omega^{ab}_n = -2\,\mathrm{Im} \sum_m A^a_{nm} A^b_{mn}`, the quantum metric
    :math:`\mathrm{Re} \sum_m A^a_{nm} A^b_{mn}`, the orbital moment
    :math:`\tfrac{e}{2} \sum_m A_{nm} \times v_{mn}`, and the Berry connection polarizability
    :math:`G'_{ab} = 2\,\mathrm{Re} \sum_m A^a_{nm} A^b_{mn}/(E_n - E_m)`, with the positional shift :math:`-e G' E` in
    an electric field (Eq. 2). `pumped_magnetization` is the integrand of Eq. (8).

    In a group of degenerate bands, pairs of bands within the group are left out of the sums, and each band has the mean
    over the group, which does not depend on the choice of the states. Bands count as degenerate if they are close,
    also where they cross.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> found = ab.band_quantities(model, [[0.0, 0.0], [1 / 3, 2 / 3]], ["berry_curvature", "velocity"])
    >>> found.berry_curvature.sel(point=1, band=0, component="z").round(4).item()
    -6.1942
    >>> found.berry_curvature.attrs["units"]
    'area'
    """
    return table_of(model, points, quantities, theta, degeneracy, cartesian)
