"""Magnetic moments of rotating molecules: the theory of pumped magnetization against experiment.

A molecule that turns rigidly has the magnetic moment g mu_N J. Its electrons follow the nuclei as they follow the atoms
of a phonon, so that their moment is the magnetization pumped by a full turn. A molecule is a model without lattice
vectors.

Run it: python rotational_moments.py. It prints a table of the results in record.json and writes
rotational_moments.png (--output FOLDER). With --compute it computes them anew with PySCF (pip install
'adiabloch[molecules]'; an hour), with --fast only LiH from its stored matrices.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from atomic_orbitals import Molecule, from_pyscf
from scipy.linalg import expm

import adiabloch as ab
from adiabloch.linalg import eigh_batch
from adiabloch.units import BOHR_MAGNETON, NUCLEAR_MAGNETON

HERE = Path(__file__).parent
PROTON = BOHR_MAGNETON / NUCLEAR_MAGNETON
"""Mass of the proton in electron masses."""
MEASURED = {
    "LiH": (-0.65842, 0.00017),
    "LiF": (0.0737, 0.0005),
    "CO": (-0.26890, 0.00010),
    "CS": (-0.2702, 0.0004),
    "SiO": (-0.15359, 0.00012),
    "OCS": (-0.028711, 0.000040),
}
"""g and its error in the ground state of vibration: see README.md for the sources."""
LABELS = {"CO": (-20, 5), "OCS": (-8, 9)}
"""Places of names in the picture that would overlap others, in points."""
BASES = ("aug-cc-pvdz", "aug-cc-pvtz")


def turn(molecule, origin=(0.0, 0.0), samples=None):
    """Cycle of a full turn about z, and trial orbitals for a smooth gauge."""
    # harmonics up to twice the largest angular momentum, and one more of the positions
    count = 4 * (molecule.largest_l + 2) if samples is None else samples
    models, motion, mean = [], [], 0.0
    for theta in 2 * np.pi * np.arange(count) / count:
        D, c, s = expm(theta * molecule.rotation), np.cos(theta), np.sin(theta)
        H, x, y, A = (D @ M @ D.T for M in (molecule.hamiltonian, *molecule.positions, molecule.motion))
        r = np.stack([c * x - s * y, s * x + c * y], axis=-1) + np.multiply.outer(np.eye(len(H)), origin)
        models.append(ab.models.WannierModel(None, None, H, r))
        motion.append({(0, 0): A})
        filled = eigh_batch(H)[1][:, : molecule.occupied]
        mean = mean + filled @ filled.T / count
    # the states that are filled most of the turn
    return ab.Cycle(models, motion=motion, tolerance=1e-6), eigh_batch(mean)[1][:, -molecule.occupied :]


def g_factor(molecule, **options):
    """Rotational g factor, by part: 2 m_p M/(I omega) with the moment M of electrons and nuclei."""
    cycle, trial = turn(molecule, **options)
    phases = len(cycle.snapshots)
    pumped = ab.pumped_magnetization(cycle, molecule.occupied, mesh=phases, projections=trial, progress=False)
    # two electrons of charge -1 in each state; the unit of g is that of a turning proton
    unit = 2 * PROTON / molecule.inertia
    parts = {name: -2 * unit * float(pumped[name][0]) for name in ("perturbative", "chern_simons")}
    parts["nuclei"] = unit * molecule.moment_of_nuclei
    return {**parts, "g": sum(parts.values())}


def table(record):
    """Computed and measured g factors, and how far they are apart."""
    rows = [f"{'molecule':10}" + "".join(f"{basis:>14}" for basis in BASES) + f"{'measured':>12}{'difference':>12}"]
    for name, (g, _) in MEASURED.items():
        found = [record[name][basis]["g"] for basis in BASES if basis in record.get(name, {})]
        if found:
            values = "".join(f"{value:14.4f}" for value in found)
            rows.append(f"{name:10}{values:<28}{g:12.5f}{found[-1] - g:12.4f}")
    return "\n".join(rows)


def picture(record, path):
    """Computed against measured g factors."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(4.4, 4.0), layout="constrained")
    limits = (-0.8, 0.2)
    ax.plot(limits, limits, color="0.7", lw=1, zorder=0)
    for basis, marker in zip(BASES, ("o", "s"), strict=True):
        names = [name for name in MEASURED if basis in record.get(name, {})]
        measured = [MEASURED[name][0] for name in names]
        ax.plot(measured, [record[name][basis]["g"] for name in names], marker, ms=5, mfc="none", label=basis)
    for name, (g, _) in MEASURED.items():
        if name in record:
            computed = record[name][next(reversed(record[name]))]["g"]
            ax.annotate(name, (g, computed), LABELS.get(name, (7, -9)), textcoords="offset points", fontsize=8)
    ax.set(xlabel="measured g", ylabel="computed g", xlim=limits, ylim=limits, aspect="equal")
    ax.legend(frameon=False)
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
        print(f"LiH, aug-cc-pvdz: g = {found['g']:.5f}, measured {MEASURED['LiH'][0]}")
        return
    for name in () if given.compute is None else given.compute or MEASURED:
        for basis in BASES:
            record.setdefault(name, {})[basis] = g_factor(from_pyscf(name, basis))
            print(name, basis, record[name][basis], flush=True)
            stored.write_text(json.dumps(record, indent=1) + "\n")
    print(table(record))
    given.output.mkdir(parents=True, exist_ok=True)
    picture(record, given.output / "rotational_moments.png")


if __name__ == "__main__":
    main()
