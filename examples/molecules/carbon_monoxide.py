"""Rotating carbon monoxide in plane waves: the road of crystals against the measured moment of a molecule.

The molecule lies in a box, as a layer of copies in the plane in which it turns. Quantum ESPRESSO and Wannier90 compute
it at rest and turned a little to both sides. Wannier functions, their position matrix and their motion give the
Chern-Simons part of its moment, overlaps between all bands the perturbative part. README.md has the results.

Run it: python carbon_monoxide.py. It prints the table of what plane_waves/ holds. With --compute FOLDER the programs
run first (ld1.x, pw.x, pw2wannier90.x, wannier90.x; an hour); calculations in the folder are kept.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import adiabloch as ab
from adiabloch.geometry.frame import Eigenframe
from adiabloch.io.espresso_waves import read_amplitudes, read_header, wave_file
from adiabloch.units import BOHR, HARTREE

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from atomic_orbitals import ATOMIC_MASS, GEOMETRIES, MASSES
from plane_wave_box import Atoms, Box
from rotational_moments import MEASURED, PROTON

from frozen_phonon import Material, compute, generate

HOME = Path(__file__).parent
STORED = HOME / "plane_waves"
CHARGES = {"C": 4, "O": 6}
"""Of the ion cores."""
OCCUPIED = 5
STEP = 0.02
"""Angle of the turned molecules."""
MESH = 3
"""Points of the Wannier functions along both sides of the box."""
LARGE = 40.0
"""Energy in eV above which what is missing of the sum over bands falls as 1/E."""
NEIGHBOURS = {1: "", MESH: "1 6"}
"""Shells of neighbours: the nearest in the plane, and the next across, by mesh."""
DISTANCE = GEOMETRIES["CO"][1][1][2]
LIGHT, HEAVY = (MASSES[symbol] for symbol in CHARGES)
PLACES = {"C": -DISTANCE * HEAVY / (LIGHT + HEAVY), "O": DISTANCE * LIGHT / (LIGHT + HEAVY)}
"""On the axis, from the centre of mass."""
INERTIA = ATOMIC_MASS * LIGHT * HEAVY / (LIGHT + HEAVY) * (DISTANCE / BOHR) ** 2
"""In atomic units."""
NUCLEI = PROTON / INERTIA * sum(CHARGES[name] * (x / BOHR) ** 2 for name, x in PLACES.items())
"""Part of the ion cores."""
ANGLES = {"rest": 0.0, "minus": -STEP, "plus": STEP}


def crystal(side, cutoff, bands, mesh):
    """Copies of the molecule, which lies along x and turns about z."""
    return Material(
        title="CO",
        seed="co",
        # shells of neighbours along z are none of the plane
        lattice=side * np.diag([1.0, 1.0, 1.05]),
        atoms={name: np.array([x, 0.0, 0.0]) for name, x in PLACES.items()},
        masses={name: MASSES[name] for name in PLACES},
        charges=CHARGES,
        pseudopotentials={name: f"{name}.UPF" for name in PLACES},
        occupied=OCCUPIED,
        generators=HOME / "pseudopotentials",
        settings=f"ecutwfc={cutoff}",
        electrons="diago_thr_init=1e-8, diago_david_ndim=2" if mesh == 1 else "diago_full_acc=.true.",
        density_mesh=(1, 1, 1),
        mesh=(mesh, mesh, 1),
        neighbours=NEIGHBOURS[mesh],
        bands=bands,
        functions=8,
        frozen=-4.0,
        projections=("C:s", "C:p", "O:s", "O:p"),
        disentangled=False,
        amplitudes=(),
    )


def turned(angle):
    """Displacements of the atoms of a molecule that has turned."""
    direction = np.array([np.cos(angle) - 1.0, np.sin(angle), 0.0])
    return {name: x * direction for name, x in PLACES.items()}


def run(material, folder):
    """The molecule at rest and turned; seconds."""
    pseudo, seconds = folder.parent / "pseudopotentials", 0.0
    if not all((pseudo / file).exists() for file in material.pseudopotentials.values()):
        generate(material, pseudo)
    for name, angle in ANGLES.items():
        done = folder / name / "result.json"
        if not done.exists():
            found = compute(material, folder / name, turned(angle), pseudo, material.mesh)
            done.write_text(json.dumps(found))
        seconds += json.loads(done.read_text())["seconds"]
    return seconds


def functions(folder):
    """Wannier functions of the molecule and their changes with a displacement, which turns it by 1/Angstrom."""
    checkpoints = {name: folder / name / "co.chk" for name in ANGLES}
    rest, *pair = ab.io.read_snapshots([*checkpoints.values()], dimension=2)
    waves = [ab.io.read_plane_waves(file.parent / "out" / "co.save", file) for file in checkpoints.values()]
    turn, motion = {"turn": tuple(pair)}, {"turn": tuple(waves[1:])}
    motion = ab.models.displacement_motion(rest, turn, STEP, waves[0], motion)
    return ab.models.isolated(ab.Deformation(rest, turn, STEP, motion=motion))


class WithVelocities:
    """Bands of a cycle of turned molecules at the point Gamma, with the velocities of the Hamiltonian in plane waves.

    Overlaps between neighbouring k points give those as well, but the only neighbours of Gamma are those of other
    cells, as far as the smallest reciprocal vector: a finite difference that needs bands far above all of the sum.
    """

    def __init__(self, bands, folders, angles):
        self.bands, self.folders, self.angles = bands, folders, angles
        self.lattice, self.occupied, self.size, self.points = bands.lattice, bands.occupied, bands.size, bands.points

    def frames(self):
        """The frame of the only k point."""
        (frame,) = self.bands.frames()
        each = []
        for folder, angle in zip(self.folders, self.angles, strict=True):
            with wave_file(folder / "out" / "co.save", 0) as file:
                head = read_header(file)
                G, states = read_amplitudes(file, head)
            places = {name: (np.array([x, 0, 0]) + turned(angle)[name]) / BOHR for name, x in PLACES.items()}
            each.append(Atoms(G, head.reciprocal, places, folder).velocities(states[0]))
        along = np.array(each).swapaxes(0, 1) * HARTREE * BOHR
        velocities = {(name,): v for name, v in zip(self.lattice.directions, along, strict=True)}
        yield Eigenframe(frame.energies, frame.states, {**frame.derivatives, **velocities})


def sums(folder, *, overlaps=False):
    """Perturbative part of g by number of bands, and the highest energy of each; velocities from overlaps if wanted."""
    # forth and back: the rate of this cycle at its first snapshot is the step
    order = ("rest", "plus", "rest", "minus")
    folders = [folder / name for name in order]
    bands = ab.io.read_bands(
        [one / "out" / "co.save" for one in folders],
        [one / "co" for one in folders],
        OCCUPIED,
        common=None,
        dimension=2,
    )
    if not overlaps:
        bands = WithVelocities(bands, folders, [ANGLES[name] for name in order])
    found = ab.perturbative_by_bands(bands, progress=False)
    moments = found.instantaneous.isel(theta=0, component=0).values * bands.lattice.measure / STEP
    energies = np.loadtxt(folder / "rest" / "co.eig")[:, 2]
    return {
        "bands": found.bands.values.tolist(),
        "energies": energies[found.bands.values - 1].round(3).tolist(),
        "perturbative": g_of(moments).round(6).tolist(),
    }


def g_of(moments):
    """The g factor of electrons, two in each state, from their moment in e omega Angstrom^2."""
    return -4 * PROTON / INERTIA * np.asarray(moments) / BOHR**2


def extrapolated(found):
    """Limit of a sum over bands, from those with energies above `LARGE`."""
    energies, values = np.array(found["energies"]), np.array(found["perturbative"])
    high = energies > LARGE
    slope, limit = np.polyfit(1 / energies[high], values[high], 1)
    return float(limit), float(slope)


def chern_simons(deformation):
    """Chern-Simons part of g, and the perturbative part of the functions alone."""
    found = ab.axial_tensor(deformation, OCCUPIED, progress=False)
    return tuple(float(g_of(found[part]).squeeze()) for part in ("chern_simons", "perturbative"))


def positions(folder):
    """Chern-Simons part of g from coordinates in the box, without Wannier functions and finite differences."""
    waves = {}
    for name in ANGLES:
        with wave_file(folder / name / "out" / "co.save", 0) as file:
            head = read_header(file)
            G, states = read_amplitudes(file, head)
        waves[name] = states[0, :, :OCCUPIED]
    rest = waves["rest"]
    box = Box(G, head.reciprocal)
    # changes of the occupied states outside of their space, from projectors
    change = [waves[name] @ (waves[name].conj().T @ rest) for name in ("minus", "plus")]
    change = (change[1] - change[0]) / (2 * STEP)
    change = change - rest @ (rest.conj().T @ change)
    within, mixed = (
        [rest.conj().T @ np.array([box.times(axis, one) for one in of.T]).T for axis in (0, 1)] for of in (rest, change)
    )
    moment = np.real(np.vdot(within[1], mixed[0]) - np.vdot(within[0], mixed[1]))
    return float(g_of(-moment * BOHR**2))


def results():
    """The g factor and its parts, from what is stored."""
    record = json.loads((STORED / "record.json").read_text())
    part, _ = chern_simons(ab.io.load_deformation(STORED / "functions.nc"))
    found = {"nuclei": NUCLEI, "perturbative": extrapolated(record["sums"])[0], "chern_simons": part}
    return {**found, "g": sum(found.values())}, record


def main():
    """Print the table; run the programs first if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compute", type=Path, metavar="FOLDER", help="run the programs in this folder")
    parser.add_argument("--side", type=float, default=6.0, help="of the box, Angstrom")
    parser.add_argument("--cutoff", type=float, default=50.0, help="of the plane waves, Ry")
    parser.add_argument("--bands", type=int, default=300, help="of the sum over bands")
    given = parser.parse_args()
    if given.compute is not None:
        STORED.mkdir(exist_ok=True)
        record = {"side": given.side, "cutoff": given.cutoff}
        folder = given.compute / "functions"
        seconds = run(crystal(given.side, given.cutoff, 20, MESH), folder)
        ab.io.save_deformation(functions(folder), STORED / "functions.nc", resolution=1e-7)
        folder = given.compute / "bands"
        record["seconds"] = round(seconds + run(crystal(given.side, given.cutoff, given.bands, 1), folder))
        record["sums"], record["sums_of_overlaps"] = sums(folder), sums(folder, overlaps=True)
        record["chern_simons_of_positions"] = round(positions(folder), 6)
        (STORED / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    found, record = results()
    for number, energy, value in zip(*record["sums"].values(), strict=True):
        print(f"{number:6d} bands, {energy:6.1f} eV: perturbative part {value:8.4f}")
    print(f"Chern-Simons part from coordinates: {record['chern_simons_of_positions']:.4f}")
    print("limits:", ", ".join(f"{name} {value:.4f}" for name, value in found.items()))
    print(f"measured: {MEASURED['CO'][1]}")


if __name__ == "__main__":
    main()
