"""Maps of quantities of single bands over a plane of wave vectors, at a phase of a cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.engine.arguments import checked_degeneracy, crystal_for, model_digest
from adiabloch.engine.declaration import LevelTerm, Response
from adiabloch.engine.results import Variable, labelled
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.geometry.degeneracy import refuse_groups
from adiabloch.geometry.frame import Eigenframe, eigenframe
from adiabloch.geometry.recording import needs_of
from adiabloch.geometry.zone import zone_section
from adiabloch.memory import check_matrices

if TYPE_CHECKING:
    import xarray

WAVE = {"units": "1/length"}


def map_of(
    response: Response,
    cycle: object,
    k: dict[str, ArrayLike],
    theta: float,
    component: str,
    degeneracy: float | None,
) -> xarray.Dataset:
    """Evaluate a component of a declared quantity of single bands on a grid of wave vectors.

    Parameters
    ----------
    response : Response
        With terms of levels, and the axis `component`.
    cycle : Cycle or another crystal with the direction theta
    k : mapping {"kx", "ky", "kz": array_like}
        Cartesian wave vectors along the sides of the map, and a number for "kz".
    theta : float
    component : str
    degeneracy : float, optional
        Bands closer than this energy are refused.

    Raises
    ------
    DegenerateBandsError
    """
    crystal = crystal_for(response, cycle)
    d = crystal.lattice.dimension
    names = response.labels(d)["component"]
    if component not in names:
        raise InvalidArgumentError(
            f"component: {component!r}, expected one of {tuple(names)} for this lattice{did_you_mean(component, names)}"
        )
    x, y = (checked(k[name], name, (None,)) for name in ("kx", "ky"))
    terms = response.terms
    check_matrices(len(x) * len(y), crystal.size, len(terms), "kx, ky")
    grid = np.stack([*np.meshgrid(x, y), np.full((len(y), len(x)), checked(k["kz"], "kz", ()))], axis=-1)
    points = grid[..., :d].reshape(-1, d)

    def values_of(frame: Eigenframe) -> Float:
        return np.stack([term.formula(frame, component) for term in terms if isinstance(term, LevelTerm)])

    along = dict.fromkeys([*needs_of(crystal, values_of).derivatives, *crystal.directions])
    frame = eigenframe(crystal, [*along], k=points, theta=theta)
    joined = checked_degeneracy(crystal, degeneracy).joined(frame, crystal.lattice, rounding=False)
    refuse_groups(joined, energy=crystal.units.energy)
    values = dict(zip(terms, values_of(frame).reshape(-1, len(y), len(x), crystal.size), strict=True))
    variables: dict[str, Variable] = {
        name: (
            ["ky", "kx", "band"],
            np.sum([values[term] for term in part.terms], axis=0),
            response.unit_of(name, d),
            part.description,
        )
        for name, part in response.parts.items()
    }
    # the section of the zone at the third component of k
    outline = zone_section(crystal.lattice, np.where(np.arange(d) == 2, points[0], 0.0), np.eye(2, d))
    return labelled(
        variables,
        {
            "kx": ("kx", x, WAVE),
            "ky": ("ky", y, WAVE),
            "band": np.arange(crystal.size),
            "outline_kx": ("corner", outline[:, 0], WAVE),
            "outline_ky": ("corner", outline[:, 1], WAVE),
        },
        theta=float(theta),
        component=component,
        model=model_digest(crystal),
    )
