"""The moment of rotating carbon monoxide in plane waves without a sum over bands, and its operators.

The states of a turning molecule lag behind by the solution of (H - E_n) x = L |n>, which needs occupied states only,
in the Hamiltonian that pw.x leaves: kinetic energy, the local potential (pp.x), the projectors of the pseudopotentials.
The sum over all bands of carbon_monoxide.py must converge to the moment of r x v with v = i[H, r]. Two more operators
tell what nonlocal pseudopotentials do to it:

- "p": r x p, without the velocity of the projectors
- "v": r x i[H, r], that of the position matrix
- "atoms": r x p + R x i[V, r] with the place R of the atom of the projectors V, so that a state of a single atom has
  the moment of its angular momentum, as without pseudopotentials (C. J. Pickard, F. Mauri, Phys. Rev. Lett. 91, 196401
  (2003)).

Run it: python plane_wave_response.py FOLDER (ld1.x, pw.x, pp.x; half an hour). It writes plane_waves/complete.json.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from carbon_monoxide import HOME, INERTIA, NUCLEI, OCCUPIED, PLACES, STORED, crystal, turned
from plane_wave_box import Atoms
from rotational_moments import PROTON

from adiabloch.io.espresso_waves import read_amplitudes, read_header, wave_file
from adiabloch.units import BOHR
from frozen_phonon import generate, run, write_inputs

CASES = (
    ("2s local", 6.0, 50.0),
    ("2s local", 8.0, 50.0),
    ("2s local", 10.0, 50.0),
    ("2s local", 6.0, 35.0),
    ("2p local", 6.0, 50.0),
    ("2s local, smaller radii", 6.0, 110.0),
)
"""Pseudopotentials, side of the box (Angstrom), cutoff (Ry)."""
RADII = {"C": ("1.40", "1.15"), "O": ("1.35", "1.05")}
"""Of the pseudopotentials, bohr, and smaller ones."""
PP = "&inputpp\nprefix='co', outdir='./out', filplot='potential', plot_num=1\n/\n"


def generators(kind, folder):
    """Inputs of ld1.x for other pseudopotentials than those of the folder `pseudopotentials`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (radius, smaller) in RADII.items():
        text = (HOME / "pseudopotentials" / f"{name}.in").read_text()
        if "smaller" in kind:
            text = text.replace(radius, smaller)
        if "2p local" in kind:
            head, first, second, *_ = text.rsplit("\n", 3)
            text = "\n".join(
                [head.replace("lloc=0", "lloc=1").replace("2s local, a projector for 2p", kind), second, first]
            )
        (folder / f"{name}.in").write_text(text + "\n")
    return folder


def calculation(kind, side, cutoff, folder):
    """The molecule at rest: density, occupied states and potential."""
    case = folder / f"{kind.replace(' ', '').replace(',', '_')}-{side:g}-{cutoff:g}"
    material = crystal(side, cutoff, 8, 1)
    if not (case / "potential").exists():
        pseudo = case / "pseudopotentials"
        generate(dataclasses.replace(material, generators=generators(kind, case / "generators")), pseudo)
        write_inputs(material, case, turned(0.0), pseudo, material.mesh)
        (case / "pp.in").write_text(PP)
        text = (case / "scf.in").read_text()
        (case / "scf.in").write_text(text.replace("K_POINTS automatic\n1 1 1 0 0 0", "K_POINTS crystal\n1\n0 0 0 1"))
        run(case, ["pw.x", "-in", "scf.in"], "scf.out", ["convergence has been achieved", "JOB DONE"])
        run(case, ["pp.x", "-in", "pp.in"], "pp.out", ["JOB DONE"])
    return case


def local_potential(path):
    """Local potential on the grid of pw.x, Hartree."""
    lines = path.read_text().splitlines()
    sizes = [int(word) for word in lines[1].split()]
    # lattice of three vectors, cutoffs, species, atoms
    head = 3 + 3 + 1 + sizes[7] + sizes[6]
    return np.array(" ".join(lines[head:]).split(), float).reshape(sizes[:3], order="F") / 2


