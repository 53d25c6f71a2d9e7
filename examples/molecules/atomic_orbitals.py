"""A molecule in its atomic orbitals: Hamiltonian, positions and motion of the orbitals, from PySCF.

The orbitals are orthonormal by Loewdin's method, W = chi S^(-1/2), and move with their atoms. Their orientation in
space is fixed: when the molecule turns by theta, all matrices M turn to D M D^T, where D mixes the orbitals of each
shell.
"""

from dataclasses import dataclass

import numpy as np

from adiabloch.linalg import eigh_batch
from adiabloch.units import BOHR, ELECTRON_MASS, HBAR_SQUARED_PER_DALTON

ATOMIC_MASS = 1 / (ELECTRON_MASS * HBAR_SQUARED_PER_DALTON)
"""Dalton in electron masses."""
MASSES = {
    "H": 1.00782503, "Li": 7.0160034, "C": 12.0, "O": 15.9949146, "F": 18.9984032, "Si": 27.9769265,
    "S": 31.9720707,
}  # fmt: skip
"""Masses of the most abundant isotopes, dalton."""
GEOMETRIES = {
    "LiH": [("Li", 0.0), ("H", 1.5957)],
    "LiF": [("Li", 0.0), ("F", 1.56386)],
    "CO": [("C", 0.0), ("O", 1.12832)],
    "CS": [("C", 0.0), ("S", 1.53482)],
    "SiO": [("Si", 0.0), ("O", 1.50974)],
    "OCS": [("O", 0.0), ("C", 1.1562), ("S", 2.7176)],
}
"""Positions of the atoms along the axis at equilibrium, Angstrom."""


@dataclass(frozen=True)
class Molecule:
    """A linear molecule along x, turning about z; in atomic units."""

    hamiltonian: np.ndarray
    """(n, n)"""
    positions: np.ndarray
    """(2, n, n): x and y."""
    motion: np.ndarray
    """(n, n), complex: i <W|d_theta W>."""
    rotation: np.ndarray
    """(n, n): generator of the rotation of the orbitals, D = exp(theta rotation)."""
    occupied: int
    largest_l: int
    """Largest angular momentum of the orbitals."""
    charges: np.ndarray
    """(atoms,)"""
    places: np.ndarray
    """(atoms,): along x, from the centre of mass."""
    masses: np.ndarray
    """(atoms,): in electron masses."""

    @property
    def inertia(self) -> float:
        """Moment of inertia."""
        return float(self.masses @ self.places**2)

    @property
    def moment_of_nuclei(self) -> float:
        """Moment of the turning nuclei over omega."""
        return 0.5 * float(self.charges @ self.places**2)

    def save(self, path):
        """Write all arrays to a file."""
        np.savez_compressed(path, **self.__dict__)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(**{name: stored[name] if stored[name].ndim else int(stored[name]) for name in stored.files})


def from_pyscf(name, basis, functional="lda,vwn"):
    """Converged Kohn-Sham calculation of a molecule of `GEOMETRIES`."""
    from pyscf import dft, gto

    symbols = [symbol for symbol, _ in GEOMETRIES[name]]
    masses = ATOMIC_MASS * np.array([MASSES[symbol] for symbol in symbols])
    places = np.array([x for _, x in GEOMETRIES[name]]) / BOHR
    places = places - masses @ places / masses.sum()
    atoms = [(symbol, (x, 0.0, 0.0)) for symbol, x in zip(symbols, places, strict=True)]
    molecule = gto.M(atom=atoms, basis=basis, unit="Bohr", verbose=0)
    field = dft.RKS(molecule)
    field.xc, field.grids.level, field.conv_tol = functional, 4, 1e-11
    field.kernel()
    if not field.converged:
        raise RuntimeError(f"{name} in {basis}: the calculation did not converge")
    K = rotation_of_shells(molecule)
    S, F = field.get_ovlp(), field.get_fock()
    # <chi|d_theta chi>: orbitals move with their atoms, at the velocity z x R
    gradient, moves = molecule.intor("int1e_ipovlp")[1], np.zeros_like(S)
    for (*_, first, last), x in zip(molecule.aoslice_by_atom(), places, strict=True):
        moves[:, first:last] = -x * gradient.T[:, first:last]
    sizes, vectors = eigh_batch(S)
    root, inverse = (vectors * sizes**power @ vectors.T for power in (0.5, -0.5))
    A = 1j * (inverse @ moves @ inverse + root @ (K @ inverse - inverse @ K))
    return Molecule(
        inverse @ F @ inverse,
        np.array([inverse @ r @ inverse for r in molecule.intor("int1e_r")[:2]]),
        0.5 * (A + A.conj().T),
        K,
        int((field.mo_occ > 0).sum()),
        max(molecule.bas_angular(shell) for shell in range(molecule.nbas)),
        molecule.atom_charges(),
        places,
        masses,
    )


def rotation_of_shells(molecule):
    """Generator of a rotation about z of real spherical orbitals: cos(m phi) and sin(m phi) turn into each other."""
    K, first = np.zeros((molecule.nao, molecule.nao)), 0
    for shell in range(molecule.nbas):
        largest = molecule.bas_angular(shell)
        # PySCF orders p shells as x, y, z and all others by m
        order = [1, -1, 0] if largest == 1 else list(range(-largest, largest + 1))
        for _ in range(molecule.bas_nctr(shell)):
            place = {m: first + number for number, m in enumerate(order)}
            for m in range(1, largest + 1):
                K[place[-m], place[m]], K[place[m], place[-m]] = m, -m
            first += 2 * largest + 1
    return K
