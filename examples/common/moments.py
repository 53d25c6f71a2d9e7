"""From the cycles of an example to the magnetic moment of its phonon: what the scripts `phonon_moment.py` share.

Everything that turns is in u{u}.nc, which run_dft.py wrote: hoppings, position matrix, spin, and how the Wannier
functions move. A quantum carries the angular momentum hbar, so its relative displacement u follows from M u^2 omega =
hbar, M being the reduced mass; the moment goes with u^2 omega, and hbar omega drops out of it.
"""

import argparse
import json
from pathlib import Path

import numpy as np

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


def of_bands(material: Material, record: dict, moment, sizes: list[float]) -> dict[int, tuple[float, float]]:
    """Perturbative part and total with bands of the calculation, not only what the functions span, by their number."""
    known = [record.get(f"u{u:g}", {}).get("perturbative") for u in sizes]
    if not all(known):
        return {}
    one, other = list(material.masses.values())[:2]
    unit = -2 * ab.units.ELECTRON_MASS * ab.units.HBAR_SQUARED_PER_DALTON * (one + other) / (one * other)
    rest = float(moment.total[0] - moment.perturbative[0])
    found = {}
    for bands in [n for n in known[0] if n in known[-1]][-4:]:
        parts = [moment.attrs["degeneracy"] * unit * some[bands] / u**2 for some, u in zip(known, sizes, strict=True)]
        limit = to_zero(parts, sizes)
        found[int(bands)] = limit, limit + rest
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

    def moments(those: list[ab.Cycle]):
        return ab.phonon_moment(
            those,
            list(material.masses.values()),
            [places(material, record, u) for u in sizes],
            material.occupied,
            1e-3 if given.fast else 1e-5,
            charges=[material.charges[atom] for atom in material.atoms],
        ).sel(component="z")

    moment = moments(cycles)
    print(f"magnetic moment of a quantum, {TINY:g} mu_B a cell (mu_N: of the total, in nuclear magnetons)")
    shown = [(name, head) for name, head in zip(SHOWN, HEADS, strict=True) if name in moment]
    print(f"{'u (A)':>8}" + "".join(f"{head:>14}" for _, head in shown))
    for row, u in enumerate(([] if len(sizes) == 1 else [0.0]) + sizes):
        numbers = [float(moment[name][row]) / (1.0 if name == "nuclear_magnetons" else TINY) for name, _ in shown]
        print(f"{f'{u:g}' if u else '-> 0':>8}" + "".join(f"{number:14.4f}" for number in numbers))
    better = of_bands(material, record, moment, sizes)
    for bands, (part, total) in better.items():
        print(f"with {bands} bands in place of the functions: perturbative {part / TINY:.4f}, total {total / TINY:.4f}")
    still = moments([ab.Cycle(cycle.snapshots, motion=[{}] * len(cycle.snapshots)) for cycle in cycles])
    told, untold = (float(some.total[0]) / TINY for some in (moment, still))
    print(f"i<W|d_t W> contributes {told - untold:.4f}: the total is {untold:.4f} if functions only change places")

    axes = ab.plot(moment)
    axes.set_title(f"{material.title}: moment of a circular phonon")
    if better:
        bands, values = max(better.items())
        at = [label.get_text() for label in axes.get_xticklabels()].index("total")
        scale = axes.patches[0].get_height() / float(moment.perturbative[0])
        axes.plot([0, at], np.array(values) * scale, "D", color="black", mfc="white", label=f"with all {bands} bands")
        axes.legend(frameon=False, loc="lower right", prop={"family": "STIXGeneral", "size": 9})
    given.output.mkdir(parents=True, exist_ok=True)
    axes.figure.savefig(given.output / "phonon_moment.png", dpi=200)
