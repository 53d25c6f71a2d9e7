"""Every response of a Wannier model with its full position matrix: the same in all Wannier functions of one space.

Spin operators, heights and the motion along a cycle reach other cells too, and turn along.
"""

import numpy as np
import pytest
from scipy.linalg import expm

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.models import WannierModel
from adiabloch.models.crystal import basis_curvature_name
from random_models import oblique_vectors

N, SAMPLES = 3, 16
LEVELS = np.diag([-14.0, 6.0, 12.0])
NAMES = ("a", "b", "z")
"""Bounded observables: what stands for S_x, S_y, S_z; the last one serves as the height of a layer."""


def blocks(rng, d, scale, *extra):
    """Random Hermitian matrices by translation, to the nearest cells."""
    found = {}
    for R in [(0,) * d, *map(tuple, np.eye(d, dtype=int).tolist())]:
        X = scale * (rng.normal(size=(*extra, N, N)) + 1j * rng.normal(size=(*extra, N, N)))
        found[R] = 0.3 * X if any(R) else X + X.conj().swapaxes(-1, -2)
    return found


def places_of(matrices):
    return {R: np.moveaxis(r, 0, -1) for R, r in matrices.items()}


def cycle_of(d, seed=None):
    """Everything varies: hoppings, position matrix, motion; the observables stay."""
    vectors = oblique_vectors(np.random.default_rng(d), d)
    rng = np.random.default_rng(d if seed is None else seed)
    spin = blocks(rng, d, 0.5, 3)
    h, r, A = (
        [blocks(rng, d, s * f, *extra) for f in (1.0, 0.2, 0.2)] for s, extra in ((0.7, ()), (0.2, (d,)), (0.3, ()))
    )
    snapshots, motion = [], []
    for theta in 2 * np.pi * np.arange(SAMPLES) / SAMPLES:
        weights = [1.0, np.cos(theta), np.sin(theta)]
        hoppings, places = (
            {R: sum(w * X[R] for w, X in zip(weights, series, strict=True)) for R in series[0]} for series in (h, r)
        )
        hoppings[(0,) * d] = hoppings[(0,) * d] + LEVELS
        snapshots.append(WannierModel(vectors, None, hoppings, places_of(places), spin))
        motion.append({R: weights[1] * A[1][R] + weights[2] * A[2][R] for R in A[1]})
    return ab.Cycle(snapshots, motion=motion)


UNITARY = expm(1j * np.array([[0.3, 0.8 - 0.2j, -0.5j], [0.8 + 0.2j, -0.6, 0.4], [0.5j, 0.4, 0.9]]))
TURN = 0.3 * np.array([[0.1, 0.05 - 0.1j, 0.02], [0.05 + 0.1j, -0.1, 0.08j], [0.02, -0.08j, 0.05]])
"""Generator of functions that turn along the cycle."""


def rotated(model, moves, theta):
    return model.rotated(UNITARY), carried(model, moves, lambda m: m.rotated(UNITARY))


def rehomed(model, moves, theta):
    def change(m):
        return m.moved(1, (1, -1, 0)[: m.lattice.dimension])

    return change(model), carried(model, moves, change)


def spread(model, moves, theta):
    """Functions that spread over cells: a unitary matrix that depends on k."""

    def change(m):
        return m.rotated(UNITARY).moved(0, (0, 1, -1)[: m.lattice.dimension]).rotated(UNITARY.T)

    return change(model), carried(model, moves, change)


def shifted(model, moves, theta):
    """Another origin."""
    home = (0,) * model.lattice.dimension
    places = {R: r + (0.37 * np.eye(N)[:, :, None] if home == R else 0) for R, r in model.position_matrix.items()}
    return WannierModel(model.lattice, None, model.hoppings, places, model.spin), moves


def turning(model, moves, theta):
    """Functions that turn along the cycle."""
    U = expm(1j * np.sin(theta) * TURN)
    turned = carried(model, moves, lambda m: m.rotated(U))
    home = (0,) * model.lattice.dimension
    # i U^dagger d_theta U
    return model.rotated(U), {**turned, home: turned[home] - np.cos(theta) * TURN}


def carried(model, moves, change):
    """The motion in other functions: a matrix that changes as the hoppings do."""
    return dict(change(WannierModel(model.lattice, None, moves, model.position_matrix)).hoppings)


