"""Anomalous Hall conductivity of bcc Fe at 101 Fermi energies: one pass of WannierBerri against one of adiabloch.

    pip install wannierberri==26.10 numba
    python benchmarks/fermi_scan.py ../shared/data/Fe_tb.dat.gz

The same file, uniform mesh and Fermi energies, T = 0, steps at the points, one thread each, no symmetry, reading the
file not counted. Both run twice and the second run counts. Prints times, their ratio and the largest difference.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import contextlib
import io
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import adiabloch as ab

FERMI = np.linspace(17.0, 18.0, 101)


def theirs(tb: Path, n: int) -> tuple[np.ndarray, float]:
    """Integrals of f Omega, (Fermi energies, 3), and seconds."""
    sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
    from wannierberri import Grid, System_R, run
    from wannierberri.calculators import static

    with contextlib.redirect_stdout(io.StringIO()):
        system = System_R.from_tb_dat(str(tb), berry=True, silent=True)
        best = np.inf
        for _ in range(2):
            began = time.perf_counter()
            calculators = {"hall": static.AHC(Efermi=FERMI, tetra=False, constant_factor=1.0, degen_thresh=-1)}
            grid = Grid(system, NK=n, use_symmetry=False)
            options = {"use_irred_kpt": False, "symmetrize": False, "parallel": False}
            result = run(system, grid, calculators, fout_name=str(tb.with_suffix("")), **options)
            best = time.perf_counter() - began
    return result.results["hall"].data, best


def ours(model: ab.models.WannierModel, n: int) -> tuple[np.ndarray, float]:
    """The same."""
    with ThreadPoolExecutor(1) as executor:
        for _ in range(2):
            began = time.perf_counter()
            hall = ab.anomalous_hall(model, FERMI, mesh=n, executor=executor)
            seconds = time.perf_counter() - began
    return -hall.total.values, seconds


def main() -> None:
    """Print the comparison for several meshes."""
    model = ab.io.read_tb(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        tb = Path(folder) / "crystal_tb.dat"
        # what was read, Hermitian: the file itself is so up to a percent only
        ab.io.write_tb(model, tb)
        for n in (8, 12, 16):
            (a, slow), (b, fast) = theirs(tb, n), ours(model, n)
            off = np.abs(a - b).max() / np.abs(a).max()
            print(f"{n}^3 points: {slow:.2f} s and {fast:.2f} s, ratio {slow / fast:.1f}, apart by {off:.1e}")


if __name__ == "__main__":
    main()
