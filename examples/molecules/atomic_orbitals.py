"""A molecule in its atomic orbitals: Hamiltonian, positions, momentum and angular momentum, from PySCF.

The orbitals are orthonormal combinations of the basis functions. They turn rigidly with the molecule: a function
exp(-i theta L_z) W has the connection i <W|d_theta W> = <W|L_z|W>, and in functions that turn along, all matrices are
constant but for the directions of vectors.
"""

from dataclasses import dataclass

import numpy as np

from adiabloch.linalg import eigh_batch
from adiabloch.units import BOHR, ELECTRON_MASS, HBAR_SQUARED_PER_DALTON

ATOMIC_MASS = 1 / (ELECTRON_MASS * HBAR_SQUARED_PER_DALTON)
"""Dalton in electron masses."""
MASSES = {
    "H": 1.00782503, "D": 2.01410178, "Li": 7.0160034, "B": 11.0093054, "C": 12.0, "O": 15.9949146, "F": 18.9984032,
    "Si": 27.9769265, "S": 31.9720707,
}  # fmt: skip
"""Masses of the isotopes, dalton; those of the most abundant ones but for D."""
SMALLEST = 1e-7
"""Eigenvalue of the overlaps below which combinations of basis functions are left out."""


def linear(*atoms):
    """Atoms along z, by symbol and height."""
    return [(symbol, (0.0, 0.0, z)) for symbol, z in atoms]


def bent(symbol, length, angle, *others):
    """Two atoms at a distance from the origin, with an angle in degrees between them about -z, and others."""
    half = np.radians(angle / 2)
    x, z = length * np.sin(half), -length * np.cos(half)
    return [*others, (symbol, (x, 0.0, z)), (symbol, (-x, 0.0, z))]


GEOMETRIES = {
    "LiH": linear(("Li", 0.0), ("H", 1.5957)),
    "LiF": linear(("Li", 0.0), ("F", 1.56386)),
    "CO": linear(("C", 0.0), ("O", 1.12832)),
    "CS": linear(("C", 0.0), ("S", 1.53482)),
    "SiO": linear(("Si", 0.0), ("O", 1.50974)),
    "SiS": linear(("Si", 0.0), ("S", 1.92926)),
    "HBS": linear(("H", 0.0), ("B", 1.1692), ("S", 2.7670)),
    "OCS": linear(("O", 0.0), ("C", 1.1562), ("S", 2.7176)),
    "D2O": bent("D", 0.9575, 104.5, ("O", (0.0, 0.0, 0.0))),
    "H2CO": bent("H", 1.1012, 116.1, ("C", (0.0, 0.0, 0.0)), ("O", (0.0, 0.0, 1.2031))),
}
"""Positions of the atoms at equilibrium, Angstrom; the axes are principal ones."""


@dataclass(frozen=True)
class Molecule:
    """A molecule in orthonormal functions, with its centre of mass at the origin; in atomic units."""

    hamiltonian: np.ndarray
    """(n, n)"""
    positions: np.ndarray
    """(3, n, n)"""
    gradient: np.ndarray
    """(3, n, n): <W|d/dr|W>; the momentum is -i times it."""
    rotation: np.ndarray
    """(3, n, n): <W|r x d/dr|W>; the angular momentum is -i times it."""
    occupied: int
    charges: np.ndarray
    """(atoms,)"""
    places: np.ndarray
    """(atoms, 3)"""
    masses: np.ndarray
    """(atoms,): in electron masses."""

    def inertia(self, axis):
        """Moment of inertia about an axis, x, y or z."""
        return float(self.masses @ (self.places[:, across(axis)] ** 2).sum(axis=1))

    def moment_of_nuclei(self, axis):
        """Moment of the nuclei over omega as they turn about an axis."""
        return 0.5 * float(self.charges @ (self.places[:, across(axis)] ** 2).sum(axis=1))

    def save(self, path):
        """Write all arrays to a file."""
        np.savez_compressed(path, **self.__dict__)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(**{name: stored[name] if stored[name].ndim else int(stored[name]) for name in stored.files})


def across(axis):
    """Numbers of the two directions across an axis, right-handed."""
    return [[1, 2], [2, 0], [0, 1]]["xyz".index(axis)]


def from_pyscf(name, basis, functional="lda,vwn"):
    """Converged Kohn-Sham calculation of a molecule of `GEOMETRIES`; "unc-" before a basis stands for uncontracted."""
    from pyscf import dft, gto

    symbols = [symbol for symbol, _ in GEOMETRIES[name]]
    masses = ATOMIC_MASS * np.array([MASSES[symbol] for symbol in symbols])
    places = np.array([at for _, at in GEOMETRIES[name]]) / BOHR
    places = places - masses @ places / masses.sum()
    elements = ["H" if symbol == "D" else symbol for symbol in symbols]
    atoms = [(element, tuple(at)) for element, at in zip(elements, places, strict=True)]
    molecule = gto.M(atom=atoms, basis=basis.removeprefix("unc-"), unit="Bohr", verbose=0)
    if basis.startswith("unc-"):
        molecule = molecule.decontract_basis()[0]
    field = dft.RKS(molecule)
    field.xc, field.grids.level, field.conv_tol = functional, 4, 1e-11
    field.kernel()
    if not field.converged:
        raise RuntimeError(f"{name} in {basis}: the calculation did not converge")
    sizes, vectors = eigh_batch(field.get_ovlp())
    kept = sizes > SMALLEST
    X = vectors[:, kept] / np.sqrt(sizes[kept])
    # PySCF has the derivatives of the functions to the left, and r x d/dr about the origin
    matrices = {
        "positions": molecule.intor("int1e_r"),
        "gradient": -molecule.intor("int1e_ipovlp"),
        "rotation": molecule.intor("int1e_cg_irxp", comp=3),
    }
    return Molecule(
        X.T @ field.get_fock() @ X,
        *[np.array([X.T @ M @ X for M in each]) for each in matrices.values()],
        int((field.mo_occ > 0).sum()),
        molecule.atom_charges(),
        places,
        masses,
    )
