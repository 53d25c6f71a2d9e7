"""Reference numbers from WannierBerri: bands, curvature, anomalous Hall effect and orbital magnetization of crystals.

    pip install wannierberri==26.10 numba
    python benchmarks/wannierberri.py ../shared/data

writes `tests/references/wannierberri.json`. Nothing here comes from adiabloch. The crystals:

- Haldane's model in its Chern phase, whose hoppings the file records;
- GaAs from first principles, with a Hermitian matrix added on site and one hopping to a neighbouring cell. The file
  comes from 2 x 2 x 2 k points, where R and -R are the same: H(-k) = H(k), and what the position matrix does to the
  Hall effect cancels between k and -k, whatever is added on site. The hopping breaks that;
- bcc Fe from first principles, as it is.

Sums run over the mesh k = (i1/n1, i2/n2, i3/n3) of reduced wave vectors, without symmetry, refinement, tetrahedra or
smearing. Units: eV and Angstrom (or those of the model), hbar = 1, [dk] = d^dk/(2 pi)^d:

    hall   = sum_n int [dk] f Omega_n                 sigma_xy = -(e^2/hbar) hall_z
    moment = sum_n int [dk] (f m_n + g Omega_n)       M0 = (e/hbar) moment, e < 0
    m_n    = (1/2) sum_{m != n} A_nm x v_mn,  f = 1/(1 + exp((E - mu)/kT)),  g = -kT log(1 + exp((mu - E)/kT))

At kT = 0 they come from WannierBerri's own Fermi-sea integrals, at kT > 0 from the energies, curvatures and moments
that it tabulates band by band. `hall` knows the position matrix; `moment` is made of internal terms only, that is of H
and the centres of the Wannier functions.

`points` is a small mesh that misses the points of symmetry: the energies of all bands at each k, and the curvature of
all bands below a Fermi energy, Omega = curl A with A = i <u|d_k u>, internal and external terms together, as vectors
(x, y, z) = (yz, zx, xy) in squared Angstrom.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import contextlib
import gzip
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

# this script has the name of what it imports: its own folder must not come first
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]

TARGET = Path(__file__).parents[1] / "tests" / "references" / "wannierberri.json"
INTERNAL = {"external_terms": False}
SIDE, OFFSET = 4, (0.37, 0.23, 0.11)
"""Points k = (i + offset)/side in reduced coordinates: none is its own mirror image, nor that of another."""


def write_tb(path: Path, vectors: Any, hoppings: dict[tuple[int, ...], Any], positions: dict[Any, Any]) -> None:
    """A `_tb.dat` file with all digits: {R: (n, n)} and {R: (n, n, 3)}."""
    n = len(next(iter(hoppings.values())))
    with path.open("w") as file:
        file.write("written by a benchmark\n")
        np.savetxt(file, vectors, fmt="%24.16e")
        file.write(f"{n}\n{len(hoppings)}\n")
        for first in range(0, len(hoppings), 15):
            file.write(" 1" * min(15, len(hoppings) - first) + "\n")
        for blocks in (hoppings, positions):
            for R in hoppings:
                file.write("\n{:5d}{:5d}{:5d}\n".format(*R))
                block = np.asarray(blocks[R], complex).reshape(n, n, -1)
                for j, i in np.ndindex(n, n):
                    numbers = " ".join(f"{z.real:24.16e} {z.imag:24.16e}" for z in block[i, j])
                    file.write(f"{i + 1:5d}{j + 1:5d} {numbers}\n")


def read_tb(path: Path) -> tuple[Any, dict[tuple[int, ...], Any], dict[tuple[int, ...], Any]]:
    """Lattice, hoppings and positions of a `_tb.dat` file, weights divided out and averaged with their partners.

    Position matrices that Wannier90 takes by finite differences are Hermitian up to a few percent only; WannierBerri
    would leave them so.
    """
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    lines = iter(text.splitlines()[1:])
    vectors = np.array([next(lines).split() for _ in range(3)], float)
    n, count = int(next(lines)), int(next(lines))
    weights: list[int] = []
    while len(weights) < count:
        weights += map(int, next(lines).split())
    sections = []
    for _ in range(2):
        section = {}
        for weight in weights:
            next(lines)
            R = tuple(map(int, next(lines).split()))
            numbers = np.array([next(lines).split()[2:] for _ in range(n * n)], float) / weight
            section[R] = (numbers[:, ::2] + 1j * numbers[:, 1::2]).reshape(n, n, -1).swapaxes(0, 1)
        sections.append(section)
    h, r = (
        {R: 0.5 * (X + blocks[tuple(-x for x in R)].conj().swapaxes(0, 1)) for R, X in blocks.items()}
        for blocks in sections
    )
    return vectors, {R: block[..., 0] for R, block in h.items()}, r


def haldane(delta: float, t2: float, phi: float) -> tuple[Any, Any, dict[tuple[int, ...], Any]]:
    """Lattice vectors, positions and hoppings: nearest neighbours with 1, second ones of A with t2 exp(i phi)."""
    vectors = np.array([[np.sqrt(3), 0, 0], [np.sqrt(3) / 2, 1.5, 0], [0, 0, 1]])
    positions = np.array([[0.0, 0, 0], [0, -1, 0]])
    bonds = [(R, i, i, t2 * np.exp(1j * phi * (1 - 2 * i))) for R in ((1, 0), (-1, 1), (0, -1)) for i in (0, 1)]
    bonds += [(R, 0, 1, 1.0) for R in ((0, 0), (0, 1), (-1, 1))]
    hoppings = {(0, 0, 0): np.diag([delta, -delta]).astype(complex)}
    for (x, y), i, j, amplitude in bonds:
        block = np.zeros((2, 2), complex)
        block[i, j] = amplitude
        hoppings[x, y, 0] = hoppings.get((x, y, 0), 0) + block
        hoppings[-x, -y, 0] = hoppings.get((-x, -y, 0), 0) + block.conj().T
    return vectors, positions, hoppings


def added(n: int) -> dict[tuple[int, ...], Any]:
    """What is added to the hoppings of GaAs, in eV; i, j = 1..n.

    On site 0.3 [cos(1.7 i) on the diagonal, 0.1 i sign(j - i) sin(i j) off it]; at R = (1, 0, 0)
    0.05 [cos(i + 2 j) + i sin(3 i - j)], and its partner.
    """
    i = np.arange(1, n + 1)[:, None]
    j = i.T
    home = 0.3 * (np.diag(np.cos(1.7 * i[:, 0])) + 0.1j * np.sign(j - i) * np.sin(i * j))
    hop = 0.05 * (np.cos(i + 2 * j) + 1j * np.sin(3 * i - j))
    return {(0, 0, 0): home, (1, 0, 0): hop, (-1, 0, 0): hop.conj().T}


def computed(tb: Path, mesh: list[int], fermi: Any, temperatures: list[float]) -> tuple[dict[str, Any], float]:
    """The numbers and the time that WannierBerri took for them, reading the file not counted."""
    from wannierberri import Grid, System_R, run
    from wannierberri.calculators import static, tabulate
    from wannierberri.formula.covariant import morb

    system = System_R.from_tb_dat(str(tb), berry=True, periodic=[n > 1 for n in mesh], silent=True)
    start = time.perf_counter()
    # the whole mesh as one FFT: it starts at k = 0
    grid = Grid(system, NK=mesh, NKFFT=mesh, use_symmetry=False)
    # without a threshold: nearly degenerate levels count one by one, where they are
    sea: dict[str, Any] = {"Efermi": fermi, "tetra": False, "constant_factor": 1.0, "degen_thresh": -1}
    band: dict[str, Any] = {"degen_thresh": -1}
    result = run(
        system,
        grid,
        {
            "hall": static.AHC(**sea),
            "moment": static.Morb(kwargs_formula=INTERNAL, **sea),
            "electrons": static.CumDOS(**sea),
            "bands": tabulate.TabulatorAll(
                {
                    "Energy": tabulate.Energy(**band),
                    "whole": tabulate.BerryCurvature(**band),
                    "internal": tabulate.BerryCurvature(kwargs_formula=INTERNAL, **band),
                    "moment": tabulate.Tabulator(morb, kwargs_formula=INTERNAL, **band),
                },
                mode="grid",
            ),
        },
        use_irred_kpt=False,
        symmetrize=False,
        parallel=False,
        fout_name=str(tb.with_suffix("")),
    )
    # what was tabulated, and where
    table = result.results["bands"]
    assert sorted(map(tuple, np.rint(table.kpoints % 1 * mesh).astype(int) % mesh)) == sorted(np.ndindex(*mesh))
    assert np.abs(table.kpoints * mesh - np.rint(table.kpoints * mesh)).max() < 1e-9
    E, whole, internal, moment = (
        np.asarray(table.results[name].data) for name in ("Energy", "whole", "internal", "moment")
    )
    volume, count = system.cell_volume, len(E)
    # WannierBerri's moments are H - E Omega and H + (E - 2 mu) Omega, twice those above, per cell
    found = {
        0.0: {
            "hall": result.results["hall"].data,
            "moment": 0.5 * result.results["moment"].data / volume,
            "electrons": result.results["electrons"].data,
        }
    }
    for kT in temperatures:
        x = (E - fermi[:, None, None]) / kT
        f, g = np.exp(-np.logaddexp(0, x)), -kT * np.logaddexp(0, -x)
        found[kT] = {
            "hall": np.einsum("fkn,knc->fc", f, whole) / (count * volume),
            "moment": np.einsum("fkn,knc->fc", f, 0.5 * moment) / (count * volume)
            + np.einsum("fkn,knc->fc", g, internal) / (count * volume),
            "electrons": f.sum(axis=(1, 2)) / count,
        }
    seconds = time.perf_counter() - start
    # the steps must be where they belong: no level at a Fermi energy
    distance = float(np.abs(E.reshape(-1, 1) - fermi).min())
    assert distance > 1e-4, f"a level {distance:.1e} from a Fermi energy"
    step = (fermi[:, None, None] > E).astype(float)
    by_hand = np.einsum("fkn,knc->fc", step, whole) / (count * volume)
    assert np.abs(by_hand - found[0.0]["hall"]).max() < 1e-9 * np.abs(by_hand).max()
    by_hand = np.einsum("fkn,knc->fc", step, 0.5 * moment) + np.einsum(
        "fkn,knc->fc", step * (E - fermi[:, None, None]), internal
    )
    assert np.abs(by_hand / (count * volume) - found[0.0]["moment"]).max() < 1e-9 * np.abs(found[0.0]["moment"]).max()
    return {
        "fermi_energies": fermi.tolist(),
        "mesh": [n for n in mesh if n > 1],
        "nearest_level": distance,
        "results": [
            {"kT": kT, **{name: np.asarray(array).tolist() for name, array in arrays.items()}}
            for kT, arrays in found.items()
        ],
    }, seconds


def tabulated(tb: Path, fermi: float) -> dict[str, Any]:
    """Energies of all bands at each point of a small mesh, and the curvature of those below the Fermi energy."""
    import wannierberri
    from wannierberri.calculators import tabulate

    system = wannierberri.System_R.from_tb_dat(str(tb), berry=True, silent=True)
    k = (np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) + OFFSET) / SIDE
    band: dict[str, Any] = {"degen_thresh": -1}
    result = wannierberri.run(
        system,
        wannierberri.Path(system, k_list=k),
        {
            "bands": tabulate.TabulatorAll(
                {"Energy": tabulate.Energy(**band), "curvature": tabulate.BerryCurvature(**band)}, mode="path"
            )
        },
        use_irred_kpt=False,
        symmetrize=False,
        parallel=False,
        fout_name=str(tb.with_suffix("")),
    )
    table = result.results["bands"]
    assert np.abs(table.kpoints - k).max() < 1e-12
    E, curvature = (np.asarray(table.results[name].data) for name in ("Energy", "curvature"))
    distance = float(np.abs(E - fermi).min())
    assert distance > 1e-3, f"a level {distance:.1e} from the Fermi energy"
    total = np.einsum("kn,knc->kc", (fermi > E).astype(float), curvature)
    return {
        "mesh": [SIDE] * 3,
        "offset": list(OFFSET),
        "fermi_energy": fermi,
        # the rounding of these is far below what they are for
        "energies": [" ".join(f"{x:.8f}" for x in row) for row in E],
        "curvature": [" ".join(f"{x:.9g}" for x in row) for row in total],
    }


def complex_pairs(matrix: Any) -> Any:
    """Real and imaginary parts as nested lists."""
    return np.stack([np.real(matrix), np.imag(matrix)], axis=-1).tolist()


def main() -> None:
    """Check signs and factors, then write the reference file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of GaAs_tb.dat and Fe_tb.dat.gz")
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args()
    import wannierberri

    timing = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        tb = Path(folder) / "crystal_tb.dat"

        def haldane_file(*parameters: float) -> tuple[Any, Any, Any]:
            vectors, positions, hoppings = haldane(*parameters)
            diagonal = np.eye(2)[:, :, None] * positions
            write_tb(tb, vectors, hoppings, {R: diagonal * (not any(R)) for R in hoppings})
            return vectors, positions, hoppings

        # signs and factors: a number known from elsewhere, and a Chern number in a gap
        haldane_file(2.0, 1 / 3, 0.2 * np.pi)
        # the gap reaches from -1.79 to 0.17: the moment does not depend on mu within it
        known = computed(tb, [48, 48, 1], np.array([-0.9, -0.8]), [])[0]["results"][0]
        assert np.abs(np.array(known["moment"])[:, 2] + 4.52545417e-3).max() < 1e-10, known["moment"]

        parameters = (0.5, 0.2, 0.35 * np.pi)
        vectors, positions, hoppings = haldane_file(*parameters)
        in_the_gap = computed(tb, [96, 96, 1], np.array([-0.4, -0.3]), [])[0]["results"][0]["hall"]
        print(f"Chern number of the lower band: {2 * np.pi * in_the_gap[0][2]:.10f}")
        haldane_result, timing["haldane"] = computed(tb, [24, 24, 1], np.linspace(-2.38, 2.42, 7), [0.05, 0.3])
        for result in haldane_result["results"]:
            for name in ("hall", "moment"):
                result[name] = [row[2] for row in result[name]]

        lattice, h, r = read_tb(options.data / "GaAs_tb.dat")
        for R, matrix in added(16).items():
            h[R] = h[R] + matrix
        write_tb(tb, lattice, h, r)
        gaas_points = tabulated(tb, 5.27)
        gaas_result, timing["GaAs"] = computed(tb, [6, 6, 6], np.linspace(-0.49, 11.03, 7), [0.05, 0.3])

        write_tb(tb, *read_tb(options.data / "Fe_tb.dat.gz"))
        iron_points = tabulated(tb, 17.545)
        iron_result, timing["Fe"] = computed(tb, [6, 6, 6], np.linspace(17.095, 17.995, 7), [0.02, 0.1])

    reference = {
        "program": f"WannierBerri {wannierberri.__version__}",
        "made_by": "benchmarks/wannierberri.py",
        "units": "hall = sum_n int d^dk/(2 pi)^d f Omega_n; moment = sum_n int d^dk/(2 pi)^d (f m_n + g Omega_n) in "
        "units of e/hbar, internal terms only; eV and Angstrom; electrons per cell; components z in 2D, x y z in 3D",
        "mesh_rule": "k = (i_1/n_1, ..., i_d/n_d) in reduced coordinates, i_a = 0..n_a - 1, equal weights",
        "points_rule": "k = (i + offset)/n, the last index fastest; a row of energies of all bands for each k, and "
        "curl A, A = i <u|d_k u>, summed over the bands below the Fermi energy: x y z, internal and external terms",
        "haldane": {
            "lattice": vectors[:2, :2].tolist(),
            "positions": positions[:, :2].tolist(),
            "hoppings": [{"R": list(R[:2]), "matrix": complex_pairs(h)} for R, h in hoppings.items()],
            "parameters": dict(zip(("delta", "t2", "phi"), parameters, strict=True)),
            **haldane_result,
        },
        "GaAs": {
            "file": "GaAs_tb.dat, h(R) and r(R) averaged with their Hermitian partners at -R",
            "added": {
                "on_site": "0.3 (cos(1.7 i) delta_ij + 0.1 i sign(j - i) sin(i j)) eV, i, j = 1..16",
                "at_1_0_0": "0.05 (cos(i + 2 j) + i sin(3 i - j)) eV, and its Hermitian partner at (-1, 0, 0)",
            },
            **gaas_result,
            "points": gaas_points,
        },
        "Fe": {"file": "Fe_tb.dat.gz, averaged likewise", **iron_result, "points": iron_points},
    }
    options.target.write_text(json.dumps(reference, indent=1) + "\n")
    print(f"{options.target.name}: {options.target.stat().st_size / 1000:.0f} kB")
    for name, seconds in timing.items():
        print(f"{name}: {seconds:.2f} s")


if __name__ == "__main__":
    main()
