"""Wannier functions of monolayer hexagonal boron nitride while its atoms turn, from density-functional theory.

For every amplitude and phase theta_j = 2 pi j/N, B is displaced by u m_N/(m_B + m_N) (cos, sin)(theta_j) and N by
-u m_B/(m_B + m_N) (cos, sin)(theta_j): the optical E' phonon at Gamma, circularly polarized, with relative displacement
u and the centre of mass at rest. Each snapshot takes pw.x (twice), wannier90.x -pp, pw2wannier90.x and wannier90.x.

Run it: python run_dft.py --pseudo DIR. Snapshots that are there already are not computed again. README.md says where
the programs and the two pseudopotentials come from, and what the files are.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from frozen_phonon import Material, main

LATTICE = np.array([[2.504, 0.0, 0.0], [-1.252, 1.252 * np.sqrt(3), 0.0], [0.0, 0.0, 11.0]])

HBN = Material(
    title="monolayer hBN",
    seed="hbn",
    lattice=LATTICE,
    atoms={"B": (LATTICE[0] + 2 * LATTICE[1]) / 3, "N": (2 * LATTICE[0] + LATTICE[1]) / 3},
    masses={"B": 10.811, "N": 14.007},
    charges={"B": 3, "N": 5},
    pseudopotentials={"B": "B.pz-vbc.UPF", "N": "N_ONCV_LDA-1.0.upf"},
    occupied=4,
    settings="ecutwfc=60.0, input_dft='pz', assume_isolated='2D',",
    density_mesh=(9, 9, 1),
    mesh=(6, 6, 1),
    bands=40,
    functions=8,
    # energies count from the vacuum; -4 eV lies in the gap
    frozen=-4.0,
    projections=("N:s", "N:px", "N:py", "N:pz", "B:s", "B:px", "B:py", "B:pz"),
    disentangled=False,
    amplitudes=(0.02, 0.04),
)

if __name__ == "__main__":
    main(HBN, __doc__, Path(__file__).parent)
