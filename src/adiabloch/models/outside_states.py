r"""States outside the space of the Wannier functions, as far as the orbital moment of the bands depends on them.

With the projector Q = 1 - sum_i |u_i><u_i| on the states outside, the covariant matrices between the basis functions
u_i(k) are

.. math:: \tilde B_a = i \langle u_i | H Q | \partial_a u_j \rangle, \qquad
          K_{ab} = \frac{i}{2} \langle \partial_a u_i | Q H Q | \partial_b u_j \rangle - (a \leftrightarrow b)
          - \frac14 (H \Omega_{ab} + \Omega_{ab} H),

the coupling of the basis to the states outside, and the orbital moment of the states outside in units of e. Both are
independent of the zero of energy. They follow from matrices by lattice translation, which with the connection A, the
Hamiltonian H and the basis curvature Omega give

.. math:: \tilde B_a = B_a - H A_a, \qquad
          K_{ab} = \frac12 \Lambda_{ab} - \frac{i}{2} (Z - Z^\dagger) - \frac14 (H \Omega_{ab} + \Omega_{ab} H), \qquad
          Z = A_a \tilde B_b - A_b \tilde B_a + A_a H A_b

(M. G. Lopez, D. Vanderbilt, T. Thonhauser, I. Souza, Phys. Rev. B 85, 014435 (2012), with B and C taken relative to the
centres of the functions and Lambda_ab = i (C_ab - C_ba)).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import AXES, PLANES, components
from adiabloch.linalg import in_basis
from adiabloch.markup import record_html
from adiabloch.models.covariant import coupling_series, moment_series
from adiabloch.models.crystal import OUTSIDE_COUPLING, OUTSIDE_MOMENT, Derivative, directions_of
from adiabloch.models.hoppings import Translation, checked_translation, folded_to_supercell, on_translations
from adiabloch.models.position_matrix import in_other_cells
from adiabloch.units import Units


@dataclass(frozen=True, eq=False)
class OutsideStates:
    r"""Matrices that determine the contribution of states outside the Wannier functions to orbital moments.

    Positions count from the centre tau of the function on the same side, so that the matrices do not depend on the
    origin. The program Wannier90 calls the matrices about the origin B(R) and C(R).

    Parameters
    ----------
    coupling : mapping {R: (n, n, d) array_like}
        <0 i|H (r - R - tau_j)_a|R j>.
    moment : mapping {R: (n, n, c) array_like}
        i <0 i|(r - tau_i)_a H (r - R - tau_j)_b|R j> - (a <-> b) for each component of the moment: z, with a, b = x, y,
        in two dimensions; x, y, z in three dimensions. Hermitian: the matrix at -R is the adjoint of that at R.
    """

    coupling: Mapping[Translation, Complex]
    moment: Mapping[Translation, Complex]

    _repr_html_ = record_html

    @property
    def translations(self) -> set[Translation]:
        """Translations R of all matrices."""
        return {*self.coupling, *self.moment}

    def on_translations(self, translations: Sequence[Translation]) -> OutsideStates:
        """The same matrices on given translations, zero where they are not known."""
        return OutsideStates(*(on_translations(each, translations) for each in (self.coupling, self.moment)))

    def recentred(self, shifts: Float, hoppings: Mapping[Translation, Complex]) -> OutsideStates:
        """The same matrices about other points, tau_i - shift_i in place of tau_i.

        Parameters
        ----------
        shifts : float array, shape (n, d)
        hoppings : mapping {R: (n, n) array}
            On the translations of the matrices, which come in pairs R and -R.
        """
        left, right = shifts[:, None, :], shifts[None, :, :]
        planes = [[AXES.index(axis) for axis in PLANES[c]] for c in components(shifts.shape[1])]
        coupling, moment = {}, {}
        for R, h in hoppings.items():
            B, adjoint = self.coupling[R], self.coupling[tuple(-x for x in R)].conj().swapaxes(0, 1)
            coupling[R] = B + h[..., None] * right
            # <(r - tau_i)_a H (r - R - tau_j)_b>, by which C_ab changes
            added = np.einsum("ija,ijb->ijab", np.broadcast_to(left, B.shape), B + h[..., None] * right)
            added = added + np.einsum("ija,ijb->ijab", adjoint, np.broadcast_to(right, B.shape))
            curls = [added[..., a, b] - added[..., b, a] for a, b in planes]
            moment[R] = self.moment[R] + 1j * np.stack(curls, axis=-1)
        return OutsideStates(coupling, moment)

    def rotated(
        self, unitary: Complex, before: Float, after: Float, hoppings: Mapping[Translation, Complex]
    ) -> OutsideStates:
        """Matrices of the functions w'_j = sum_i w_i U_ij.

        Parameters
        ----------
        unitary : complex array, shape (n, n)
        before, after : float array, shape (n, d)
            Centres of the functions w and w'.
        hoppings : mapping {R: (n, n) array}
            Hoppings of the functions w.
        """
        about_origin = self.recentred(before, hoppings)._mapped(
            lambda X: np.einsum("ik,ija,jl->kla", unitary.conj(), X, unitary, optimize=True)
        )
        return about_origin.recentred(-after, {R: in_basis(h, unitary) for R, h in hoppings.items()})

    def in_supercell(self, cells: Integer, wide: Float) -> OutsideStates:
        """Matrices of the functions of a larger cell (`folded_to_supercell`)."""
        return self._by_blocks(lambda blocks: folded_to_supercell(blocks, cells, wide))

    def in_other_cells(self, cells: Integer) -> OutsideStates:
        """Matrices after each function is replaced by its image in the cell `cells[i]`."""
        return self._by_blocks(lambda blocks: in_other_cells(blocks, cells))

    def scaled(self, units: Units) -> OutsideStates:
        """Convert to other units."""
        unit = units.energy * units.length
        coupling = {R: frozen(X / unit) for R, X in self.coupling.items()}
        return replace(
            self, coupling=coupling, moment={R: frozen(X / unit / units.length) for R, X in self.moment.items()}
        )

    def arrays(self) -> tuple[Complex, Complex]:
        """Coupling (R, d, n, n) and moment (R, c, n, n) in the order of their translations."""
        coupling, moment = (np.moveaxis(np.array([*each.values()]), 3, 1) for each in (self.coupling, self.moment))
        return coupling, moment

    def series(self, directions: Sequence[str], along: Sequence[Derivative]) -> dict[str, Complex]:
        """Amplitudes of the ordinary Fourier series that derivatives need, by name (`models.covariant`), (R, n, n)."""
        if not {directions_of(name)[0] for name in along} & {OUTSIDE_COUPLING, OUTSIDE_MOMENT}:
            return {}
        coupling, moment = self.arrays()
        found = {coupling_series(a): X for a, X in zip(directions, coupling.swapaxes(0, 1), strict=True)}
        for component, X in zip(components(len(directions)), moment.swapaxes(0, 1), strict=True):
            a, b = (f"k{axis}" for axis in PLANES[component])
            found[moment_series(a, b)] = X
        return found

    def _mapped(self, change: Callable[[Complex], Complex]) -> OutsideStates:
        return OutsideStates(*({R: change(X) for R, X in each.items()} for each in (self.coupling, self.moment)))

    def _by_blocks(self, change: Callable[[Any], dict[Translation, Complex]]) -> OutsideStates:
        """Apply a function of matrices (components, n, n) by translation."""
        results = []
        for each in (self.coupling, self.moment):
            blocks = change({R: np.moveaxis(X, 2, 0) for R, X in each.items()})
            results.append({R: np.moveaxis(X, 0, 2) for R, X in blocks.items()})
        return OutsideStates(*results)


def checked_outside(given: Any, d: int, n: int) -> OutsideStates:
    """Matrices of the states outside with exact translations and finite arrays of the right shapes.

    Raises
    ------
    InvalidModelError
    """
    if not isinstance(given, OutsideStates):
        raise InvalidModelError(f"outside: expected a models.OutsideStates, got {type(given).__name__}")
    if d == 1:
        raise InvalidModelError("outside: expected a model in two or three dimensions, which has orbital moments")
    coupling = _checked_matrices(given.coupling, "coupling", (n, n, d), d)
    moment = _checked_matrices(given.moment, "moment", (n, n, len(components(d))), d)
    scale = max((float(np.abs(X).max()) for X in moment.values()), default=0.0)
    for R, X in moment.items():
        opposite = tuple(-x for x in R)
        defect = float(np.abs(X - moment.get(opposite, np.zeros_like(X)).conj().swapaxes(0, 1)).max())
        if defect > 1e-8 * scale:
            raise InvalidModelError(
                f"outside: moment at R = {R} and {opposite} differ from Hermitian conjugates by {defect:.3g}, expected "
                "moment(-R) = moment(R)^dagger, both given"
            )
    return OutsideStates(coupling, moment)


def _checked_matrices(
    given: Mapping[Any, ArrayLike], name: str, shape: tuple[int, int, int], d: int
) -> dict[Translation, Complex]:
    if not isinstance(given, Mapping):
        raise InvalidModelError(f"outside: {name}: expected a mapping {{R: {shape} array}}, got {type(given).__name__}")
    return {
        R: checked(X, f"outside: {name} at R = {R}", shape, complex)
        for R, X in ((checked_translation(R, d), X) for R, X in given.items())
    }
