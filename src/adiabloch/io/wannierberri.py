"""Models from systems of WannierBerri in memory, without importing WannierBerri."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.io.hermiticity import HOPPING_DEFECT, hermitian_hoppings, hermitian_part, hermitian_positions
from adiabloch.io.periodic_axes import checked_axes
from adiabloch.io.wannier_matrices import WannierMatrices
from adiabloch.models import OutsideStates, TightBinding
from adiabloch.names import checked_call

OFF_SITE = 1e-6
"""Relative size below which spin matrices at R other than 0 are neglected."""


@checked_call
def from_wannierberri(
    system: Any,
    *,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    spin: bool | ArrayLike | Mapping[Any, ArrayLike] = True,
) -> TightBinding:
    """Convert a System_R of WannierBerri to a model, with its position matrix and its spin if it has them.

    A crystal in three dimensions also keeps the states outside the Wannier functions ("BB" and "CC" of `morb=True`).

    Parameters
    ----------
    system : wannierberri.System_R
        Hermitian up to the tolerances of `read_tb`; h(R) is averaged with h(-R)^dagger, and the position matrix
        likewise.
    dimension, axes
        As for `read_tb`; by default the lattice vectors along which the system is periodic.
    spin : bool, array_like of shape (3, n, n), or mapping {R: (3, n, n) array_like}
        True takes the spin matrices ("SS") if the system has them, False leaves them out. Other spin operators, in
        units of hbar, replace them.

    Returns
    -------
    TightBinding
        A TightBinding if the system has no position matrix ("AA").

    Raises
    ------
    InvalidArgumentError
        The argument is not such a system, or its matrices are not Hermitian.
    """
    _check_type(system)
    n, translations = int(system.num_wann), _translations(system)
    hoppings = _matrices(system, "Ham", (len(translations), n, n))
    if hoppings is None:
        _refuse("the system has no Hamiltonian ('Ham'), expected one")
    centres = np.asarray(system.wannier_centers_cart, float).reshape(n, 3)
    positions = _matrices(system, "AA", (len(translations), n, n, 3))
    # WannierBerri counts positions from the centres; versions before 1.0 have an option for absolute positions
    if positions is not None and getattr(system, "use_wcc_phase", True):
        positions = positions.copy()
        positions[(translations == 0).all(axis=1)] += np.eye(n)[:, :, None] * centres
    vectors = np.asarray(system.real_lattice, float)
    spins = _spin(system, translations, n) if spin is True else None
    given = translations
    translations, hoppings, h_defect = hermitian_hoppings(given, hoppings[..., None], "Ham", _refuse_at)
    defects = {"h": h_defect}
    if positions is not None:
        _, positions, defects["r"] = hermitian_positions(
            given, positions, vectors, "AA", _refuse_at, "from_wannierberri"
        )
    contents = WannierMatrices(
        vectors, centres, translations, hoppings, positions, defects, (), _refuse, _refuse, spins
    )
    operators = None if isinstance(spin, bool) else spin
    if dimension is None and axes is None:
        axes = _periodic(system)
    count, axes = checked_axes(dimension, axes)
    model = contents.model(count, operators, axes)
    outside = _outside(system, given, n) if count == 3 and positions is not None else None
    if outside is None:
        return model
    return TightBinding(
        model.lattice, None, model.hoppings, model.spin, position_matrix=model.position_matrix, outside=outside
    )


def _outside(system: Any, translations: Integer, n: int) -> OutsideStates | None:
    """States outside the Wannier functions; None if the system lacks their matrices, or counts from the origin."""
    if not getattr(system, "use_wcc_phase", True):
        return None
    coupling = _matrices(system, "BB", (len(translations), n, n, 3))
    moment = _matrices(system, "CC", (len(translations), n, n, 3))
    if coupling is None or moment is None:
        return None
    limit, expected = HOPPING_DEFECT * float(np.abs(moment).max()), f"less than {HOPPING_DEFECT:.0e} of the largest CC"
    cells, moment, _ = hermitian_part(translations, moment, "CC", limit, expected, _refuse_at)
    return OutsideStates(
        {tuple(map(int, R)): X for R, X in zip(translations, coupling, strict=True)},
        {tuple(map(int, R)): X for R, X in zip(cells, moment, strict=True)},
    )


def _check_type(system: Any) -> None:
    """Raise an error if an object lacks the attributes of a System_R."""
    wanted = ("real_lattice", "num_wann", "wannier_centers_cart")
    missing = [name for name in wanted if not hasattr(system, name)]
    if missing or not (hasattr(system, "rvec") or hasattr(system, "iRvec")):
        _refuse(f"expected a System_R of WannierBerri, got {type(system).__name__} without {missing or 'iRvec'}")


def _refuse(message: str) -> NoReturn:
    raise InvalidArgumentError(f"from_wannierberri: {message}")


def _translations(system: Any) -> Integer:
    """Lattice vectors R of a system, (R, 3)."""
    given = system.rvec.iRvec if hasattr(system, "rvec") else system.iRvec
    translations = np.asarray(given)
    if translations.ndim != 2 or translations.shape[1] != 3 or (translations != np.rint(translations)).any():
        _refuse(f"iRvec of shape {translations.shape}, expected integers of shape (R, 3)")
    if not (translations == 0).all(axis=1).any():
        _refuse("iRvec lacks R = (0, 0, 0), expected it")
    return translations.astype(np.int64)


def _matrices(system: Any, name: str, shape: tuple[int, ...]) -> Complex | None:
    """Matrices of a system by their name; None if it does not have them."""
    if not system.has_R_mat(name):
        return None
    matrices = np.asarray(system.get_R_mat(name), dtype=np.complex128)
    if matrices.shape != shape or not np.isfinite(matrices).all():
        _refuse(f"{name!r} of shape {matrices.shape}, expected finite numbers of shape {shape}")
    return matrices


def _refuse_at(message: str, number: int) -> NoReturn:
    _refuse(message)


def _periodic(system: Any) -> list[int]:
    """Lattice vectors along which a system is periodic."""
    periodic = [bool(x) for x in getattr(system, "periodic", (True, True, True))]
    if not any(periodic):
        _refuse(f"periodic = {periodic}, expected at least one direction, or axes=")
    return [axis for axis, repeats in enumerate(periodic) if repeats]


def _spin(system: Any, translations: Integer, n: int) -> Complex | None:
    """Spin operators (R, n, n, 3) in units of hbar, from the Pauli matrices of WannierBerri; None without spin."""
    matrices = _matrices(system, "SS", (len(translations), n, n, 3))
    if matrices is None:
        return None
    largest = float(np.abs(matrices).max())
    expected = f"less than {HOPPING_DEFECT:.0e} of the largest SS"
    _, spins, _ = hermitian_part(translations, 0.5 * matrices, "SS", HOPPING_DEFECT * largest, expected, _refuse_at)
    beyond = ~(translations == 0).all(axis=1)
    if np.abs(spins[beyond]).max(initial=0.0) <= OFF_SITE * np.abs(spins).max():
        spins[beyond] = 0.0
    return spins
