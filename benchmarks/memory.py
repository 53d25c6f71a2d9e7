"""Largest memory of one process for large calculations, each run in part: `make bench-memory`.

Each case runs in a process of its own for some seconds, long after the memory has stopped to grow; then its largest
resident memory is read. Needs Linux. The table is printed, and written to a Markdown file with ``--write``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import textwrap
from pathlib import Path

CEILING = 500.0
"""Stated ceiling in MB, if the model itself fits."""
SECONDS = 90
"""Time after which a case is stopped."""
IRON = Path(__file__).parents[2] / "shared" / "data" / "Fe_tb.dat.gz"
"""bcc Fe, 18 Wannier functions, 313 lattice vectors; the case is left out where the file is missing."""
RANDOM = """
rng = np.random.default_rng(1)
def blocks(orbitals, vectors, dimension):
    found = {(0,) * dimension: np.diag(np.linspace(-5.0, 5.0, orbitals)).astype(complex)}
    while len(found) < vectors:
        R = tuple(int(n) for n in rng.integers(-4, 5, dimension))
        if R not in found and tuple(-n for n in R) not in found:
            h = rng.normal(size=(orbitals, orbitals)) + 1j * rng.normal(size=(orbitals, orbitals))
            found[R] = 0.01 * np.exp(-sum(map(abs, R))) * h
    return found
def wannier(orbitals, vectors):
    hoppings = blocks(orbitals, vectors, 3)
    positions = {R: np.zeros((orbitals, orbitals, 3), dtype=complex) for R in hoppings}
    for R, r in positions.items():
        r += 0.1 * (hoppings[R] if any(R) else np.zeros((orbitals, orbitals)))[:, :, None]
    return ab.models.WannierModel(np.eye(3), None, hoppings, positions)
"""
CASES = {
    "paper's model, pumped magnetization, 4096 x 4096 x 32 points": """
        cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.2, 0.1), 0.1)
        ab.pumped_magnetization(cycle, 1, mesh=[4096, 4096, 32], limit=2**30)
    """,
    "bcc Fe (18 functions, 313 vectors), anomalous Hall effect, 100 x 100 x 100 points": """
        model = ab.io.read_tb(IRON)
        ab.anomalous_hall(model, np.linspace(17.0, 18.0, 101), 0.01, mesh=[100, 100, 100])
    """,
    "bcc Fe, anomalous Hall effect by adaptive boxes, 101 chemical potentials": """
        model = ab.io.read_tb(IRON)
        ab.anomalous_hall(model, np.linspace(17.0, 18.0, 101), 0.01, tolerance=1e-2)
    """,
    "3D, 9 components, 1000 chemical potentials, 8 temperatures, 32 x 32 x 32 points": """
        model = ab.TightBinding(np.eye(3), np.zeros((4, 3)), blocks(4, 20, 3))
        mu, kT = np.linspace(-5, 5, 1000), np.linspace(0.05, 0.4, 8)
        ab.berry_curvature_dipole(model, mu, kT, mesh=[32, 32, 32])
    """,
    "the same by adaptive boxes": """
        model = ab.TightBinding(np.eye(3), np.zeros((4, 3)), blocks(4, 20, 3))
        mu, kT = np.linspace(-5, 5, 1000), np.linspace(0.05, 0.4, 8)
        ab.berry_curvature_dipole(model, mu, kT, tolerance=3e-2)
    """,
    "400 orbitals, 300 vectors, anomalous Hall effect, 4 x 4 x 4 points (the model itself: 771 MB)": """
        model = ab.TightBinding(np.eye(3), np.zeros((400, 3)), blocks(400, 151, 3))
        ab.anomalous_hall(model, [0.0], 0.05, mesh=[4, 4, 4])
    """,
    "the same with a position matrix (the model itself: 3082 MB), when it is made": """
        model = wannier(400, 151)
    """,
    "the same, anomalous Hall effect (beside the matrices that were given)": """
        model = wannier(400, 151)
        forget_peak()
        ab.anomalous_hall(model, [0.0], 0.05, mesh=[4, 4, 4])
    """,
}
PROGRAM = """
import ctypes, os, sys, threading, warnings
warnings.simplefilter("ignore")
import numpy as np
import adiabloch as ab
IRON = {iron!r}
{random}
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
def forget_peak():
    # memory that the model itself does not need is returned, and the largest memory is counted from here
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
def stop():
    print("peak", peak(), "stopped", flush=True)
    os._exit(0)
timer = threading.Timer({seconds}, stop)
timer.daemon = True
timer.start()
{case}
print("peak", peak(), "whole", flush=True)
os._exit(0)
"""


def measured(case: str, seconds: float) -> tuple[float, str]:
    """Largest resident memory in MB, and "whole" or "stopped"."""
    program = PROGRAM.format(iron=str(IRON), random=RANDOM, seconds=seconds, case=textwrap.dedent(case))
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    words = found.stdout.split()
    if len(words) < 3:
        raise SystemExit(found.stderr[-2000:])
    return float(words[-2]), words[-1]


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--write", type=Path, help="Markdown file for the table")
    arguments = parser.parse_args()
    rows = ["| calculation | run | largest memory (MB) |", "| --- | --- | --- |"]
    empty, _ = measured("", arguments.seconds)
    rows.append(f"| import of adiabloch and NumPy alone | whole | {empty:.0f} |")
    for name, case in CASES.items():
        if "IRON" in case and not IRON.exists():
            continue
        peak, run = measured(case, arguments.seconds)
        rows.append(f"| {name} | {'whole' if run == 'whole' else f'{arguments.seconds:.0f} s of it'} | {peak:.0f} |")
        print(rows[-1], flush=True)
    text = "\n".join(rows) + "\n"
    print(text)
    if arguments.write is not None:
        arguments.write.write_text(text)


if __name__ == "__main__":
    main()