CHANGES = {change.__name__: change for change in (rotated, rehomed, spread, shifted, turning)}


def changed(cycle, name):
    thetas = 2 * np.pi * np.arange(SAMPLES) / SAMPLES
    pairs = [
        CHANGES[name](model, moves, theta)
        for model, moves, theta in zip(cycle.snapshots, cycle.snapshot_motion, thetas, strict=True)
    ]
    return ab.Cycle([model for model, _ in pairs], motion=[moves for _, moves in pairs])


def operators(crystal):
    """Observables of a crystal, in its own functions."""
    return dict(zip(NAMES, crystal.observables.values(), strict=True))


def height(crystal):
    return crystal.observables["sz"]


METAL = {"chemical_potential": 6.0, "temperature": 0.5, "mesh": 6}
ROUGH = 1e-2
"""Of models: on one mesh all functions must give the same, point by point, converged or not."""
EXACT = 1e-10
"""Where the mesh or the trial orbitals are chosen by the functions, only the integral is the same."""

ANY = {
    "density_of_states": lambda m: ab.density_of_states(m, **METAL).total,
    "filling": lambda m: ab.filling(m, **METAL).total,
    "anomalous_hall": lambda m: ab.anomalous_hall(m, **METAL).total,
    "anomalous_nernst": lambda m: ab.anomalous_nernst(m, **METAL).total,
    "orbital_magnetization": lambda m: ab.orbital_magnetization(m, **METAL).total,
    "nonlinear_hall": lambda m: ab.nonlinear_hall(m, **METAL).total,
    "magneto_nonlinear_hall": lambda m: ab.magneto_nonlinear_hall(m, **METAL).total,
    "spin_magnetization": lambda m: ab.spin_magnetization(m, **METAL).total,
    "spin_magnetoelectric": lambda m: ab.spin_magnetoelectric(m, **METAL).total,
    "spin_magnetoelectric of an insulator": lambda m: ab.spin_magnetoelectric(m, 1, tolerance=ROUGH).total,
    "observable_density": lambda m: ab.observable_density(m, 1, operators(m), tolerance=ROUGH).total,
    "observable_response": lambda m: ab.observable_response(m, 1, operators(m), tolerance=ROUGH).total,
    "magnetoelectric": lambda m: ab.magnetoelectric(m, 1, tolerance=EXACT).total,
    "magnetic_polarization": lambda m: ab.magnetic_polarization(m, 1, tolerance=EXACT).total,
}
FLAT = {
    "chemical_potential": lambda m: ab.chemical_potential(m, 1.4, 0.5, tolerance=1e-3).total,
    "nonlinear_ettingshausen": lambda m: ab.nonlinear_ettingshausen(m, **METAL).total,
    "magnetoelectric of a metal": lambda m: ab.magnetoelectric(m, **METAL).total,
    "inplane_magnetization": lambda m: ab.inplane_magnetization(m, 1, height(m), tolerance=ROUGH).total,
    "layer_magnetoelectric": lambda m: ab.layer_magnetoelectric(m, 1, height(m), tolerance=EXACT).total,
}
SOLID = {"axion_angle": lambda m: ab.axion_angle(m, 1, tolerance=EXACT).axion_angle}


def perturbative(cycle):
    return ab.pumped_magnetization(cycle, 1, tolerance=EXACT, chern_simons=False).perturbative


def moment_of_a_quantum(cycle):
    """Two atoms on circles: spin and orbital motion of the electrons."""
    theta = 2 * np.pi * np.arange(SAMPLES) / SAMPLES
    circle = 0.1 * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    atoms = np.stack([circle, -circle], axis=1)
    return ab.phonon_moment(cycle, [1.0, 2.0], atoms, 1, tolerance=EXACT, degeneracy=1).total


CYCLES = {
    "pumped_spin": lambda c: ab.pumped_spin(c, 1, tolerance=EXACT).total,
    "perturbative pumped_magnetization": lambda c: (
        ab.pumped_magnetization(c, 1, tolerance=EXACT, chern_simons=False).perturbative
    ),
    "instantaneous_magnetization": lambda c: (
        ab.instantaneous_magnetization(c, 1, [0.2, 3.0], tolerance=ROUGH).perturbative
    ),
    "magnetization_map": lambda c: ab.magnetization_map(c, [0.1, 0.5], [0.3], 0.7)["shift"],
}
LAYERS = {
    "phonon_moment": moment_of_a_quantum,
    "pumped_observable": lambda c: ab.pumped_observable(c, 1, operators(c), tolerance=EXACT).total,
    "pumped_magnetization": lambda c: ab.pumped_magnetization(c, 1, tolerance=EXACT).total,
    "pumped_inplane_magnetization": lambda c: ab.pumped_inplane_magnetization(c, 1, height(c), tolerance=EXACT).total,
}
MODELS = [(2, name) for name in (ANY | FLAT)] + [(3, name) for name in (ANY | SOLID)]