class PlaneWaves(Atoms):
    """Hamiltonian and operators on plane waves, and the occupied states, from a calculation."""

    def __init__(self, case):
        with wave_file(case / "out" / "co.save", 0) as file:
            head = read_header(file)
            G, states = read_amplitudes(file, head)
        self.states = states[0, :, :OCCUPIED]
        self.potential = local_potential(case / "potential")
        places = {name: np.array([x / BOHR, 0.0, 0.0]) for name, x in PLACES.items()}
        super().__init__(G, head.reciprocal, places, case / "pseudopotentials")
        # that of the potential
        self.grid = self.potential.shape
        self.where = tuple((G % self.grid).T)

    def hamiltonian(self, amplitudes):
        """H times a function."""
        kinetic = 0.5 * (self.waves**2).sum(axis=1) * amplitudes
        nonlocal_part = self.projectors @ (self.strengths * (self.projectors.conj().T @ amplitudes))
        return kinetic + self.amplitudes(self.potential * self.on_grid(amplitudes)) + nonlocal_part

    def moments(self, state):
        """Operators of the moment about z times an occupied state, by name; mass times r x velocity."""
        p = self.waves.T * state
        angular = self.times(0, p[1]) - self.times(1, p[0])
        inside = self.projectors.conj().T @ state
        x, y = (one.conj().T @ state for one in self.shifted)
        D, (X, Y) = self.strengths, self.places.T[:2]
        # R x i[V, r], and i (x V y - y V x) about the atoms
        riding = 1j * (self.projectors @ (D * (X * y - Y * x)))
        riding -= 1j * (self.shifted[1] @ (D * X * inside) - self.shifted[0] @ (D * Y * inside))
        within = 1j * (self.shifted[0] @ (D * y) - self.shifted[1] @ (D * x))
        return {"p": angular, "atoms": angular + riding, "v": angular + riding + within}

    def outside(self, amplitudes):
        """Part of a function outside the occupied states."""
        return amplitudes - self.states @ (self.states.conj().T @ amplitudes)

    def lag(self, energy, source):
        """Solution x of (H - E) x = source outside the occupied states."""

        def shifted(x):
            x = x.ravel()
            inside = self.states @ (self.states.conj().T @ x)
            return self.outside(self.hamiltonian(x - inside) - energy * (x - inside)) + inside

        size = (len(source), len(source))
        kinetic = 1 / (1 + 0.5 * (self.waves**2).sum(axis=1))
        smooth = LinearOperator(size, matvec=lambda x: kinetic * x.ravel(), dtype=complex)
        x, status = cg(LinearOperator(size, matvec=shifted, dtype=complex), source, rtol=1e-7, maxiter=1000, M=smooth)
        if status:
            raise RuntimeError("conjugate gradients did not converge")
        return self.outside(x)


def response(case):
    """The g factor with each operator of the moment."""
    molecule, totals = PlaneWaves(case), {}
    for state in molecule.states.T:
        energy = np.vdot(state, molecule.hamiltonian(state)).real
        moments = molecule.moments(state)
        x = molecule.lag(energy, molecule.outside(moments["p"]))
        for name, moment in moments.items():
            totals[name] = totals.get(name, 0.0) + 2 * np.vdot(moment, x).real
    return {name: NUCLEI - 2 * PROTON / INERTIA * total for name, total in totals.items()}


def main():
    """Compute all cases, and write them to plane_waves/complete.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the programs run")
    given = parser.parse_args()
    found = []
    for kind, side, cutoff in CASES:
        g = response(calculation(kind, side, cutoff, given.folder))
        found.append({"pseudopotentials": kind, "side": side, "cutoff": cutoff, "g": g})
        print(f"{kind:26}{side:6g}{cutoff:6g}", *(f"{name} {value:8.4f}" for name, value in g.items()), flush=True)
    (STORED / "complete.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
