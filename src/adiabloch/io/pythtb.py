"""Models from those of PythTB, version 1 or 2, in memory, without importing PythTB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.models import TightBinding
from adiabloch.models.spin import SPIN
from adiabloch.names import checked_call


@dataclass(frozen=True)
class _PythTBData:
    """Data of a PythTB model of either version."""

    vectors: Float
    """All lattice vectors, (dim_r, dim_r)."""
    orbitals: Float
    """Reduced coordinates of the orbitals, (n, dim_r)."""
    periodic: list[int]
    """Indices of the periodic lattice vectors."""
    spin_components: int
    """Number of spin components, 1 or 2."""
    onsite: Any
    """On-site energies, or blocks of them."""
    hoppings: Sequence[tuple[Any, int, int, Sequence[int]]]
    """Amplitude, orbitals i and j, and R of each hopping."""


@checked_call
def from_pythtb(model: Any) -> TightBinding:
    """Convert a model of PythTB: a `tb_model` of version 1 or a `TBModel` of version 2.

    Parameters
    ----------
    model : pythtb.tb_model or pythtb.TBModel
        Model that is periodic in one, two or three directions. If it has further directions (dim_r > dim_k), the
        periodic vectors must lie along x or in the xy plane; a single periodic vector may have any direction, which
        becomes x. The coordinates of the orbitals perpendicular to the periodic vectors are dropped.

    Returns
    -------
    TightBinding
        Model with spin operators if nspin = 2, with the states in the order of PythTB: spin up and down of the first
        orbital first. A model that PythTB made from Wannier90 files has no position matrix; read the `_tb.dat` file
        with `read_tb` to get it.

    Raises
    ------
    InvalidArgumentError
        The argument is not such a model, has no periodic direction, or has parameters without values.

    Examples
    --------
    >>> import adiabloch as ab
    >>> import pythtb  # doctest: +SKIP
    >>> ab.io.from_pythtb(pythtb.models.haldane(0.2, 1.0, 0.1))  # doctest: +SKIP
    TightBinding(2D, 2 orbitals, 7 translations)
    """
    data = _version_one(model) if hasattr(model, "_orb") and hasattr(model, "_per") else _version_two(model)
    dim_r = len(data.vectors)
    if not 1 <= len(data.periodic) <= 3:
        raise InvalidArgumentError(
            f"from_pythtb: {len(data.periodic)} periodic directions, expected 1, 2 or 3; use adiabloch.finite for "
            "open samples"
        )
    frame = _frame(data.vectors[data.periodic])
    bonds, directions = [], set[tuple[int, int, tuple[int, ...]]]()
    for number, (amplitude, i, j, R) in enumerate(data.hoppings):
        across = [int(x) for at, x in enumerate(R) if at not in data.periodic]
        if any(across):
            raise InvalidArgumentError(
                f"from_pythtb: hopping {number} leads to R = {tuple(R)}, expected no step along the open directions"
            )
        to = tuple(int(R[at]) for at in data.periodic)
        back = (j, i, tuple(-r for r in to))
        if back in directions:
            # PythTB can add a bond and its partner: both are then stored in the same direction
            (i, j, to), amplitude = back, np.conj(amplitude).T
        directions.add((i, j, to))
        bonds.append((amplitude, i, j, to))
    spinful = data.spin_components == 2
    return TightBinding.from_bonds(
        data.vectors[data.periodic] @ frame,
        checked(data.orbitals, "from_pythtb: orbitals", (None, dim_r)) @ data.vectors @ frame,
        data.onsite,
        bonds,
        SPIN if spinful else None,
        reduced=False,
    )


def _version_one(model: Any) -> _PythTBData:
    """Read a `tb_model` of version 1."""
    return _PythTBData(
        np.asarray(model._lat, float),
        np.asarray(model._orb, float),
        [int(at) for at in model._per],
        int(model._nspin),
        model._site_energies,
        # without periodic directions there is no R
        [(amplitude, i, j, rest[0] if rest else ()) for amplitude, i, j, *rest in model._hoppings],
    )


def _version_two(model: Any) -> _PythTBData:
    """Read a `TBModel` of version 2."""
    wanted = ("lat_vecs", "get_orb_vecs", "periodic_dirs", "nspin", "onsite", "hoppings")
    missing = [name for name in wanted if not hasattr(model, name)]
    if missing:
        raise InvalidArgumentError(
            f"from_pythtb: expected a model of PythTB 1 or 2, got {type(model).__name__} without {', '.join(missing)}"
        )
    parameters = getattr(model, "parameters", None)
    if parameters:
        raise InvalidArgumentError(
            f"from_pythtb: the model has parameters without values, {parameters!r}; expected numbers: fix them first "
            "with its with_parameters"
        )
    vectors = np.asarray(model.lat_vecs, float)
    home = [0] * len(vectors)
    return _PythTBData(
        vectors,
        np.asarray(model.get_orb_vecs(cartesian=False), float),
        [int(at) for at in model.periodic_dirs],
        int(model.nspin),
        model.onsite,
        [
            (hop["amplitude"], hop["from_orbital"], hop["to_orbital"], hop.get("lattice_vector", home))
            for hop in model.hoppings
        ],
    )


def _frame(periodic: Float) -> Float:
    """Axes, as columns (dim_r, d), in which the periodic vectors (d, dim_r) have d components."""
    d, dim_r = periodic.shape
    if np.abs(periodic[:, d:]).max(initial=0.0) <= 1e-10 * np.abs(periodic).max():
        return np.eye(dim_r)[:, :d]
    if d == 1:
        return (periodic[0] / np.sqrt(periodic[0] @ periodic[0]))[:, None]
    raise InvalidArgumentError(
        f"from_pythtb: periodic vectors {periodic.tolist()}, expected them in the xy plane, so that the components x "
        "and y of the model are defined; rotate the model first"
    )
