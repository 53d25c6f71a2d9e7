"""Starters: commented job files for typical cases, which `adiabloch new` writes."""

from __future__ import annotations

from dataclasses import dataclass

from adiabloch.errors import InvalidArgumentError, did_you_mean

ACCURACY = """
[accuracy]
tolerance = 1e-3            # of the largest component; the result has an error bar in any case
"""
RUN = """
[run]
# workers = 4               # threads; by default one for each processor
# kind = "processes"        # faster than threads for small models; "mpi" with mpiexec
# scheduler = "tcp://host:8786"    # a Dask cluster
"""
OUTPUT = """
[output]
# folder = "results"        # by default the name of this file
# picture = false
# si = { energy = "eV", length = "angstrom" }    # results in SI units{si}
"""


@dataclass(frozen=True)
class Starter:
    """Job file to begin with."""

    title: str
    text: str
    frequency: bool = False
    """True for a pumped quantity, whose SI units need the frequency of the cycle."""

    def content(self) -> str:
        """Text of the job file."""
        si = "; frequency = 2e14 in rad/s for a cycle" if self.frequency else ""
        return (
            f"# {self.title}\n# run it with: adiabloch run FILE; the cost beforehand: adiabloch run FILE --dry-run\n"
            + (self.text.rstrip() + "\n" + ACCURACY + RUN + OUTPUT.replace("{si}", si))
        )


STARTERS = {
    "pump": Starter(
        "Orbital magnetization pumped by rotating bonds on a honeycomb lattice, over gap and amplitude",
        """
[crystal]
model = "gapped_honeycomb"  # a model of the literature; its parameters follow
t1 = 0.1                    # delta is swept below

[crystal.motion]
kind = "rotating_bonds"     # makes a cycle of the model; amplitude is swept below

[quantities.pumped_magnetization]
occupied = 1                # number of occupied bands

[sweep]                     # every combination; combine = "zip" for values in step
delta = [0.4, 0.6, 0.8]
amplitude = { start = 0.02, stop = 0.1, points = 3 }
""",
        frequency=True,
    ),
    "hall": Starter(
        "Anomalous Hall and Nernst conductivity of Haldane's model over the chemical potential",
        """
[crystal]
model = "haldane"
delta = 0.3
t2 = 0.1
phi = 1.2

[quantities.anomalous_hall]
chemical_potential = { start = -3, stop = 3, points = 61 }
temperature = 0.02          # k_B T in the energy unit of the model

[quantities.anomalous_nernst]
chemical_potential = { start = -3, stop = 3, points = 61 }
temperature = 0.02
""",
    ),
    "nonlinear": Starter(
        "Intrinsic nonlinear Hall effect of a tilted massive Dirac cone, over mass and chemical potential",
        """
[crystal]
model = "tilted_dirac"
tilt = 0.3                  # mass is swept below

[quantities.nonlinear_hall]
chemical_potential = { start = -1, stop = 1, points = 41 }
temperature = 0.05

[sweep]
mass = [0.3, 0.5]
""",
    ),
    "magnetoelectric": Starter(
        "Magnetoelectric tensor of an insulator with its Chern-Simons part",
        """
[crystal]
model = "fu_kane_mele"
beta = 0.5

[quantities.magnetoelectric]
occupied = 2

[sweep]
m = [0.5, 0.8]
""",
    ),
    "wannier": Starter(
        "Anomalous Hall conductivity and orbital magnetization from Wannier functions",
        """
[crystal]
wannier90 = "SEED"          # SEED.chk, SEED_tb.dat or SEED_hr.dat, relative to this file
# dimension = 2             # for a slab

[quantities.anomalous_hall]
chemical_potential = [5.0]  # in eV; `adiabloch inspect SEED_tb.dat` shows the bands

[quantities.orbital_magnetization]
chemical_potential = [5.0]
temperature = 0.025
""",
    ),
    "cycle": Starter(
        "Magnetization pumped by a saved cycle",
        """
[crystal]
file = "cycle.nc"           # written by adiabloch.io.save_cycle
# wannier90 = ["phase0", "phase1", "phase2", "phase3"]    # or seeds of its snapshots

[quantities.pumped_magnetization]
occupied = 4
""",
        frequency=True,
    ),
    "texture": Starter(
        "Local currents around a disk in gapped graphene with rotating atoms",
        """
[crystal]
model = "gapped_honeycomb"
t1 = 0.1

[crystal.motion]
kind = "rotating_bonds"
amplitude = 0.1

[crystal.texture]           # parameters as functions of the position; positions are Cartesian
delta = { mean = 0.35, height = 0.15, radius = 18 }     # and centre; or
# delta = { mean = 0.5, wave_vector = [0.1, 0] }        # a wave, whose delta_amplitude is swept below; or
# delta = { axis = "x", points = [-40, -20, 0, 20, 40], values = [0.3, 0.3, 0.5, 0.7, 0.7] }    # interpolated

[quantities.local_current]
occupied = 1
theta = 0.0                 # without it, the mean over the cycle
positions = { x = { start = 0, stop = 36, points = 5 }, y = 0 }

# [sweep]
# delta_amplitude = [0.05, 0.1]
""",
        frequency=True,
    ),
    "phonons": Starter(
        "Magnetic moments of all phonons of a crystal at q = 0",
        """
[crystal]
file = "deformation.nc"     # written by adiabloch.io.save_deformation; or the calculations themselves:
# [crystal.displacements]
# folder = "displaced"      # made by `adiabloch phonons prepare`
# seed = "SEED"
# occupied = 4

[quantities.phonon_moments]
occupied = 4
modes = "ph.dyn"            # of ph.x or phonopy; or the folder "displaced" with its forces
# charges = [3, 5]          # of the ion cores
""",
    ),
    "python": Starter(
        "User-defined model: a function of a Python file, run with --allow-python",
        """
[crystal]
python = "model.py:make"    # returns a crystal of adiabloch or a model of PythTB; other keys are its arguments

[quantities.anomalous_hall]
chemical_potential = [0.0]
""",
    ),
}
"""Starters by the name of the case."""


def starter(case: str) -> str:
    """Text of the job file of a case.

    Raises
    ------
    InvalidArgumentError
    """
    if case not in STARTERS:
        raise InvalidArgumentError(
            f"case: {case!r} is not known{did_you_mean(case, STARTERS)}; expected one of {', '.join(STARTERS)}"
        )
    return STARTERS[case].content()
