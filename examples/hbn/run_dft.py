"""Wannier functions of monolayer hexagonal boron nitride while its atoms turn, from density-functional theory.

For every amplitude and phase theta_j = 2 pi j/N, B is displaced by u m_N/(m_B + m_N) (cos, sin)(theta_j) and N by
-u m_B/(m_B + m_N) (cos, sin)(theta_j): the optical E' phonon at Gamma, circularly polarized, with relative displacement
u and the centre of mass at rest. Each snapshot takes pw.x (twice), wannier90.x -pp, pw2wannier90.x and wannier90.x.

Run it: python run_dft.py --pseudo DIR. Snapshots that are there already are not computed again. README.md says where
the programs and the two pseudopotentials come from, and what the files are.
"""

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LATTICE = np.array([[2.504, 0.0, 0.0], [-1.252, 1.252 * np.sqrt(3), 0.0], [0.0, 0.0, 12.0]])
ATOMS = {"B": (LATTICE[0] + 2 * LATTICE[1]) / 3, "N": (2 * LATTICE[0] + LATTICE[1]) / 3}
MASSES = {"B": 10.811, "N": 14.007}
PSEUDOPOTENTIALS = {"B": "B.pbe-n-kjpaw_psl.0.1.UPF", "N": "N.pbe-n-kjpaw_psl.0.1.UPF"}
PROGRAMS = ("pw.x", "pw2wannier90.x", "wannier90.x")
DIGITS = 9
"""Digits behind the point, in eV and Angstrom, that are kept of what Wannier90 writes."""
RYDBERG_PER_BOHR = 25.711043
"""In eV per Angstrom."""

PW = """\
&control
calculation='{calculation}', prefix='hbn', outdir='./out', pseudo_dir='.', verbosity='high', tprnfor=.true.
/
&system
ibrav=0, nat=2, ntyp=2, ecutwfc=40.0, ecutrho=320.0, occupations='fixed', assume_isolated='2D',{system}
/
&electrons
conv_thr=1e-13, mixing_beta=0.4
/
CELL_PARAMETERS angstrom
{lattice}
ATOMIC_SPECIES
{species}
ATOMIC_POSITIONS angstrom
{atoms}
{points}
"""
# Energies count from the vacuum. -4 eV lies in the gap: the four occupied bands are kept as they are, and the fifth
# Wannier function takes its share of all the bands above.
WIN = """\
num_wann=5
num_bands=12
num_iter=0
dis_num_iter=2000
dis_conv_tol=1e-12
dis_froz_max=-4.0
write_tb=.true.
guiding_centres=.false.
begin unit_cell_cart
ang
{lattice}
end unit_cell_cart
begin atoms_cart
ang
{atoms}
end atoms_cart
begin projections
N:s
N:px
N:py
N:pz
B:pz
end projections
mp_grid={mesh} {mesh} 1
begin kpoints
{points}
end kpoints
"""
PW2WAN = """\
&inputpp
outdir='./out', prefix='hbn', seedname='hbn', write_mmn=.true., write_amn=.true., write_unk=.false.
/
"""


def rows(array: np.ndarray) -> str:
    """Numbers, one row a line."""
    return "\n".join(" ".join(f"{x:.12f}" for x in row) for row in array)


def write_inputs(folder: Path, displacements: dict[str, np.ndarray], pseudo: Path, mesh: int) -> None:
    """All that the programs read."""
    side = np.arange(mesh) / mesh
    points = np.stack([*np.meshgrid(side, side, indexing="ij"), np.zeros((mesh, mesh))], axis=-1).reshape(-1, 3)
    weighted = np.column_stack([points, np.full(len(points), 1 / len(points))])
    atoms = "\n".join(f"{name} {rows([place + displacements[name]])}" for name, place in ATOMS.items())
    crystal = {
        "lattice": rows(LATTICE),
        "atoms": atoms,
        "species": "\n".join(f"{name} {MASSES[name]} {file}" for name, file in PSEUDOPOTENTIALS.items()),
    }
    own = {
        "scf": {"system": "", "points": "K_POINTS automatic\n9 9 1 0 0 0"},
        "nscf": {
            "system": " nosym=.true., noinv=.true., nbnd=12",
            "points": f"K_POINTS crystal\n{len(points)}\n{rows(weighted)}",
        },
    }
    for name, part in own.items():
        (folder / f"{name}.in").write_text(PW.format(calculation=name, **crystal, **part))
    win = WIN.format(lattice=crystal["lattice"], atoms=atoms, mesh=mesh, points=rows(points))
    (folder / "hbn.win").write_text(win)
    (folder / "pw2wan.in").write_text(PW2WAN)
    for file in PSEUDOPOTENTIALS.values():
        link = folder / file
        link.unlink(missing_ok=True)
        link.symlink_to((pseudo / file).resolve())


