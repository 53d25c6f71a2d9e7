"""Bands of ribbons and slabs, with the position of the states between the two edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float
from adiabloch.engine.arguments import ACROSS, checked_hoppings_of, model_digest
from adiabloch.engine.results import labelled
from adiabloch.engine.unit_names import names_units
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import Lattice, Path
from adiabloch.linalg import eigh_batch
from adiabloch.memory import check_matrices
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import checked_call
from adiabloch.scalars import is_number, is_whole
from adiabloch.units import Unit
from adiabloch.workflows.band_path import band_path

if TYPE_CHECKING:
    import xarray

SLOPE = 1e-8
"""Difference of energy between the edges that separates degenerate states, relative to the largest hopping."""


@checked_call
@names_units
def ribbon_bands(
    model: TightBinding,
    width: int = 24,
    cut: int | None = None,
    path: str | Mapping[str, ArrayLike] | Sequence[tuple[str, ArrayLike]] | ArrayLike | Path | None = None,
    *,
    points: int = 160,
    chemical_potential: float | None = None,
) -> xarray.Dataset:
    """Bands of a ribbon (two dimensions) or a slab (three), coloured by the position of the states.

    Parameters
    ----------
    model : TightBinding
        The crystal; between its cells no bonds are changed at the edges.
    width : int
        Number of cells between the two edges.
    cut : int, optional
        Lattice vector along which the crystal is finite, counted from zero; by default the last one.
    path : optional
        As for `bands`, in the reduced coordinates of the other lattice vectors.
    points : int
        Number of points along the path.
    chemical_potential : float, optional
        Energy to mark.

    Returns
    -------
    xarray.Dataset
        `energy` and `colour` over `point` and `band`, and coordinates as those of `bands`, which `ab.plot` draws alike.
        The colour is the mean position of a state along the cut lattice vector, from -1 at the first edge to 1 at the
        last one; states of the bulk are between.

    Raises
    ------
    InvalidArgumentError
        A crystal in one dimension, or no such lattice vector.

    Examples
    --------
    >>> import adiabloch as ab
    >>> ribbon = ab.ribbon_bands(ab.models.qi_wu_zhang(mass=-1.0), width=10)
    >>> ribbon.sizes["band"]
    20
    >>> print(f"{float(abs(ribbon.energy).min()):.2f}")  # states at the edges, in the gap of the crystal
    0.00
    """
    crystal = checked_hoppings_of(model, (2, 3), ACROSS)
    d = crystal.lattice.dimension
    cut = d - 1 if cut is None else cut
    if not is_whole(cut, 0) or cut >= d:
        raise InvalidArgumentError(f"cut: {cut!r}, expected a lattice vector from 0 to {d - 1}")
    if not is_whole(width, 1):
        raise InvalidArgumentError(f"width: {width!r}, expected a number of cells, at least 1")
    kept = [axis for axis in range(d) if axis != cut]
    # the lattice of the ribbon in coordinates of its own
    rows = np.linalg.qr(crystal.lattice.vectors[kept].T)[1].T
    route = band_path(Lattice(rows), path, points)
    check_matrices(len(route.points), crystal.size * int(width), 2, "width, points")
    across = np.arange(width)[:, None] + crystal.lattice.reduced_positions(crystal.positions)[:, cut]
    low, high = across.min(), across.max()
    position = (2 * across.ravel() - low - high) / (high - low if high > low else 1.0)
    matrices = _hamiltonians(crystal, int(width), int(cut), kept, route.points)
    # a slope of rounding size between the edges separates degenerate states at different edges
    slope = SLOPE * float(np.abs(crystal.amplitudes).max())
    energies, states = eigh_batch(matrices + slope * np.diag(position))
    weights = np.einsum("i,pin->pn", position, np.abs(states) ** 2)
    energies = energies - slope * weights
    result = labelled(
        {
            "energy": (["point", "band"], energies, Unit(energy=1), "energy"),
            "colour": (["point", "band"], weights, Unit(), "mean position between the edges"),
        },
        {
            **{f"k{number + 1}": ("point", column, {"units": "1"}) for number, column in enumerate(route.points.T)},
            **route.coordinates(),
            "band": np.arange(energies.shape[1]),
        },
        model=model_digest(crystal),
        response="ribbon_bands",
        width=int(width),
        cut=int(cut),
        starts=list(route.starts),
    )
    result["colour"].attrs["range"] = [-1.0, 1.0]
    if chemical_potential is not None:
        if not is_number(chemical_potential):
            raise InvalidArgumentError(f"chemical_potential: {chemical_potential!r}, expected one energy")
        marked = {"units": "energy", "long_name": "chemical potential"}
        result = result.assign(chemical_potential=((), float(chemical_potential), marked))
    return result


def _hamiltonians(crystal: TightBinding, width: int, cut: int, kept: list[int], points: Float) -> Complex:
    """Matrices of the ribbon, (P, width N, width N), ordered by cell and orbital."""
    n = crystal.size
    blocks = np.zeros((len(points), width, n, width, n), dtype=np.complex128)
    cells = np.arange(width)
    for R, amplitude in zip(crystal.translations, crystal.amplitudes, strict=True):
        first = cells[(cells + R[cut] >= 0) & (cells + R[cut] < width)]
        phases = np.exp(2j * np.pi * points @ R[kept])
        for cell in first:
            blocks[:, cell, :, cell + R[cut], :] += phases[:, None, None] * amplitude
    return blocks.reshape(len(points), width * n, width * n)