@pytest.fixture(scope="module")
def cycles():
    """The crystal in two and three dimensions, and in all other functions."""
    found = {d: {"": cycle_of(d)} for d in (2, 3)}
    for family in found.values():
        family |= {name: changed(family[""], name) for name in CHANGES}
    return found


def check(call, crystals, accuracy=1e-9):
    expected, *others = (call(crystal).values for crystal in crystals)
    scale = np.abs(expected).max()
    assert scale > 1e-6
    for found in others:
        np.testing.assert_allclose(found, expected, rtol=0, atol=accuracy * scale)


@pytest.mark.parametrize(("dimension", "name"), MODELS)
def test_models(dimension, name, cycles):
    call = (ANY | FLAT | SOLID)[name]
    # one phase of each, in functions that turn from phase to phase as well; the bisection has its own accuracy
    check(call, [cycle.at(0.4) for cycle in cycles[dimension].values()], 1e-7 if name == "chemical_potential" else 1e-9)


@pytest.mark.parametrize("name", CYCLES | LAYERS)
def test_cycles(name, cycles):
    check((CYCLES | LAYERS)[name], cycles[2].values())


@pytest.mark.slow
@pytest.mark.parametrize("name", CYCLES)
def test_cycles_in_three_dimensions(name, cycles):
    check(CYCLES[name], [cycles[3][""], cycles[3]["spread"]])


@pytest.mark.parametrize("dimension", [2, 3])
def test_polarization(dimension, cycles):
    """Modulo its quantum; with the origin it moves by the charge of the occupied band."""
    for name, cycle in cycles[dimension].items():
        found = ab.polarization(cycle.at(0.4), 1, tolerance=EXACT)
        if name == "":
            expected = found.polarization.values
            continue
        brought = (0.37 if name == "shifted" else 0.0) / cycle.lattice.measure
        turns = np.linalg.solve(found["quantum"].values.T, found.polarization.values - expected - brought)
        assert np.abs(turns - np.rint(turns)).max() < 1e-9


def test_pumped_charge(cycles):
    """Integers; here the functions' homes go round the torus with the charge on them, or do not."""
    for family in cycles.values():
        charges = [ab.pumped_charge(cycle, 1).charge.values.tolist() for cycle in family.values()]
        assert all(charge == charges[0] for charge in charges)


def test_the_functions_differ(cycles):
    """What must not matter is there: curvature of the space, motion, spins and heights between cells."""
    for family in cycles.values():
        for name, cycle in family.items():
            assert np.abs(cycle.motion).max() > 0.02
            frame = ab.eigenframe(
                cycle,
                [basis_curvature_name("kx", "ky"), basis_curvature_name("kx", "theta")],
                k=np.full((1, cycle.lattice.dimension), 0.3),
                theta=0.2,
            )
            assert min(np.abs(D).max() for D in frame.derivatives.values()) > 0.02
            assert len(cycle.at(0.4).spin_by_cell) > 1
            if name:
                assert cycle.digest != family[""].digest


def test_what_is_refused(cycles):
    """What has no place for a position matrix yet, and what depends on a motion that is not told."""
    cycle = cycles[2][""]
    untold = ab.Cycle(cycle.snapshots)
    for call in (lambda: ab.local_current(untold, 1), lambda: ab.finite.local_current(lambda s: untold, 1, 16)):
        with pytest.raises(InvalidModelError, match=r"how its Wannier functions move.*motion="):
            call()
    for call in (
        lambda: ab.pumped_magnetization(untold, 1),
        lambda: ab.pumped_inplane_magnetization(untold, 1, height(untold)),
        lambda: ab.finite.pumped_magnetization(untold, 1, 3),
        lambda: ab.finite.ribbon_magnetization(untold, 1, 6),
    ):
        with pytest.raises(InvalidArgumentError, match=r"motion="):
            call()
