"""Quantities of single bands on any set of wave vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import checked, radians
from adiabloch.engine import THETA, labelled, response
from adiabloch.engine.arguments import model_digest
from adiabloch.engine.band_quantities import (
    BandQuantity,
    chosen_quantities,
    group_means,
    joined_frame,
    reduced_points,
)
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, Float, TightBinding, Unit
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Crystal, checked_crystal


@response(checkpoint=False)
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
    crystal: Crystal = checked_crystal(model, "model")
    chosen = chosen_quantities(crystal, quantities)
    reduced = reduced_points(crystal, points, cartesian)
    phases = radians(checked(theta, "theta", None), "theta")
    if phases.ndim > 1:
        raise InvalidArgumentError(f"theta: shape {phases.shape}, expected a phase or a list of phases")
    cyclic = THETA in crystal.directions
    if not cyclic and np.any(phases != 0):
        raise InvalidArgumentError("theta: given for a model, expected a Cycle")
    parts = [_of_phase(crystal, reduced, float(phase), chosen, degeneracy) for phase in np.atleast_1d(phases)]
    over_phases = cyclic and phases.ndim == 1
    variables = {}
    for name, (dims, _, unit, long_name) in parts[0].items():
        values = np.stack([part[name][1] for part in parts]) if over_phases else parts[0][name][1]
        variables[name] = ([*([THETA] if over_phases else []), "point", "band", *dims], values, unit, long_name)
    result = labelled(variables, _coordinates(crystal, reduced, chosen), model=model_digest(crystal))
    return result.assign_coords(theta=(THETA if over_phases else (), phases, {"units": "rad"})) if cyclic else result


def _of_phase(
    crystal: Crystal, reduced: Float, theta: float, chosen: dict[str, BandQuantity], degeneracy: float | None
) -> dict[str, tuple[list[str], Float, Unit, str]]:
    """Energies, sizes of groups and quantities at one phase: axes beside point and band, values, unit, long name."""
    frame = joined_frame(crystal, reduced, theta, chosen, degeneracy)
    energies = frame.energies if frame.joined is None else frame.joined.energies
    weights = frame.group_weights
    sizes = np.ones(energies.shape) if weights is None else weights.sum(axis=2)
    found: dict[str, tuple[list[str], Float, Unit, str]] = {
        "energy": ([], energies, Unit(energy=1), "energy"),
        "group_size": ([], sizes, Unit(), "number of degenerate bands"),
    }
    for name, quantity in chosen.items():
        values = group_means(frame, quantity.values(frame, crystal))
        found[name] = ([*quantity.axes], values, quantity.unit, quantity.long_name)
    return found


def _coordinates(crystal: Crystal, reduced: Float, chosen: dict[str, BandQuantity]) -> dict[str, object]:
    """Coordinates of the result: points in both kinds of coordinates, bands, labels of the axes."""
    k = crystal.lattice.cartesian(reduced)
    labels = {axis: list(names) for quantity in chosen.values() for axis, names in quantity.labels(crystal).items()}
    return {
        **{f"k{number + 1}": ("point", column, {"units": "1"}) for number, column in enumerate(reduced.T)},
        **{f"k{axis}": ("point", column, {"units": "1/length"}) for axis, column in zip(AXES, k.T, strict=False)},
        "band": np.arange(crystal.size),
        **labels,
    }
