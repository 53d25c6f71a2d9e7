"""Models with spin from the two models of a collinear magnet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.errors import AccuracyWarning, InvalidArgumentError, warn
from adiabloch.models.hoppings import Translation
from adiabloch.models.outside_states import OutsideStates
from adiabloch.models.spin import PAIR_DISTANCE, pair_distance, spin_operators
from adiabloch.models.tight_binding import TightBinding


def join_spins(up: TightBinding, down: TightBinding) -> TightBinding:
    """Join the models of spin up and spin down of a collinear magnet into one model with spin operators.

    Parameters
    ----------
    up, down : TightBinding
        Models without spin of the same crystal, with the same orbitals in the same order. The spins point along z.
        Both have a position matrix, or neither has one.

    Returns
    -------
    TightBinding
        Model with the orbitals up, down, up, down, ... Spin-orbit coupling may be added to its hoppings.

    Raises
    ------
    InvalidArgumentError
        The models have spin, different lattices, different numbers of orbitals, or only one has a position matrix.

    Warns
    -----
    AccuracyWarning
        Orbitals of a pair are far apart: they are different functions, or in another order.

    Notes
    -----
    S_z is exact. S_x and S_y assume that an orbital is the same function of space for both spins. They have no
    expectation value without coupling of the spins.

    Examples
    --------
    >>> import adiabloch as ab
    >>> up, down = (ab.TightBinding([[1.0]], [[0.0]], {(0,): [[E]], (1,): [[-1.0]]}) for E in (-0.3, 0.3))
    >>> ab.models.join_spins(up, down).energies([[0.0]]).round(9).tolist()
    [[-2.3, -1.7]]
    """
    for name, model in (("up", up), ("down", down)):
        if not isinstance(model, TightBinding):
            raise InvalidArgumentError(f"join_spins: {name}: expected a model, got {type(model).__name__}")
        if model.spin is not None:
            raise InvalidArgumentError(f"join_spins: {name}: a model with spin operators, expected one without spin")
    if up.lattice.dimension != down.lattice.dimension or not np.allclose(
        up.lattice.vectors, down.lattice.vectors, rtol=0, atol=1e-5 * up.lattice.shortest
    ):
        raise InvalidArgumentError(
            f"join_spins: lattice vectors {up.lattice.vectors.tolist()} and {down.lattice.vectors.tolist()}, expected "
            "the same crystal"
        )
    if up.size != down.size:
        raise InvalidArgumentError(
            f"join_spins: {up.size} orbitals up and {down.size} down, expected the same orbitals for both spins"
        )
    if (up.position_matrix is None) != (down.position_matrix is None):
        raise InvalidArgumentError("join_spins: only one of the models has a position matrix, expected both or neither")
    if (up.outside is None) != (down.outside is None):
        raise InvalidArgumentError(
            "join_spins: only one of the models has the states outside its functions, expected both or neither"
        )
    apart = pair_distance(up.positions, down.positions, up.lattice.vectors)
    if apart > PAIR_DISTANCE * up.lattice.shortest:
        warn(
            f"join_spins: orbitals up and down are up to {apart:.3g} apart, expected the same orbitals in the same "
            "order; S_x and S_y assume equal functions",
            AccuracyWarning,
        )
    position_matrix = None
    if up.position_matrix is not None and down.position_matrix is not None:
        position_matrix = _interleaved(up.position_matrix, down.position_matrix)
    outside = None
    if up.outside is not None and down.outside is not None:
        outside = OutsideStates(
            _interleaved(up.outside.coupling, down.outside.coupling),
            _interleaved(up.outside.moment, down.outside.moment),
        )
    return TightBinding(
        up.lattice,
        np.stack([up.positions, down.positions], axis=1).reshape(-1, up.lattice.dimension),
        _interleaved(up.hoppings, down.hoppings),
        spin_operators(2 * up.size),
        position_matrix=position_matrix,
        reduced=False,
        outside=outside,
    )


def _interleaved(up: Mapping[Translation, Complex], down: Mapping[Translation, Complex]) -> dict[Translation, Complex]:
    """Matrices (n, n, ...) of two spins as matrices (2 n, 2 n, ...) by translation."""
    n, _, *rest = next(iter(up.values())).shape
    found = {R: np.zeros((2 * n, 2 * n, *rest), dtype=np.complex128) for R in sorted({*up, *down})}
    for spin, blocks in enumerate((up, down)):
        for R, block in blocks.items():
            found[R][spin::2, spin::2] = block
    return found
