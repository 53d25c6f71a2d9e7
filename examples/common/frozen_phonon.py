"""Wannier functions of a crystal while two atoms turn against each other, from density-functional theory.

Shared by the scripts `run_dft.py` of the examples. A script describes its crystal by a `Material` and calls `main`,
which writes the inputs of Quantum ESPRESSO and Wannier90 and runs the programs for one snapshot after the other. If a
program fails, the end of its output is shown. Snapshots that exist are kept, and files are written atomically. When all
snapshots of an amplitude exist, the motion of the Wannier functions is computed from the wave functions and written
with them as a cycle, u{u}.nc.

For every amplitude u and phase theta_j = 2 pi j/N, the first atom is displaced by u m_2/(m_1 + m_2) (cos, sin, 0) of
theta_j and the second by -u m_1/(m_1 + m_2) (cos, sin, 0): an optical phonon at Gamma, circularly polarized, with
relative displacement u and the centre of mass at rest.
"""

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import adiabloch as ab

RYDBERG_PER_BOHR = 25.711043
"""In eV per Angstrom."""

PW = """\
&control
calculation='{calculation}', prefix='{seed}', outdir='./out', pseudo_dir='.', verbosity='high', tprnfor=.true.
/
&system
ibrav=0, nat={count}, ntyp={count}, occupations='fixed', {settings}
/
&electrons
conv_thr=1e-13, mixing_beta=0.4{electrons}
/
CELL_PARAMETERS angstrom
{lattice}
ATOMIC_SPECIES
{species}
ATOMIC_POSITIONS angstrom
{atoms}
{points}
"""
WIN = """\
num_wann={functions}
num_bands={bands}
num_iter=0{excluded}
{subspace}
dis_froz_max={frozen}
write_tb=.true.
guiding_centres=.false.{neighbours}
{spinors}
begin unit_cell_cart
ang
{lattice}
end unit_cell_cart
begin atoms_cart
ang
{atoms}
end atoms_cart
begin projections
{projections}
end projections
mp_grid={mesh}
begin kpoints
{points}
end kpoints
"""
PW2WAN = """\
&inputpp
outdir='./out', prefix='{seed}', seedname='{name}', write_mmn=.true., write_amn={functions}, write_unk=.false.{spin}
/
"""


@dataclass(frozen=True)
class Material:
    """What is particular to a crystal.

    The vectors of `lattice` (rows), the places of the `atoms`, both Cartesian in Angstrom, and the `masses` in dalton:
    one atom of each element, those that turn being the first two. `settings` goes into &system of pw.x.
    `density_mesh` and `mesh` are the points of the density and of the Wannier functions; on the latter there are
    `bands`, all up to `frozen` (eV, in the gap) are kept as they are, and `functions` Wannier functions come from the
    `projections`.
    """

    title: str
    seed: str
    lattice: np.ndarray
    atoms: Mapping[str, np.ndarray]
    masses: Mapping[str, float]
    charges: Mapping[str, float]
    """Of the ion cores, those of the pseudopotentials."""
    pseudopotentials: Mapping[str, str]
    occupied: int
    settings: str
    density_mesh: tuple[int, int, int]
    mesh: tuple[int, int, int]
    bands: int
    """Those that the functions are made of."""
    functions: int
    frozen: float
    projections: Sequence[str]
    amplitudes: Sequence[float]
    more_bands: int = 0
    """Bands above these, for the sum over all."""
    electrons: str = ""
    """More for &electrons of pw.x."""
    neighbours: str = ""
    """Shells of neighbours of a k point for Wannier90, if it does not find them."""
    disentangled: bool = True
    """Whether the subspace above `frozen` is the smoothest there is, or the one of the projections."""
    spinors: bool = False
    """Functions of two components; the programs then leave the spin matrices as well."""
    generators: Path | None = None
    """Folder with inputs of ld1.x, one for each element, that make the pseudopotentials."""
    accuracy: float = 1e-5
    """Of the integrals, relative."""
    digits: int = 7
    """Digits behind the point, in eV and Angstrom, that are kept of what Wannier90 writes."""

    @property
    def programs(self) -> tuple[str, ...]:
        """Names of what must be installed."""
        named = ["pw.x", "pw2wannier90.x", "wannier90.x"]
        named += ["ld1.x"] if self.generators else []
        return tuple(named)

    @property
    def dimension(self) -> int:
        """Of the crystal: 2 for a layer."""
        return sum(side > 1 for side in self.mesh)

    @property
    def optical(self) -> list[float]:
        """Displacements of the two atoms in units of u, the centre of mass at rest."""
        first, second = list(self.masses.values())[:2]
        return [second / (first + second), -first / (first + second)]

    @property
    def all_bands(self) -> str:
        """Seed of the files of all bands: that of the functions, or one beside it if these leave some out."""
        return f"{self.seed}_all" if self.more_bands else self.seed

    def points(self, side: int) -> tuple[int, int, int]:
        """The mesh with another number of points along each side that has more than one."""
        return tuple(side if count > 1 else 1 for count in self.mesh)

    def snapshots(
        self, amplitudes: Sequence[float], phases: int, pattern: Sequence[float]
    ) -> dict[str, dict[str, np.ndarray]]:
        """Displacements of the atoms by the name of the snapshot."""
        shares = dict(zip(self.atoms, pattern, strict=True))
        at_rest = {"equilibrium": {name: np.zeros(3) for name in self.atoms}}
        circles = {
            f"u{u:g}/phase{j}": {
                name: share * u * np.array([np.cos(2 * np.pi * j / phases), np.sin(2 * np.pi * j / phases), 0.0])
                for name, share in shares.items()
            }
            for u in amplitudes
            for j in range(phases)
        }
        return at_rest | circles


