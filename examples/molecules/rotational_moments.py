"""Magnetic moments of rotating molecules: the theory of pumped magnetization against experiment.

A molecule that turns rigidly has the magnetic moment g mu_N J. Its electrons follow the nuclei as they follow the atoms
of a phonon, so that their moment is the magnetization pumped by a full turn. A molecule is a model without lattice
vectors.

Run it: python rotational_moments.py. It prints a table of the results in record.json and writes
rotational_moments.png (--output FOLDER). With --compute it computes them anew with PySCF (pip install
'adiabloch[molecules]'; a quarter of an hour), with --fast only LiH from its stored matrices.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from atomic_orbitals import Molecule, across, from_pyscf

import adiabloch as ab
from adiabloch.linalg import eigh_batch
from adiabloch.units import BOHR_MAGNETON, NUCLEAR_MAGNETON

HERE = Path(__file__).parent
PROTON = BOHR_MAGNETON / NUCLEAR_MAGNETON
"""Mass of the proton in electron masses."""
MEASURED = {
    "LiH": ("x", -0.65842, 0.00017),
    "LiF": ("x", 0.0737, 0.0005),
    "CO": ("x", -0.26890, 0.00010),
    "CS": ("x", -0.2702, 0.0004),
    "SiO": ("x", -0.15359, 0.00012),
    "SiS": ("x", -0.0910, 0.0001),
    "HBS": ("x", -0.0414, 0.0002),
    "OCS": ("x", -0.028711, 0.000040),
    "D2O a": ("x", 0.32530, 0.00001),
    "D2O b": ("z", 0.36009, 0.00001),
    "D2O c": ("y", 0.32513, 0.00001),
    "H2CO a": ("z", -2.899, 0.001),
    "H2CO b": ("x", -0.2256, 0.0001),
    "H2CO c": ("y", -0.1004, 0.0001),
}
"""Axis of rotation, g and its error in the ground state of vibration: see README.md for the sources."""
BASES = ("aug-cc-pvdz", "aug-cc-pvtz", "unc-aug-cc-pvdz", "unc-aug-cc-pvtz")
LARGEST = BASES[-1]
PHASES = 8
"""Snapshots of a turn; in functions that turn along nothing but the directions of vectors changes."""


def turn(molecule, axis="x", *, origin=(0.0, 0.0), common=False):
    """Cycle of a full turn in functions that turn along, and the occupied states, which are constant in them.

    With `common`, the mean motion of the electrons is taken with the velocity of H in place of the momentum.
    """
    H, (x, y) = molecule.hamiltonian, molecule.positions[across(axis)]
    A = -1j * molecule.rotation["xyz".index(axis)]
    states = eigh_batch(H)[1][:, : molecule.occupied]
    if common:
        mean = [np.einsum("ia,ij,ja->", states, r, states) / molecule.occupied for r in (x, y)]
        rates = (-mean[1], mean[0])
        for rate, r, gradient in zip(rates, (x, y), molecule.gradient[across(axis)], strict=True):
            A = A - rate * (-1j * gradient - 1j * (H @ r - r @ H))
    models = []
    for theta in 2 * np.pi * np.arange(PHASES) / PHASES:
        c, s = np.cos(theta), np.sin(theta)
        r = np.stack([c * x - s * y, s * x + c * y], axis=-1) + np.multiply.outer(np.eye(len(H)), origin)
        models.append(ab.models.WannierModel(None, None, H, r))
    motion = [{(0, 0): 0.5 * (A + A.conj().T)}] * PHASES
    return ab.Cycle(models, motion=motion, tolerance=1e-6), states


def g_factor(molecule, axis="x", **options):
    """Rotational g factor about an axis, by part: 2 m_p M/(I omega) with the moment M of electrons and nuclei."""
    cycle, states = turn(molecule, axis, **options)
    pumped = ab.pumped_magnetization(cycle, molecule.occupied, mesh=PHASES, projections=states, progress=False)
    # two electrons of charge -1 in each state; the unit of g is that of a turning proton
    unit = 2 * PROTON / molecule.inertia(axis)
    parts = {name: -2 * unit * float(pumped[name][0]) for name in ("perturbative", "chern_simons")}
    parts["nuclei"] = unit * molecule.moment_of_nuclei(axis)
    return {**parts, "g": sum(parts.values())}


def computed(names):
    """Results of molecules in all bases, by molecule and axis, one basis after the other."""
    for name in dict.fromkeys(name.split()[0] for name in names):
        for basis in BASES:
            molecule = from_pyscf(name, basis)
            for one, (axis, *_) in MEASURED.items():
                if one.split()[0] == name:
                    found = g_factor(molecule, axis)
                    found["without_common_motion"] = g_factor(molecule, axis, common=True)["g"]
                    yield one, basis, found


def table(record):
    """Computed and measured g factors, and how far they are apart."""
    rows = [f"{'molecule':10}" + "".join(f"{basis:>17}" for basis in BASES) + f"{'measured':>12}{'difference':>12}"]
    for name, (_, g, _) in MEASURED.items():
        found = [record[name][basis]["g"] for basis in BASES if basis in record.get(name, {})]
        if found:
            values = "".join(f"{value:17.4f}" for value in found)
            rows.append(f"{name:10}{values:<68}{g:12.5f}{found[-1] - g:12.4f}")
    return "\n".join(rows)


def picture(record, path):
    """Differences of computed from measured g factors, against the latter."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.8), layout="constrained")
    names = [name for name in MEASURED if LARGEST in record.get(name, {})]
    measured = np.array([MEASURED[name][1] for name in names])
    found = np.array([record[name][LARGEST]["g"] for name in names])
    limits = (-3.8, 0.6)
    left.plot(limits, limits, color="0.7", lw=1, zorder=0)
    left.plot(measured, found, "o", ms=5, mfc="none")
    left.set(xlabel="measured g", ylabel="computed g", xlim=limits, ylim=limits, aspect="equal")
    rows = np.arange(len(names))
    for basis, marker in zip(BASES, ("v", "^", "s", "o"), strict=True):
        known = [row for row in rows if basis in record[names[row]]]
        off = [100 * (record[names[row]][basis]["g"] / measured[row] - 1) for row in known]
        right.plot(off, known, marker, ms=5, mfc="none", label=basis)
    right.axvline(0, color="0.7", lw=1, zorder=0)
    right.set(yticks=rows, yticklabels=names, xlabel="deviation from experiment (percent)")
    right.invert_yaxis()
    right.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def main():
    """Print the table, draw the picture; compute everything anew if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compute", nargs="*", metavar="MOLECULE", help="compute with PySCF; all molecules by default")
    parser.add_argument("--fast", action="store_true", help="LiH from its stored matrices only")
    parser.add_argument("--output", type=Path, default=Path(), help="folder of the picture")
    given = parser.parse_args()
    stored = HERE / "record.json"
    record = json.loads(stored.read_text()) if stored.exists() else {}
    if given.fast:
        found = g_factor(Molecule.load(HERE / "matrices" / "LiH.npz"))
        print(f"LiH, aug-cc-pvdz: g = {found['g']:.5f}, measured {MEASURED['LiH'][1]}")
        return
    if given.compute is not None:
        for name, basis, found in computed(given.compute or MEASURED):
            record.setdefault(name, {})[basis] = found
            print(name, basis, found, flush=True)
            stored.write_text(json.dumps(record, indent=1) + "\n")
    print(table(record))
    given.output.mkdir(parents=True, exist_ok=True)
    picture(record, given.output / "rotational_moments.png")


if __name__ == "__main__":
    main()
