"""How hoppings follow the atoms, and cycles in which atoms turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.models.arguments import validated_arguments
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import HoppingLaw, TightBinding


def _length(vectors: Float) -> Float:
    lengths: Float = np.sqrt((vectors**2).sum(axis=-1))
    return lengths


@validated_arguments
def linear(beta: float) -> HoppingLaw:
    r"""Hopping law t -> t (1 - beta d.(d' - d)/\|d\|^2): strictly linear in the displacements.

    Parameters
    ----------
    beta : float
        -d ln t / d ln \|d\|, about 3 for graphene.
    """

    def law(before: Float, after: Float) -> Float:
        stretch = ((after - before) * before).sum(axis=-1) / (before**2).sum(axis=-1)
        factors: Float = 1.0 - beta * stretch
        return factors

    return law


@validated_arguments
def exponential(beta: float) -> HoppingLaw:
    r"""Hopping law t -> t exp(-beta (\|d'\|/\|d\| - 1)).

    Parameters
    ----------
    beta : float
        -d ln t / d ln \|d\| at rest, about 3 for graphene.
    """

    def law(before: Float, after: Float) -> Float:
        factors: Float = np.exp(-beta * (_length(after) / _length(before) - 1.0))
        return factors

    return law


def distance_law(hopping: Callable[[Float], ArrayLike]) -> HoppingLaw:
    """Hopping law t -> t f(d')/f(d) for a given function f of the bond length.

    Parameters
    ----------
    hopping : callable
        The hopping as a function of bond lengths (an array in, an array out).
    """

    def law(before: Float, after: Float) -> Float:
        factors: Float = np.asarray(hopping(_length(after)), float) / np.asarray(hopping(_length(before)), float)
        return factors

    return law


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
    r"""A phonon as a cycle: orbital j of cell R moves by u_j(R) = Re[ e_j exp(i (q.R - theta)) ].

    Parameters
    ----------
    model : TightBinding
        The crystal at rest.
    polarization : array_like, shape (n, d), complex
        Displacement amplitude e_j of every orbital, in the length unit of the lattice: (1, i) u turns
        anticlockwise, (1, -i) u clockwise, real ones only swing.
    law : callable
        How hoppings follow (`linear`, `exponential`, `distance_law`).
    q : array_like, shape (d,), optional
        Wave vector in reduced coordinates; 0 by default.
    supercell : array_like, shape (d, d), integers, optional
        A cell in which the phonon is periodic: q . R must be an integer for each of its rows R.
    move_orbitals, samples
        As in `TightBinding.displaced` and `Cycle.from_function`.

    Returns
    -------
    Cycle

    Raises
    ------
    InvalidArgumentError
        If the phonon does not fit into the supercell.

    Examples
    --------
    The valley phonon of gapped graphene, atoms A turning at q = K in the sqrt3 x sqrt3 cell:

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
            f"phonon: q = {wave.tolist()} does not fit the supercell: q . R = {winding[row]:.6g} for its vector "
            f"{wide[row].tolist()}, expected an integer"
        )
    crystal = model.supercell(wide)
    cells = model.lattice.reduced_positions(
        crystal.positions - np.tile(model.positions, (crystal.size // model.size, 1))
    )
    phase = np.exp(2j * np.pi * cells @ wave)[:, None] * np.tile(amplitude, (crystal.size // model.size, 1))

    def snapshot(theta: float) -> TightBinding:
        return crystal.displaced((phase * np.exp(-1j * theta)).real, law, move_orbitals=move_orbitals)

    return Cycle.from_function(snapshot, samples)
