"""Units: the only place with constants of nature.

Raw results are pure numbers that multiply powers of the carrier's charge e, energies and lengths in the units of the
model. Electrons have e = -|e|; that sign enters here and nowhere else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float

ELECTRON_CHARGE = -1.602176634e-19
"""Charge of the carrier, C (exact in the SI)."""
HBAR = 1.054571817e-34
"""J s (exact in the SI, rounded)."""
BOHR_MAGNETON = 9.2740100657e-24
"""J/T (CODATA 2022)."""
NUCLEAR_MAGNETON = 5.0507837393e-27
"""J/T (CODATA 2022)."""
ELECTRONVOLT = 1.602176634e-19
"""J (exact in the SI)."""
ANGSTROM = 1e-10
"""m."""


def moment_in_bohr_magnetons(magnetization: ArrayLike, quantum: float, area: float) -> Float:
    """Magnetic moment of a pumped magnetization, in Bohr magnetons.

    Parameters
    ----------
    magnetization : array_like
        Pumped magnetization in e*omega (2D: a number per area).
    quantum : float
        hbar*omega in eV.
    area : float
        Area that carries the moment, in square Angstrom: that of the cell for a moment per cell.

    Returns
    -------
    float array

    Examples
    --------
    >>> round(float(moment_in_bohr_magnetons(1.0, 3.0, 2.46**2)), 3)
    -4.765
    """
    frequency = quantum * ELECTRONVOLT / HBAR
    moment = ELECTRON_CHARGE * frequency * area * ANGSTROM**2
    result: Float = np.asarray(magnetization, float) * (moment / BOHR_MAGNETON)
    return result


def energy_area_in_bohr_magnetons(energy: float, area: float) -> float:
    """Magnitude of e x energy x area/hbar in Bohr magnetons, for an energy in eV and an area in square Angstrom."""
    return float(abs(moment_in_bohr_magnetons(1.0, energy, area)))


def nuclear_magnetons(bohr_magnetons: ArrayLike) -> Float:
    """Moments given in Bohr magnetons, in nuclear magnetons."""
    result: Float = np.asarray(bohr_magnetons, float) * (BOHR_MAGNETON / NUCLEAR_MAGNETON)
    return result