def rows(array: np.ndarray) -> str:
    """Numbers, one row a line."""
    return "\n".join(" ".join(f"{x:.12f}" for x in row) for row in array)


def write_inputs(
    material: Material, folder: Path, displacements: Mapping[str, np.ndarray], pseudo: Path, mesh: tuple[int, int, int]
) -> None:
    """All that the programs read."""
    sides = [np.arange(count) / count for count in mesh]
    points = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3)
    weighted = np.column_stack([points, np.full(len(points), 1 / len(points))])
    places = {name: place + displacements[name] for name, place in material.atoms.items()}
    crystal = {
        "seed": material.seed,
        "count": len(material.atoms),
        "electrons": f", {material.electrons}" if material.electrons else "",
        "lattice": rows(material.lattice),
        "atoms": "\n".join(f"{name} {rows([place])}" for name, place in places.items()),
        "species": "\n".join(
            f"{name} {material.masses[name]} {file}" for name, file in material.pseudopotentials.items()
        ),
    }
    own = {
        "scf": ("", "K_POINTS automatic\n" + " ".join(map(str, [*material.density_mesh, 0, 0, 0]))),
        "nscf": (
            f", nosym=.true., noinv=.true., nbnd={material.bands + material.more_bands}",
            f"K_POINTS crystal\n{len(points)}\n{rows(weighted)}",
        ),
    }
    for name, (settings, listed) in own.items():
        text = PW.format(calculation=name, settings=material.settings + settings, points=listed, **crystal)
        (folder / f"{name}.in").write_text(text)
    excluded = f"\nexclude_bands={material.bands + 1}-{material.bands + material.more_bands}"
    spin = ", write_spn=.true., spn_formatted=.true." if material.spinors else ""
    for name in dict.fromkeys([material.all_bands, material.seed]):
        functions = name == material.seed
        win = WIN.format(
            functions=material.functions,
            bands=material.bands if functions else material.bands + material.more_bands,
            excluded=excluded if functions and material.more_bands else "",
            subspace="dis_num_iter=2000\ndis_conv_tol=1e-12" if material.disentangled else "dis_num_iter=0",
            frozen=material.frozen,
            neighbours=f"\nshell_list={material.neighbours}" if material.neighbours else "",
            spinors="spinors=.true." if material.spinors else "",
            lattice=crystal["lattice"],
            atoms=crystal["atoms"],
            projections="\n".join(material.projections),
            mesh=" ".join(map(str, mesh)),
            points=rows(points),
        )
        (folder / f"{name}.win").write_text(win)
        wanted = {"functions": ".true.", "spin": spin} if functions else {"functions": ".false.", "spin": ""}
        (folder / f"{name}.pw2wan").write_text(PW2WAN.format(seed=material.seed, name=name, **wanted))
    for file in material.pseudopotentials.values():
        shutil.copyfile(pseudo / file, folder / file)


