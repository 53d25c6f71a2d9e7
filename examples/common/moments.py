"""Magnetic moment of a phonon from the cycles of an example: shared by the scripts `phonon_moment.py`.

The files u{u}.nc, written by run_dft.py, contain hoppings, position matrix, spin and motion of the Wannier functions
over a cycle. A quantum has the angular momentum hbar, so its relative displacement u follows from M u^2 omega = hbar
with the reduced mass M. The moment is proportional to u^2 omega and therefore independent of hbar omega.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import xarray

import adiabloch as ab
from frozen_phonon import Material

SHOWN = ("perturbative", "chern_simons", "spin", "ions", "total", "error", "born", "nuclear_magnetons")
HEADS = ("perturbative", "Chern-Simons", "spin", "ions", "total", "+-", "Born alone", "mu_N")
TINY = 1e-4
"""Unit of the table, Bohr magnetons."""


def places(material: Material, record: dict, u: float) -> np.ndarray:
    """Displacements of the atoms along a cycle, (phases, atoms, 3)."""
    phases = sum(name.startswith(f"u{u:g}/") for name in record)
    return np.array(
        [[record[f"u{u:g}/phase{j}"]["displacements"][atom] for atom in material.atoms] for j in range(phases)]
    )


def frozen_quantum(material: Material, record: dict, u: float) -> float:
    """Quantum hbar omega of the mode in eV, from the forces that pull the atoms back."""
    first, second = material.atoms
    of_circle = [known for name, known in record.items() if name.startswith(f"u{u:g}/")]
    total = 0.0
    for known in of_circle:
        displacement, force = (
            np.subtract(known[what][first], known[what][second]) for what in ("displacements", "forces")
        )
        # the force on the relative displacement is that on the first atom, half of the difference
        total -= 0.5 * force @ displacement / u**2
    one, other = (material.masses[atom] for atom in (first, second))
    spring = total / len(of_circle)
    return float(np.sqrt(spring * ab.units.HBAR_SQUARED_PER_DALTON * (one + other) / (one * other)))


def circular_amplitude(material: Material, quantum: float) -> float:
    """Relative displacement in Angstrom when the mode holds one quantum, hbar of angular momentum."""
    one, other = list(material.masses.values())[:2]
    return float(np.sqrt(ab.units.HBAR_SQUARED_PER_DALTON * (one + other) / (one * other * quantum)))


def of_bands(record: dict, cycles: list[ab.Cycle], sizes: list[float]) -> list[xarray.Dataset] | None:
    """The perturbative part of all bands for each cycle, as `ab.perturbative_by_bands` gave it; None if it did not."""
    known = [record.get(f"u{u:g}", {}).get("perturbative") for u in sizes]
    if not all(known):
        return None
    found = []
    for cycle, by_bands in zip(cycles, known, strict=True):
        names = ["x", "y", "z"] if cycle.lattice.dimension == 3 else ["z"]
        # a number is the component z; the axis of the motion forbids the others
        values = np.array([(np.eye(3)[2] * part)[-len(names) :] for part in by_bands.values()])
        unit = {"units": "e*omega" if len(names) == 1 else "e*omega/length"}
        part = xarray.DataArray(values / cycle.lattice.measure, dims=("bands", "component"), attrs=unit)
        coordinates = {"bands": [int(bands) for bands in by_bands], "component": names}
        found.append(xarray.Dataset({"perturbative": part}, coordinates))
    return found


def to_zero(values: list[float], sizes: list[float]) -> float:
    """Limit of small amplitudes of what is even in them, from two; from one itself."""
    if len(sizes) == 1:
        return float(values[0])
    small, large = (u**2 for u in sizes)
    return float((values[0] * large - values[1] * small) / (large - small))


def main(material: Material, description: str, home: Path) -> None:
    """Table, and the parts in a figure."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="fewer points")
    parser.add_argument("--wannier", type=Path, default=home / "wannier", help="where the cycles are")
    parser.add_argument("--output", type=Path, default=Path(), help="where the figure goes")
    given = parser.parse_args()

    record = json.loads((given.wannier / "record.json").read_text())
    sizes = [u for u in material.amplitudes if (given.wannier / f"u{u:g}.nc").exists()]
    cycles = [ab.io.load_cycle(given.wannier / f"u{u:g}.nc") for u in sizes]
    quantum = to_zero([frozen_quantum(material, record, u) for u in sizes], sizes)
    one = circular_amplitude(material, quantum)
    print(f"{material.title}: hbar omega = {1e3 * quantum:.1f} meV; a quantum turns with u = {one:.4f} A")

    sums = of_bands(record, cycles, sizes)

    def moments(those: list[ab.Cycle], all_bands: list[xarray.Dataset] | None):
        return ab.phonon_moment(
            those,
            list(material.masses.values()),
            [places(material, record, u) for u in sizes],
            material.occupied,
            tolerance=min(100 * material.accuracy, 1e-2) if given.fast else material.accuracy,
            charges=[material.charges[atom] for atom in material.atoms],
            all_bands=all_bands,
        ).sel(component="z")

    moment = moments(cycles, sums)
    print(f"magnetic moment of a quantum, {TINY:g} mu_B a cell (mu_N: of the total, in nuclear magnetons)")
    shown = [(name, head) for name, head in zip(SHOWN, HEADS, strict=True) if name in moment]
    print(f"{'u (A)':>8}" + "".join(f"{head:>14}" for _, head in shown))
    for row, u in enumerate(([] if len(sizes) == 1 else [0.0]) + sizes):
        numbers = [float(moment[name][row]) / (1.0 if name == "nuclear_magnetons" else TINY) for name, _ in shown]
        print(f"{f'{u:g}' if u else '-> 0':>8}" + "".join(f"{number:14.4f}" for number in numbers))
    told = float(moment.total[0]) / TINY
    if sums is not None:
        rest = told - float(moment.perturbative[0]) / TINY
        told = float(moment.perturbative_functions[0]) / TINY + rest
        print(f"perturbative part of {moment.bands.values[-1]} bands; by their number, and the total with it:")
        for bands, part in zip(
            moment.bands.values[-4:], moment.perturbative_by_bands[0].values[-4:] / TINY, strict=True
        ):
            print(f"{bands:8d}{part:14.4f}{part + rest:14.4f}")
        print(f"of the Wannier functions alone {told - rest:.4f}, and the total {told:.4f}")
    still = moments([ab.Cycle(cycle.snapshots, motion=[{}] * len(cycle.snapshots)) for cycle in cycles], None)
    untold = float(still.total[0]) / TINY
    print(f"i<W|d_t W> contributes {told - untold:.4f}: that total is {untold:.4f} if functions only change places")

    axes = ab.plot(moment)
    axes.set_title(f"{material.title}: moment of a circular phonon")
    given.output.mkdir(parents=True, exist_ok=True)
    axes.figure.savefig(given.output / "phonon_moment.png", dpi=200)
