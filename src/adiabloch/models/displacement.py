"""Cycles of displaced atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.models.arguments import validated_arguments
from adiabloch.models.cycle import Cycle
from adiabloch.models.hopping_laws import HoppingLaw
from adiabloch.models.tight_binding import TightBinding


@validated_arguments
def phonon_cycle(
    model: TightBinding,
    polarization: ArrayLike,
    law: HoppingLaw,
    *,
    q: ArrayLike | None = None,
    supercell: ArrayLike | None = None,
    move_orbitals: bool = False,
    samples: int | None = None,
) -> Cycle:
    r"""Cycle of a phonon: orbital j of cell R is displaced by u_j(R) = Re[ e_j exp(i (q.R - theta)) ].

    Parameters
    ----------
    model : TightBinding
        The crystal without displacements.
    polarization : array_like, shape (n, d), complex
        Displacement amplitude e_j of every orbital, in the length unit of the lattice. (1, i) u rotates
        anticlockwise, (1, -i) u clockwise; a real amplitude is linearly polarized.
    law : callable
        Hopping law (`linear`, `exponential`, `distance_law`).
    q : array_like, shape (d,), optional
        Wave vector in reduced coordinates; 0 by default.
    supercell : array_like, shape (d, d), integers, optional
        Cell in which the phonon is periodic: q . R must be an integer for each of its rows R.
    move_orbitals, samples
        As in `TightBinding.displaced` and `Cycle.from_function`.

    Returns
    -------
    Cycle

    Raises
    ------
    InvalidArgumentError
        The phonon is not periodic in the supercell.

    Examples
    --------
    Valley phonon of gapped graphene, in which the A atoms rotate with q = K, in the sqrt3 x sqrt3 cell:

    >>> import adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    >>> ab.models.phonon_cycle(model, [[0.02, 0.02j], [0, 0]], ab.models.linear(3.0),
    ...                        q=[1/3, 2/3], supercell=[[1, 1], [-1, 2]])
    Cycle(2D, 6 orbitals, 8 snapshots, last harmonic 0.0e+00)
    """
    d = model.lattice.dimension
    amplitude = checked(polarization, "polarization", (model.size, d), complex)
    wave = checked(np.zeros(d) if q is None else q, "q", (d,))
    wide = checked(np.eye(d) if supercell is None else supercell, "supercell", (d, d))
    winding = wide @ wave
    if np.abs(winding - np.rint(winding)).max() > 1e-9:
        row = int(np.argmax(np.abs(winding - np.rint(winding))))
        raise InvalidArgumentError(
            f"phonon: q = {wave.tolist()} does not fit the supercell: q . R = {winding[row]:.6g} for the lattice "
            f"vector R = {wide[row].tolist()}, expected an integer"
        )
    crystal = model.supercell(wide)
    cells = model.lattice.reduced_positions(
        crystal.positions - np.tile(model.positions, (crystal.size // model.size, 1))
    )
    phase = np.exp(2j * np.pi * cells @ wave)[:, None] * np.tile(amplitude, (crystal.size // model.size, 1))

    def snapshot(theta: float) -> TightBinding:
        return crystal.displaced((phase * np.exp(-1j * theta)).real, law, move_orbitals=move_orbitals)

    return Cycle.from_function(snapshot, samples)
