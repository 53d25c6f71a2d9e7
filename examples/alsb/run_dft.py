"""Wannier functions of aluminium antimonide while its atoms turn, from density-functional theory with spin-orbit terms.

For every amplitude and phase theta_j = 2 pi j/N, Al is displaced by u m_Sb/(m_Al + m_Sb) (cos, sin, 0)(theta_j) and Sb
by -u m_Al/(m_Al + m_Sb) (cos, sin, 0)(theta_j): the transverse optical phonon at Gamma, circularly polarized about z.
Each snapshot takes pw.x (twice), wannier90.x -pp, pw2wannier90.x and wannier90.x; ld1.x makes the two pseudopotentials
first.

Run it: python run_dft.py. Snapshots that are there already are not computed again. README.md says where the programs
come from, and what the files are.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from frozen_phonon import Material, main

HOME = Path(__file__).parent
SIDE = 6.136
"""Of the cube, Angstrom (experiment)."""

ALSB = Material(
    title="AlSb",
    seed="alsb",
    lattice=SIDE / 2 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]),
    atoms={"Al": np.zeros(3), "Sb": np.full(3, SIDE / 4)},
    masses={"Al": 26.982, "Sb": 121.760},
    charges={"Al": 3, "Sb": 5},
    pseudopotentials={"Al": "Al.UPF", "Sb": "Sb.UPF"},
    occupied=8,
    generators=HOME / "pseudopotentials",
    settings="ecutwfc=25.0, noncolin=.true., lspinorb=.true.",
    # empty bands no less exact than the others
    electrons="diago_full_acc=.true.",
    density_mesh=(6, 6, 6),
    mesh=(4, 4, 4),
    # at every point of the mesh there are 0.3 eV between bands 28 and 29: no multiplet is cut
    bands=28,
    more_bands=52,
    functions=16,
    # in the gap, between 4.5 and 5.4 eV
    frozen=4.9,
    projections=("Al:s", "Al:p", "Sb:s", "Sb:p"),
    disentangled=False,
    spinors=True,
    amplitudes=(0.03, 0.06),
    # one in a thousand; meshes of a crystal in three dimensions are large
    accuracy=1e-3,
    digits=6,
)

if __name__ == "__main__":
    main(ALSB, __doc__, HOME)
