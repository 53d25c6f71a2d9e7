"""The valley phonon of gapped graphene: atoms turning at the corner of the Brillouin zone.

At q = K the A atoms of neighbouring cells turn with a phase of 120 degrees between them, so the motion fits into the
sqrt3 x sqrt3 cell. The phonons of the two valleys are each other's time reversal and pump opposite magnetizations.

Run it: python valley_phonon.py (--fast for fewer points); it prints a table and writes valley_phonon.png.
"""

import argparse

import numpy as np

import adiabloch as ab

CELL = [[1, 1], [-1, 2]]
K, MINUS_K = [1 / 3, 2 / 3], [2 / 3, 1 / 3]
LAW = ab.models.linear(3.0)


def phonon(delta: float, amplitude: float, q: list[float], polarization: list[complex]) -> ab.Cycle:
    """A atoms move by `amplitude` times the polarization; B atoms rest."""
    model = ab.models.gapped_honeycomb(delta=delta, t1=0.1)
    pattern = amplitude * np.array([polarization, [0, 0]])
    return ab.models.phonon_cycle(model, pattern, LAW, q=q, supercell=CELL)


def moment(cycle: ab.Cycle, tolerance: float) -> tuple[float, float]:
    """Perturbative pumped magnetization and its error: three of the six bands are occupied."""
    pumped = ab.pumped_magnetization(cycle, occupied=3, tolerance=tolerance)
    return float(pumped.perturbative.sel(component="z")), float(pumped.error.sel(component="z"))


def main() -> None:
    """Table of the modes, and the moment against the square of the amplitude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true")
    fast = parser.parse_args().fast
    tolerance = 1e-3 if fast else 1e-6
    modes = {
        "K, anticlockwise": (K, [1, 1j]),
        "K, clockwise": (K, [1, -1j]),
        "K', clockwise": (MINUS_K, [1, -1j]),
        "K', anticlockwise": (MINUS_K, [1, 1j]),
    }
    print("pumped magnetization, perturbative part (e*omega), u = 0.02 a0, delta = 0.5 t0")
    for name, (q, polarization) in modes.items():
        value, error = moment(phonon(0.5, 0.02, q, polarization), tolerance)
        print(f"  {name:18} {value:+.6e} +- {error:.0e}")

    import matplotlib.pyplot as plt

    amplitudes = np.linspace(0.0, 0.04, 3 if fast else 9)
    figure, ax = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
    for name, marker in (("K, anticlockwise", "o"), ("K', clockwise", "s")):
        values = [moment(phonon(0.5, u, *modes[name]), tolerance)[0] if u else 0.0 for u in amplitudes]
        ax.plot(amplitudes**2, values, marker + "-", ms=4, label=name)
    ax.axhline(0, color="grey", lw=0.5)
    ax.set(xlabel=r"$(u/a_0)^2$", ylabel=r"pumped magnetization ($e\omega$)")
    ax.legend(frameon=False)
    figure.savefig("valley_phonon.png", dpi=200)


if __name__ == "__main__":
    main()