def run(
    folder: Path,
    command: Sequence[str],
    output: str,
    signs: Sequence[str],
    log: str | None = None,
    given: Path | None = None,
) -> str:
    """Run a program in the folder; its output, or the end of it as an error if a sign of success is missing.

    `log` is a file that the program writes by itself, `given` one that it reads as its standard input.
    """
    with (folder / output).open("w") as file, (given or Path(os.devnull)).open() as source:
        status = subprocess.run(
            command, cwd=folder, stdin=source, stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode
    names = dict.fromkeys([output, *([log] if log else [])])
    text = "\n".join((folder / name).read_text(errors="replace") for name in names if (folder / name).exists())
    missing = [sign for sign in signs if sign not in text]
    if status or missing:
        tail = "\n".join(text.rstrip().splitlines()[-20:])
        reason = f"ended with status {status}" if status else f"ended without {missing[0]!r}"
        sys.exit(f"run_dft: {' '.join(command)} {reason} in {folder}; the end of its output:\n{tail}")
    return text


def generate(material: Material, folder: Path) -> None:
    """Pseudopotentials from the all-electron atoms; seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in material.atoms:
        source = (material.generators / f"{name}.in").resolve()
        run(folder, ["ld1.x"], f"{name}.out", ["End of pseudopotential test"], given=source)


def compute(
    material: Material, folder: Path, displacements: Mapping[str, np.ndarray], pseudo: Path, mesh: tuple[int, int, int]
) -> dict:
    """One snapshot: leaves SEED_tb.dat, SEED.chk and the wave functions in the folder, returns what else is of use."""
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(material, folder, displacements, pseudo, mesh)
    seed = material.seed
    scf = run(folder, ["pw.x", "-in", "scf.in"], "scf.out", ["convergence has been achieved", "JOB DONE"])
    run(folder, ["pw.x", "-in", "nscf.in"], "nscf.out", ["JOB DONE"])
    for name in dict.fromkeys([material.all_bands, seed]):
        run(folder, ["wannier90.x", "-pp", name], "pp.out", [f"{name}.nnkp written"], f"{name}.wout")
        run(folder, ["pw2wannier90.x", "-in", f"{name}.pw2wan"], "pw2wan.out", ["JOB DONE"])
    # how far the disentanglement gets must not depend on the phase, or the cycle is not smooth
    signs = ["Disentanglement convergence criteria satisfied"] if material.disentangled else []
    wout = run(folder, ["wannier90.x", seed], "wannier.out", [*signs, "All done"], f"{seed}.wout")
    energy = re.search(r"^!\s+total energy\s+=\s+(\S+) Ry", scf, re.MULTILINE)
    forces = re.findall(r"atom\s+\d+ type\s+\d+\s+force =\s+(\S+)\s+(\S+)\s+(\S+)", scf)[: len(material.atoms)]
    versions = re.search(r"Program PWSCF v\.(\S+)", scf), re.search(r"Release: (\S+)", wout)
    if energy is None or len(forces) < len(material.atoms) or None in versions:
        sys.exit(f"run_dft: no energy, forces or version in {folder / 'scf.out'} and {seed}.wout")
    return {
        "mesh": max(mesh),
        "displacements": {name: vector.round(12).tolist() for name, vector in displacements.items()},
        "energy_Ry": float(energy[1]),
        "forces": {
            name: (np.array(force, float) * RYDBERG_PER_BOHR).round(6).tolist()
            for name, force in zip(material.atoms, forces, strict=True)
        },
        "seconds": round(time.perf_counter() - start, 1),
        "versions": dict(zip(("Quantum ESPRESSO", "Wannier90"), (found[1] for found in versions), strict=True)),
    }


def shortened(text: str, title: str, digits: int) -> str:
    """A _tb.dat file without digits that are noise, and with a title that does not change with the date."""
    lines = [title]
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 3 and "." in words[-1]:
            # indices stay; zero without a sign
            words = [word if "." not in word else f"{round(float(word), digits) + 0.0:.{digits}f}" for word in words]
            # 0.100000000 as 0.1
            words = [word.rstrip("0").removesuffix(".") or "0" if "." in word else word for word in words]
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def arguments(material: Material, description: str, home: Path) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if material.generators is None:
        parser.add_argument("--pseudo", type=Path, required=True, help="folder with the pseudopotentials")
    parser.add_argument("--output", type=Path, default=home / "wannier", help="where results go")
    parser.add_argument(
        "--scratch", type=Path, help="where the programs run (default: OUTPUT/runs, in the end removed)"
    )
    parser.add_argument("--amplitudes", type=float, nargs="+", default=list(material.amplitudes), help="u in Angstrom")
    parser.add_argument(
        "--mesh", type=int, default=max(material.mesh), help="points of the Wannier functions along each side"
    )
    parser.add_argument("--phases", type=int, default=8, help="snapshots in a cycle")
    parser.add_argument(
        "--pattern",
        type=float,
        nargs=len(material.atoms),
        default=material.optical,
        metavar=tuple(material.atoms),
        help="displacements in units of u",
    )
    return parser.parse_args()


def known(file: Path, displacements: Mapping[str, np.ndarray], mesh: int) -> dict | None:
    """What was recorded of a snapshot, if it was the one that is asked for now."""
    if not file.exists():
        return None
    found = json.loads(file.read_text())
    places = found["displacements"]
    same = all(np.allclose(places.get(atom, np.nan), u, atol=1e-10) for atom, u in displacements.items())
    if not same or found["mesh"] != mesh:
        sys.exit(
            f"run_dft: {file.parent} is a run with other displacements or another mesh; remove it or give another "
            "--output"
        )
    return found


def collect(material: Material, folders: Sequence[Path], target: Path) -> dict[int, float]:
    """From the files of a circle of snapshots to a cycle.

    Returns what all bands give by their number, the perturbative part about z in e omega Angstrom^2 a cell.
    """
    seed = material.seed
    waves = [folder / "out" / f"{seed}.save" for folder in folders]
    checkpoints = [folder / f"{seed}.chk" for folder in folders]
    snapshots = ab.io.read_snapshots(checkpoints, dimension=material.dimension, spin=material.spinors)
    motion = ab.io.read_motion(waves, checkpoints, snapshots, material.occupied)
    cycle = ab.Cycle(snapshots, motion=motion)
    bands = ab.io.read_bands(
        waves,
        [folder / material.all_bands for folder in folders],
        material.occupied,
        dimension=material.dimension,
        common=cycle,
    )
    part = ab.perturbative_by_bands(bands).perturbative.sel(component="z") * cycle.lattice.measure
    ab.io.save_cycle(cycle, target, resolution=10.0**-material.digits)
    return {int(count): float(value) for count, value in zip(part.bands.values, part.values, strict=True)}


def main(material: Material, description: str, home: Path) -> None:
    """Compute what is missing; `home` is the folder of the example."""
    given = arguments(material, description, home)
    for program in material.programs:
        if shutil.which(program) is None:
            sys.exit(f"run_dft: {program} not found; on Debian: apt install quantum-espresso wannier90")
    if material.generators is None:
        for file in material.pseudopotentials.values():
            if not (given.pseudo / file).is_file():
                sys.exit(f"run_dft: no {file} in {given.pseudo}; README.md says where it comes from")

    scratch = given.scratch or given.output / "runs"
    pseudo = given.pseudo if material.generators is None else scratch / "pseudopotentials"
    record_path = given.output / "record.json"
    record = json.loads(record_path.read_text()) if record_path.exists() else {}
    asked = material.snapshots(given.amplitudes, given.phases, given.pattern)
    wanted = {u: given.output / f"u{u:g}.nc" for u in given.amplitudes}
    missing = [name for name in asked if name == "equilibrium" or not wanted[float(name[1:].split("/")[0])].exists()]
    for number, name in enumerate(missing, start=1):
        print(f"{number:3d}/{len(missing)} {name:16}", end=" ", flush=True)
        folder = scratch / name
        found = known(folder / "result.json", asked[name], given.mesh)
        if found is None:
            if material.generators is not None and not pseudo.exists():
                generate(material, pseudo)
            found = compute(material, folder, asked[name], pseudo, material.points(given.mesh))
            replace(folder / "result.json", json.dumps(found).encode())
            print(f"{found['seconds']:.0f} s")
        else:
            print("is there")
        record[name] = found
    text = (scratch / "equilibrium" / f"{material.seed}_tb.dat").read_text()
    text = shortened(text, f"{material.title}, equilibrium", material.digits)
    replace(given.output / "equilibrium_tb.dat.gz", gzip.compress(text.encode(), 9, mtime=0))
    for u, target in wanted.items():
        if not target.exists():
            folders = [scratch / f"u{u:g}" / f"phase{j}" for j in range(given.phases)]
            record[f"u{u:g}"] = {"perturbative": collect(material, folders, target)}
            print(f"{target}")
    replace(record_path, (json.dumps(record, indent=1) + "\n").encode())
    if given.scratch is None:
        shutil.rmtree(scratch)
