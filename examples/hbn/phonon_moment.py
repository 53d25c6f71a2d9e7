"""Magnetic moment of a phonon of hexagonal boron nitride, from first principles.

The two atoms turn against each other: the optical E' phonon at Gamma, circularly polarized. The Wannier functions of
eight snapshots a turn, for two amplitudes, lie in wannier/ (run_dft.py made them). What this prints is the perturbative
part of the orbital magnetization that the electrons of the frozen lattice of Wannier functions give; the Chern-Simons
part, the motion of the Wannier functions with their atoms, and the charges of the ions are not in it.

A quantum carries the angular momentum hbar, so its relative displacement u follows from M u^2 omega = hbar, M being the
reduced mass. The moment goes with u^2 omega: hbar omega drops out of it.

Run it: python phonon_moment.py (--fast for fewer points, --output FOLDER); it prints a table and writes
phonon_moment.png.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import adiabloch as ab

WANNIER = Path(__file__).parent / "wannier"
AMPLITUDES = (0.02, 0.04)
"""Relative displacement of B and N, Angstrom."""
PHASES = 8
OCCUPIED = 4
MASSES = {"B": 10.811, "N": 14.007}
DALTON = 1.66053906892e-27
"""kg (CODATA 2022)."""


def snapshot(amplitude: float, phase: int) -> str:
    """Name of a snapshot."""
    return f"u{amplitude:g}/phase{phase}"


def turning(amplitude: float) -> ab.Cycle:
    """B and N turn against each other."""
    files = [WANNIER / f"{snapshot(amplitude, phase)}_tb.dat.gz" for phase in range(PHASES)]
    return ab.Cycle([ab.io.read_tb(file, dimension=2) for file in files])


def reduced_mass() -> float:
    """In kg."""
    return MASSES["B"] * MASSES["N"] / sum(MASSES.values()) * DALTON


def frozen_quantum(amplitude: float) -> float:
    """Quantum hbar omega of the mode in eV, from the forces on B that pull it back."""
    record = json.loads((WANNIER / "record.json").read_text())
    total = 0.0
    for phase in range(PHASES):
        known = record[snapshot(amplitude, phase)]
        displacement, force = (np.subtract(known[what]["B"], known[what]["N"]) for what in ("displacements", "forces"))
        # the force on the relative displacement is that on B, half of the difference
        total -= 0.5 * force @ displacement / amplitude**2
    spring = total / PHASES * ab.units.ELECTRONVOLT / ab.units.ANGSTROM**2
    return float(ab.units.HBAR * np.sqrt(spring / reduced_mass()) / ab.units.ELECTRONVOLT)


def circular_amplitude(quantum: float) -> float:
    """Relative displacement in Angstrom when the mode holds one quantum, hbar of angular momentum."""
    omega = quantum * ab.units.ELECTRONVOLT / ab.units.HBAR
    return float(np.sqrt(ab.units.HBAR / (reduced_mass() * omega)) / ab.units.ANGSTROM)


def to_zero(values: list[float]) -> float:
    """Limit of small amplitudes of what is even in u, from two of them."""
    small, large = (u**2 for u in AMPLITUDES)
    return (large * values[0] - small * values[1]) / (large - small)


def main() -> None:
    """Table, and the magnetization along the cycle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--output", type=Path, default=Path())
    given = parser.parse_args()
    tolerance = 1e-4 if given.fast else 1e-6

    cycles = [turning(u) for u in AMPLITUDES]
    area = cycles[0].lattice.measure
    quantum = to_zero([frozen_quantum(u) for u in AMPLITUDES])
    one = circular_amplitude(quantum)
    print(f"E' phonon of hBN: hbar omega = {quantum:.4f} eV; one quantum turns with u = {one:.4f} A")
    print("perturbative part of the pumped orbital magnetization")
    print(f"{'u (A)':>8} {'M (e omega)':>14} {'M/u^2 (e omega/A^2)':>20} {'mu_B per quantum':>17} {'+-':>8}")
    moments, errors = [], []
    for u, cycle in zip(AMPLITUDES, cycles, strict=True):
        pumped = ab.pumped_magnetization(cycle, OCCUPIED, tolerance, chern_simons=False)
        value, error = float(pumped.perturbative[0]), float(pumped.error[0])
        moment, spread = (
            float(ab.units.moment_in_bohr_magnetons(x * (one / u) ** 2, quantum, area)) for x in (value, error)
        )
        moments.append(moment)
        errors.append(abs(spread))
        print(f"{u:8.3f} {value:14.6e} {value / u**2:20.6f} {moment:17.4e} {abs(spread):8.0e}")
    limit, error = to_zero(moments), abs(to_zero([errors[0], -errors[1]]))
    print(f"{'-> 0':>8} {'':14} {'':20} {limit:17.4e} {error:8.0e}")
    print(f"a quantum: {limit:.4e} mu_B, {float(ab.units.nuclear_magnetons(limit)):.4f} nuclear magnetons")

    import matplotlib.pyplot as plt

    theta = np.linspace(0, 2 * np.pi, 25 if given.fast else 97)
    figure, ax = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
    for u, cycle in zip(AMPLITUDES, cycles, strict=True):
        along = ab.instantaneous_magnetization(cycle, OCCUPIED, theta, tolerance).perturbative[:, 0]
        ax.plot(np.degrees(theta), along / u**2, label=f"{u:g} Å")
    ax.set(xlabel="phase (degrees)", ylabel=r"$M(\theta)/u^2$ ($e\omega$/Å$^2$)", xticks=range(0, 361, 60))
    ax.legend(frameon=False, title="relative displacement")
    given.output.mkdir(parents=True, exist_ok=True)
    figure.savefig(given.output / "phonon_moment.png", dpi=200)


if __name__ == "__main__":
    main()
