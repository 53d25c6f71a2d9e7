r"""Unitary matrices of symmetry operations between the orbitals of a model, determined from the model itself.

D minimizes the sum of |D A_m(R) - B_m(R) D|^2 over all types and translations, where A = rho K X, B = X(Q R) between
the images; this is the condition that the operation leaves the model unchanged. The minimum is an eigenvector of a
quadratic form, and its unitary part is taken.
"""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.errors import InvalidArgumentError
from adiabloch.linalg import eigh_batch
from adiabloch.models.hoppings import on_translations
from adiabloch.symmetries.fields import Action, Blocks, Fields
from adiabloch.symmetries.operations import nearest_orthogonal

NULL = 1e-16
"""Eigenvalues of the quadratic form, relative to its size, that count as zero."""
EQUAL = 1e-3
"""Relative difference of eigenvalues that count as equal."""
POSITION_WEIGHT = 0.1
"""Weight of positions against hoppings: the position matrix of Wannier functions is less symmetric."""
NOISE = 1e-2
"""Eigenvalues of the quadratic form, relative to its size, that may stand for zero in a model with noise."""
SINGULAR = 1e-2
"""Smallest singular value of a matrix, relative to the largest, whose unitary part is meaningful."""


def unitary_of(action: Action, fields: Fields) -> Complex:
    """Unitary matrix D of an operation, (n, n).

    Raises
    ------
    InvalidArgumentError
        No matrix relates the orbitals of the sites to those of their images.
    """
    return unitaries_of(action, fields)[0]


def unitaries_of(action: Action, fields: Fields) -> list[Complex]:
    """Unitary matrices of an operation, (n, n): the one nearest to a permutation of the orbitals, and another one.

    The model does not determine the second one, if it is there, any less than the first: sets of orbitals between which
    nothing hops may change their phases against each other.

    Raises
    ------
    InvalidArgumentError
        No matrix relates the orbitals of the sites to those of their images.
    """
    d = len(action.Q)
    weights = np.where((np.arange(len(fields.units)) >= 1) & (np.arange(len(fields.units)) <= d), POSITION_WEIGHT, 1.0)
    A, B = (X * weights[:, None, None] for X in stacked(action, fields))
    members = fields.sites.members
    pairs = [(a, b) for b, site in enumerate(fields.sites.of_orbital) for a in members[action.image[site]]]
    form = _quadratic_form(action, fields, A, B, pairs)
    values, vectors = (x[0] for x in eigh_batch(form[None]))
    size = float(np.trace(form).real) / len(form)
    rows, columns = np.array(pairs).T
    n = len(fields.sites.of_orbital)

    def nearest(start: Complex, space: Complex) -> Complex | None:
        """Unitary part of the element of a space nearest to a given one; None if it is singular."""
        D = np.zeros((n, n), dtype=np.complex128)
        D[rows, columns] = space @ (space.conj().T @ start)
        sizes = np.linalg.svd(D, compute_uv=False)
        return np.asarray(nearest_orthogonal(D), np.complex128) if sizes[-1] > SINGULAR * sizes[0] else None

    # the element nearest to a permutation, and, if it is singular, any other
    permutation = np.zeros((n, n))
    for site, own in enumerate(members):
        permutation[members[action.image[site]], own] = 1.0
    rng = np.random.default_rng(24)
    starts = [permutation[rows, columns].astype(np.complex128)]
    starts += [rng.normal(size=len(pairs)) + 1j * rng.normal(size=len(pairs)) for _ in range(3)]
    # noise tells apart the eigenvalues of sets of orbitals between which nothing hops
    cuts = [max((1 + EQUAL) * values[0], NULL * size), *values[values <= NOISE * size] * (1 + EQUAL)]
    for count in sorted({int((values <= cut).sum()) for cut in cuts}):
        space = vectors[:, :count]
        found = [D for D in (nearest(start, space) for start in starts) if D is not None]
        if found:
            return found[:2] if count > 1 else found[:1]
    raise InvalidArgumentError(
        f"symmetrize_model: the model does not have the group: no unitary matrix takes the orbitals of the sites to "
        f"those of their images under {action.operation}"
    )


def stacked(action: Action, fields: Fields) -> tuple[Complex, Complex]:
    """Matrices A = rho K X(R) and B = X(Q R) on all translations, (R, types, n, n) each."""
    images = action.pulled_back(fields)
    translations = sorted({*fields.blocks, *images})
    B = _of(images, translations)
    return _transformed(action, _of(fields.blocks, translations)), B


def _transformed(action: Action, X: Complex) -> Complex:
    """Rho K X for matrices (R, types, n, n)."""
    of = X.conj() if action.operation.time_reversal else X
    return np.einsum("mn,Rnij->Rmij", action.rho, of)


def _of(blocks: Blocks, translations: list[tuple[int, ...]]) -> Complex:
    return np.array([*on_translations(blocks, translations).values()])


def averaged_back(action: Action, fields: Fields, D: Complex) -> Blocks:
    """Image of the matrices under the operation, by translation."""
    images = action.pulled_back(fields)
    translations = sorted(images)
    B = _of(images, translations)
    turned = np.einsum("nm,Rnij->Rmij", action.rho, D.conj().T @ B @ D)
    return dict(zip(translations, turned.conj() if action.operation.time_reversal else turned, strict=True))


def _quadratic_form(action: Action, fields: Fields, A: Complex, B: Complex, pairs: list[tuple[int, int]]) -> Complex:
    """Matrix of sum |D A - B D|^2 over the allowed elements of D, (pairs, pairs)."""
    n = A.shape[-1]
    A, B = A.reshape(-1, n, n), B.reshape(-1, n, n)
    AA = (A @ A.conj().swapaxes(1, 2)).sum(axis=0)
    BB = (B.conj().swapaxes(1, 2) @ B).sum(axis=0)
    rows, columns = np.array(pairs).T
    form = np.where(rows[:, None] == rows, AA[columns].T[columns], 0)
    form = form + np.where(columns[:, None] == columns, BB[rows[:, None], rows], 0)
    members = fields.sites.members
    own = [np.flatnonzero(fields.sites.of_orbital[columns] == site) for site in range(len(members))]
    for s, at in enumerate(own):
        for t, to in enumerate(own):
            b, x = members[s], members[t]
            a, c = members[action.image[s]], members[action.image[t]]
            left = B[:, a[:, None], c].reshape(len(B), -1)
            right = A[:, b[:, None], x].reshape(len(A), -1)
            cross = (left.T @ right.conj()).reshape(len(a), len(c), len(b), len(x))
            # pairs of a site run over its orbitals b, and for each over the images a
            block = cross.transpose(2, 0, 3, 1).reshape(len(b) * len(a), -1)
            form[np.ix_(at, to)] -= 2 * block
    return np.asarray(0.5 * (form + form.conj().T), dtype=np.complex128)
