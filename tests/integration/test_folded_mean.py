"""Wedges of the zone, and equivalent phases of cycles, for boxes of insulators with small gaps."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration import folded_mean
from adiabloch.integration.folded_mean import FoldedMean
from adiabloch.integration.wedges import Wedge
from sweeps import slow
from symmetric_insulators import narrow_symmetric
from symmetric_metals import TURN

SIGMA_Z = {"O": np.diag([1.0, -1.0])}


def noisy(model, size, seed=1):
    """The model with random terms in all hoppings."""
    rng = np.random.default_rng(seed)
    hoppings = {}
    for R, block in model.hoppings.items():
        random = rng.normal(size=block.shape) + 1j * rng.normal(size=block.shape)
        hoppings[R] = block + 0.5 * size * random
    # Hermitian
    hoppings = {R: 0.5 * (h + hoppings[tuple(-r for r in R)].conj().T) for R, h in hoppings.items()}
    return ab.TightBinding(model.lattice, model.positions, hoppings)


def both(response, model, *arguments, **how):
    return [response(model, 1, *arguments, symmetry=which, progress=False, **how) for which in ("find", "none")]


def agree(found, whole, name="total"):
    assert found.attrs["boxes"] > 0 < whole.attrs["boxes"]
    bars = (found.error + whole.error).max()
    assert (np.abs(found[name] - whole[name]) <= bars + 1e-13 * np.abs(whole[name]).max()).all()
    assert found.converged == whole.converged


KINDS = (
    "C2",
    "C3",
    "C4",
    "C6",
    "mirror",
    "reflection",
    "inversion",
    "reversal",
    "turned",
    "C3, turned",
    "C4, turned",
    "C6, turned",
    "C4, reversal",
)
RESPONSES = (
    lambda model, occupied, **how: ab.observable_density(model, occupied, SIGMA_Z, **how),
    ab.magnetoelectric,
    lambda model, occupied, **how: ab.observable_response(model, occupied, SIGMA_Z, **how),
)


QUICK = ("mirror", "C3, turned", "C6, turned")


@pytest.mark.parametrize("kind", [kind if kind in QUICK else slow(kind)[0] for kind in KINDS])
@pytest.mark.parametrize("gap", [3e-3, *slow(1e-4)])
def test_all_groups_of_planes(kind, gap):
    """Scalars and vectors; boxes of random models with gaps at any place of the zone."""
    rng = np.random.default_rng(KINDS.index(kind))
    model = next(made for made in (narrow_symmetric(rng, 2, kind, gap) for _ in range(20)) if made is not None)
    several = [both(response, model, tolerance=1e-4) for response in RESPONSES]
    for found, whole in several:
        agree(found, whole)
        # all values of some responses vanish by symmetry, and their rounding errors have none
        assert found.points <= whole.points
    assert sum(whole.points for _, whole in several) > 1.3 * sum(found.points for found, _ in several)


CYCLES = (
    "C3 screw",
    "C3 screw, reversal",
    "C3 screw, turned back",
    "mirror back",
    "C4 screw",
    "C2 screw",
    "turned back",
    "reversal back",
    "inversion screw",
    "reflection screw",
    "C3",
)


@pytest.mark.parametrize("kind", slow(*CYCLES))
def test_cycles(kind):
    """Operations that shift or reverse the phase, of random cycles."""
    rng = np.random.default_rng(CYCLES.index(kind))
    made = (narrow_symmetric(rng, 2, kind, 0.03, driven=True) for _ in range(20))
    cycle = next(cycle for cycle in made if cycle is not None)
    found, whole = both(ab.pumped_magnetization, cycle, chern_simons=False, tolerance=1e-2)
    agree(found, whole, "perturbative")
    assert found.points < 0.7 * whole.points


@pytest.mark.parametrize("kind", ["C3 screw", "mirror back"])
def test_rotating_bonds_with_fewer_symmetries(kind):
    """Complex hoppings of second neighbours leave the screw, and a mirror with reversal; a strong bond the mirrors."""
    if kind == "C3 screw":
        model = ab.models.haldane(0.3 * np.sqrt(3) * np.sin(1.2) - 0.02, 0.1, 1.2)
    else:
        model = ab.models.gapped_honeycomb(0.02, 0.1)
        home = model.hoppings[0, 0] * (1 + 0.1 * (1 - np.eye(2)))
        model = ab.TightBinding(model.lattice, model.positions, {**model.hoppings, (0, 0): home})
    cycle = ab.models.rotating_bonds(model, 0.05)
    found, whole = both(ab.pumped_magnetization, cycle, chern_simons=False, tolerance=1e-2)
    agree(found, whole, "perturbative")
    assert found.points < 0.6 * whole.points


@pytest.mark.parametrize("gap", [0.02, *slow(0.002)])
def test_far_fewer_points_of_the_paper(gap):
    """The bonds rotate by a third of the zone with a third of the cycle; a mirror reverses it."""
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(gap / 2, 0.1), 0.05)
    found, whole = both(ab.pumped_magnetization, cycle, chern_simons=False, tolerance=1e-3)
    agree(found, whole, "perturbative")
    assert whole.points > 6 * found.points


def solid(gap, noise=0.0):
    """Dirac cone in space without inversion or time reversal, on a cubic lattice."""
    x, y, z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1])
    gammas = [np.kron(x, one) for one in (x, y, z)]
    mass = np.kron(z, np.eye(2))
    home = (3 + gap / 2) * mass + 0.1 * gap * np.kron(y, np.eye(2)) + 0.05 * gap * np.kron(np.eye(2), z)
    hoppings = {(0, 0, 0): home}
    for R, gamma in zip(np.eye(3, dtype=int), gammas, strict=True):
        hoppings[tuple(R.tolist())] = -0.5j * gamma - 0.5 * mass
        hoppings[tuple((-R).tolist())] = 0.5j * gamma - 0.5 * mass
    model = ab.TightBinding(np.eye(3), np.zeros((4, 3)), hoppings)
    return noisy(model, noise) if noise else model


def test_solids():
    observable = {"O": np.kron(SIGMA_Z["O"], np.eye(2))}
    found, whole = (
        ab.observable_density(solid(0.1), 2, observable, tolerance=1e-5, symmetry=which, progress=False)
        for which in ("find", "none")
    )
    agree(found, whole)
    assert whole.points > 8 * found.points


def test_equal_boxes_have_equal_sums():
    """Reversal at rest halves the zone of this lattice along an axis: boxes of both calculations are the same."""
    model = ab.models.tilted_dirac(tilt=0.3, mass=1e-3)
    found, whole = both(ab.magnetoelectric, model, tolerance=1e-6)
    np.testing.assert_allclose(found.total, whole.total, rtol=1e-11, atol=1e-11 * np.abs(whole.total).max())
    assert float(found.error.max()) == pytest.approx(float(whole.error.max()), rel=1e-3)


@pytest.mark.parametrize("noise", [1e-7, *slow(1e-3, 1e-10)])
def test_noise_leaves_no_symmetry(noise):
    """Noise far below the accuracy of the energies changes a narrow gap, and its images, by more."""
    gap = 1e-3
    model = noisy(ab.models.gapped_honeycomb(gap / 2, 0.1), noise * gap)
    response = RESPONSES[0]
    found, whole = both(response, model, tolerance=1e-8)
    if noise > 1e-9:
        assert found.points == whole.points
        np.testing.assert_array_equal(found.total, whole.total)
    agree(found, whole)


def test_different_gaps_at_equivalent_points():
    """A difference of masses by 1e-11 is rounding at random points, but not near a smallest gap of 1e-5."""
    gap, change = 1e-5, 1e-11
    model = ab.models.gapped_honeycomb(gap / 2, 0.1)
    hoppings = {R: h.copy() for R, h in model.hoppings.items()}
    # of opposite signs at the two corners of the zone
    for R in ((1, 0), (0, -1), (-1, 1)):
        hoppings[R] = hoppings[R] + 1j * change * SIGMA_Z["O"]
        opposite = tuple(-r for r in R)
        hoppings[opposite] = hoppings[opposite] - 1j * change * SIGMA_Z["O"]
    model = ab.TightBinding(model.lattice, model.positions, hoppings)
    found, whole = both(RESPONSES[2], model, tolerance=1e-8)
    assert (np.abs(found.total - whole.total) <= found.error).all()


def test_wrong_transformations_are_seen(monkeypatch):
    """Vectors that are taken for scalars."""
    model = ab.models.gapped_honeycomb(0.01, 0.1)
    tilted = ab.models.tilted_dirac(tilt=0.3, mass=1e-2)
    right = folded_mean._mean
    monkeypatch.setattr(folded_mean, "_mean", lambda matrices: np.eye(matrices.shape[1]))
    found, whole = both(ab.magnetoelectric, model, tolerance=1e-4)
    assert (np.abs(found.total - whole.total) > found.error + whole.error).any()
    monkeypatch.setattr(folded_mean, "_mean", right)
    for crystal in (model, tilted):
        agree(*both(ab.magnetoelectric, crystal, tolerance=1e-4))


def test_phases_of_a_group():
    """Thirds of a period and a reversal: two of nine phases, and the sums over all of them."""
    angle = 2 * np.pi / 3
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turns, matrices = [], []
    for power in range(3):
        for sign in (1, -1):
            turns.append([sign, power / 3])
            matrices.append(np.diag([1.0, sign]) @ np.linalg.matrix_power(turn, power))
    folded = FoldedMean(Wedge.zone(2), np.eye(2), None, np.array(turns), np.array(matrices))
    assert folded.phases(8) == 9
    first, sizes = folded.orbits(9)
    assert sorted(set(first)) == [0, 1]
    assert sizes.tolist() == [3, 6, 0, 0, 0, 0, 0, 0, 0]
    x = 2 * np.pi * np.arange(9) / 9
    vector = np.stack([np.cos(x) + 0.2 * np.cos(2 * x), np.sin(x) - 0.2 * np.sin(2 * x)], axis=1)
    some = np.where((sizes > 0)[:, None], vector, 0.0)
    np.testing.assert_allclose(folded.at_all_phases(some), vector, atol=1e-14)


def test_the_same_bits_on_every_executor():
    model = ab.models.gapped_honeycomb(1e-3, 0.1)
    with ThreadPoolExecutor(3) as pool:
        results = [RESPONSES[0](model, 1, executor=executor) for executor in (1, 2, pool)]
    assert len({result.total.values.tobytes() for result in results}) == 1
    assert len({result.error.values.tobytes() for result in results}) == 1


def test_given_operations():
    """Of a model that has them, those that are given and no others."""
    model = ab.models.gapped_honeycomb(0.01, 0.1)
    found, whole = both(RESPONSES[0], model, tolerance=1e-5)
    given = RESPONSES[0](model, 1, symmetry=[TURN], tolerance=1e-5)
    agree(given, whole)
    assert found.points <= given.points < whole.points
    assert float(given.error.max()) < 1e-5 * float(np.abs(given.total).max())
    cycle = ab.models.rotating_bonds(model, 0.05)
    with pytest.raises(InvalidArgumentError, match="the values at equivalent points are unlike"):
        ab.pumped_magnetization(cycle, 1, symmetry=[TURN], chern_simons=False, tolerance=1e-3)
    half = ab.pumped_magnetization(cycle, 1, symmetry=[-np.eye(2)], chern_simons=False, tolerance=1e-3)
    agree(half, ab.pumped_magnetization(cycle, 1, symmetry="none", chern_simons=False, tolerance=1e-3), "perturbative")


@pytest.mark.parametrize("noise", [1e-3, *slow(1e-5, 1e-4, 3e-3)])
def test_given_operations_of_noisy_models(noise):
    """The error includes what the model lacks of them, near its narrow gaps as well."""
    for seed in range(2):
        model = noisy(ab.models.gapped_honeycomb(0.01, 0.1), noise * 0.02, seed)
        for response in RESPONSES[:2]:
            whole = response(model, 1, symmetry="none", tolerance=1e-6)
            given = response(model, 1, symmetry=[TURN], tolerance=1e-6)
            assert given.points < whole.points
            assert (np.abs(given.total - whole.total) <= given.error + whole.error).all()
    with pytest.raises(InvalidArgumentError, match="the values at equivalent points are unlike"):
        RESPONSES[0](noisy(model, 0.01), 1, symmetry=[TURN])
