"""Pictures of models, results and sweeps against stored ones; `make pictures` draws these anew, to be looked at."""

import matplotlib
import numpy as np
import pytest

import adiabloch as ab
from textures import rotating_honeycomb

HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
HONEYCOMB = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
ROTATING = ab.models.rotating_bonds(HONEYCOMB, amplitude=0.1)
CONE = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
STRAINED = ab.models.strained_haldane(0.2, 0.15, np.pi / 2, 0.2, angle=np.pi / 2)
MOVING = np.linspace(0, 2 * np.pi, 24, endpoint=False)


def domain(r):
    """Gapped graphene with rotating bonds whose gap is larger near the origin."""
    return rotating_honeycomb()(0.5 + 0.2 * np.exp(-(r @ r) / 64))


def magnetization_of(delta, t1):
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=delta, t1=t1), amplitude=0.1)
    return ab.pumped_magnetization(cycle, 1, tolerance=1e-3, progress=False)


def hall_of(delta, t2, phi):
    return ab.anomalous_hall(ab.models.haldane(delta=delta, t2=t2, phi=phi), 0.1, 0.1, mesh=4, progress=False)


def local_current(positions, **arguments):
    return ab.local_current(ab.Texture(domain), 1, positions, progress=False, **arguments)


LINE = np.linspace(-12, 12, 9)
PICTURES = {
    "model": lambda: HALDANE,
    "model_3d": lambda: ab.models.fu_kane_mele(beta=0.4),
    "cycle": lambda: ROTATING,
    "bands": lambda: ab.bands(HALDANE, "GKMG", colour="berry_curvature", occupied=1),
    "bands_of_a_metal": lambda: ab.bands(HALDANE, "GKMG", size=("projection", [0]), chemical_potential=1.0),
    "bands_of_a_cycle": lambda: ab.bands(ROTATING, "GKMG", theta=MOVING),
    "zone_map": lambda: ab.zone_map(HALDANE, "berry_curvature", occupied=1, points=61),
    "fermi_contour": lambda: ab.zone_map(HALDANE, "orbital_moment", band=1, chemical_potential=1.0, points=61),
    "fermi_surface": lambda: ab.fermi_surface(ab.models.fu_kane_mele(beta=0.4), 1.5, colour="velocity:x", points=16),
    "wilson_loop": lambda: ab.wilson_loop(ab.models.kane_mele(delta=0.1, intrinsic=0.1), 2),
    "ribbon_bands": lambda: ab.ribbon_bands(ab.models.qi_wu_zhang(mass=-1.0), 10),
    "parts": lambda: ab.pumped_magnetization(ROTATING, 1, tolerance=1e-3),
    "number": lambda: ab.in_units(
        ab.anomalous_hall(ab.models.haldane(delta=0.1, t2=0.2, phi=1.5), 0.0, tolerance=1e-4), "e^2/h"
    ).isel(component=0),
    "two_temperatures": lambda: ab.anomalous_hall(HALDANE, np.linspace(-2, 2, 41), [0.05, 0.2], tolerance=1e-2),
    "components": lambda: ab.magnetoelectric(
        STRAINED, chemical_potential=np.linspace(-2, 2, 41), temperature=0.1, tolerance=1e-2
    ),
    "second_order": lambda: ab.nonlinear_conductivity(CONE, np.linspace(0.12, 0.4, 15), 0.01, tolerance=1e-2),
    "phases": lambda: ab.instantaneous_magnetization(ROTATING, 1, MOVING, tolerance=1e-3),
    "magnetization_map": lambda: ab.magnetization_map(ROTATING, np.linspace(-3, 3, 61), np.linspace(-3, 3, 61)),
    "sweep": lambda: ab.sweep(magnetization_of, {"delta": [0.2, 0.3, 0.4, 0.6], "t1": [0.1]}, progress=False),
    "sweep_of_two": lambda: ab.sweep(
        magnetization_of, {"delta": [0.2, 0.3, 0.4], "t1": [0.05, 0.1, 0.15]}, progress=False
    ),
    "sweep_of_three": lambda: ab.sweep(hall_of, {"delta": [0.2, 0.4], "t2": [0.1, 0.2, 0.3], "phi": [0.5, 1.0, 1.5]}),
    "elements_of_a_tensor": lambda: ab.nonlinear_hall(CONE, 0.2, 0.05, tolerance=1e-2),
    "current_along_a_line": lambda: local_current({"x": LINE, "y": [4.0]}, tolerance=1e-2),
    "current_in_a_plane": lambda: local_current({"x": LINE[::2], "y": LINE[::2]}, theta=[0.0], mesh=16),
    "axion_angle": lambda: ab.axion_angle(ab.models.fu_kane_mele(beta=1.0), 2, tolerance=1e-2),
}


@pytest.mark.mpl_image_compare(baseline_dir="expected", tolerance=4, style="default", savefig_kwargs={"dpi": 60})
@pytest.mark.parametrize("name", PICTURES)
def test_picture(name):
    assert matplotlib.get_backend().lower() == "agg"
    return ab.plot(PICTURES[name]()).figure