def run(folder: Path, command: list[str], output: str, signs: list[str], log: str | None = None) -> str:
    """Run a program in the folder; its output, or the end of it as an error if a sign of success is missing."""
    with (folder / output).open("w") as file:
        status = subprocess.run(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    names = dict.fromkeys([output, *([log] if log else [])])
    text = "\n".join((folder / name).read_text(errors="replace") for name in names if (folder / name).exists())
    missing = [sign for sign in signs if sign not in text]
    if status or missing:
        tail = "\n".join(text.rstrip().splitlines()[-20:])
        reason = f"ended with status {status}" if status else f"ended without {missing[0]!r}"
        sys.exit(f"run_dft: {' '.join(command)} {reason} in {folder}; the end of its output:\n{tail}")
    return text


def compute(folder: Path, displacements: dict[str, np.ndarray], pseudo: Path, mesh: int) -> dict:
    """One snapshot: leaves hbn_tb.dat in the folder, returns what else is worth keeping."""
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(folder, displacements, pseudo, mesh)
    scf = run(folder, ["pw.x", "-in", "scf.in"], "scf.out", ["convergence has been achieved", "JOB DONE"])
    run(folder, ["pw.x", "-in", "nscf.in"], "nscf.out", ["JOB DONE"])
    run(folder, ["wannier90.x", "-pp", "hbn"], "pp.out", ["hbn.nnkp written"], "hbn.wout")
    run(folder, ["pw2wannier90.x", "-in", "pw2wan.in"], "pw2wan.out", ["JOB DONE"])
    # how far the disentanglement gets must not depend on the phase, or the cycle is not smooth
    signs = ["Disentanglement convergence criteria satisfied", "All done"]
    wout = run(folder, ["wannier90.x", "hbn"], "wannier.out", signs, "hbn.wout")
    energy = re.search(r"^!\s+total energy\s+=\s+(\S+) Ry", scf, re.MULTILINE)
    forces = re.findall(r"atom\s+\d+ type\s+\d+\s+force =\s+(\S+)\s+(\S+)\s+(\S+)", scf)[: len(ATOMS)]
    versions = re.search(r"Program PWSCF v\.(\S+)", scf), re.search(r"Release: (\S+)", wout)
    if energy is None or len(forces) < len(ATOMS) or None in versions:
        sys.exit(f"run_dft: no energy, forces or version in {folder / 'scf.out'} and hbn.wout")
    return {
        "mesh": mesh,
        "displacements": {name: vector.round(12).tolist() for name, vector in displacements.items()},
        "energy_Ry": float(energy[1]),
        "forces": {
            name: (np.array(force, float) * RYDBERG_PER_BOHR).round(6).tolist()
            for name, force in zip(ATOMS, forces, strict=True)
        },
        "seconds": round(time.perf_counter() - start, 1),
        "versions": dict(zip(("Quantum ESPRESSO", "Wannier90"), (found[1] for found in versions), strict=True)),
    }


def shortened(text: str, title: str) -> str:
    """A _tb.dat file without digits that are noise, and with a title that does not change with the date."""
    lines = [title]
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 3 and "." in words[-1]:
            # indices stay; zero without a sign
            words = [word if "." not in word else f"{round(float(word), DIGITS) + 0.0:.{DIGITS}f}" for word in words]
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


def snapshots(amplitudes: list[float], phases: int, pattern: list[float]) -> dict[str, dict[str, np.ndarray]]:
    """Displacements of the atoms by the name of the snapshot."""
    at_rest = {"equilibrium": {name: np.zeros(3) for name in ATOMS}}
    circles = {
        f"u{u:g}/phase{j}": {
            name: share * u * np.array([np.cos(2 * np.pi * j / phases), np.sin(2 * np.pi * j / phases), 0.0])
            for name, share in zip(ATOMS, pattern, strict=True)
        }
        for u in amplitudes
        for j in range(phases)
    }
    return at_rest | circles


def main() -> None:
    """Compute what is missing."""
    total = sum(MASSES.values())
    optical = [MASSES["N"] / total, -MASSES["B"] / total]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pseudo", type=Path, required=True, help="folder with the two pseudopotentials")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "wannier", help="where results go")
    parser.add_argument("--scratch", type=Path, help="where the programs run (default: a temporary folder)")
    parser.add_argument("--amplitudes", type=float, nargs="+", default=[0.02, 0.04], help="u in Angstrom")
    parser.add_argument("--mesh", type=int, default=6, help="points of the Wannier functions along each side")
    parser.add_argument("--phases", type=int, default=8, help="snapshots in a cycle")
    parser.add_argument(
        "--pattern", type=float, nargs=2, default=optical, metavar=("B", "N"), help="displacements in units of u"
    )
    given = parser.parse_args()
    for program in PROGRAMS:
        if shutil.which(program) is None:
            sys.exit(f"run_dft: {program} not found; on Debian: apt install quantum-espresso wannier90")
    for file in PSEUDOPOTENTIALS.values():
        if not (given.pseudo / file).is_file():
            sys.exit(f"run_dft: no {file} in {given.pseudo}; README.md says where it comes from")

    record_path = given.output / "record.json"
    record = json.loads(record_path.read_text()) if record_path.exists() else {}
    scratch = given.scratch or Path(tempfile.mkdtemp(prefix="hbn-"))
    asked = snapshots(given.amplitudes, given.phases, given.pattern)
    for number, (name, displacements) in enumerate(asked.items(), start=1):
        target = given.output / f"{name}_tb.dat.gz"
        print(f"{number:3d}/{len(asked)} {name:16}", end=" ", flush=True)
        if target.exists():
            known = record.get(name, {})
            places = known.get("displacements", {})
            same = all(np.allclose(places.get(atom, np.nan), u, atol=1e-10) for atom, u in displacements.items())
            if not same or known.get("mesh") != given.mesh:
                print()
                sys.exit(
                    f"run_dft: {target} is there with other displacements or another mesh; remove it or give another "
                    "--output"
                )
            print("is there")
            continue
        folder = scratch / name
        record[name] = compute(folder, displacements, given.pseudo, given.mesh)
        replace(record_path, (json.dumps(record, indent=1) + "\n").encode())
        text = shortened((folder / "hbn_tb.dat").read_text(), f"monolayer hBN, {name}")
        replace(target, gzip.compress(text.encode(), 9, mtime=0))
        shutil.rmtree(folder / "out")
        print(f"{record[name]['seconds']:.0f} s")
    if given.scratch is None:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
