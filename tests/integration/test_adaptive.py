"""Adaptive boxes: exact integrals, narrow minima at any wave vector, cycles, limits, the same bits everywhere."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.arrays import tensor_grid
from adiabloch.errors import ToleranceNotReachedError
from adiabloch.integration.adaptive import integrate_adaptively
from adiabloch.integration.gauss_boxes import gauss_rule
from adiabloch.integration.goal import Goal
from adiabloch.integration.protocols import Minimum, Sample
from sweeps import slow


@dataclass(frozen=True)
class Peak:
    """1/(distance^2 + width^2) around a point of the torus, with the gap of a Dirac cone; its integral is known.

    With another power of the gap, the pole is of higher order.
    """

    place: tuple[float, ...]
    width: float
    batch: int = 1000
    seen: list = field(default_factory=list)
    blind: bool = False
    power: int = 2

    @property
    def dimension(self):
        return len(self.place)

    def __call__(self, axes):
        return self.on_grids([axes])

    def on_grids(self, grids):
        points = np.concatenate([tensor_grid(axes) for axes in grids])
        self.seen.append(len(points))
        # periodic distance
        away = np.sin(np.pi * (points - self.place)) / np.pi
        slopes = (not self.blind) * np.abs(np.cos(np.pi * (points - self.place)))
        gap = np.sqrt((away**2).sum(axis=1) + self.width**2)
        values = (1.0 / gap**self.power)[:, None]
        lowest = int(gap.argmin())
        minima = {"gap": Minimum(float(gap[lowest]), points[lowest])}
        return Sample(values, 1e-16 * np.abs(values[:, 0]), minima, slopes / gap[:, None])


def exact(width, dimension):
    """Mean of the peak: 1/(width^2 + sin^2/pi^2) in one dimension; a sum over it in two."""
    if dimension == 1:
        return np.pi / (width * np.sqrt(1 / np.pi**2 + width**2)) / np.pi
    x = np.linspace(0, 1, 2**16, endpoint=False) if width > 1e-3 else None
    assert x is not None
    inner = np.sqrt(width**2 + np.sin(np.pi * x) ** 2 / np.pi**2)
    return float((1 / (inner * np.sqrt(1 / np.pi**2 + inner**2))).mean())


def test_rules_are_exact_for_polynomials():
    rule = gauss_rule(10)
    for degree in (0, 5, 19):
        assert rule.weights @ rule.nodes**degree == pytest.approx(1 / (degree + 1), rel=1e-14)
    # coefficients of P_3
    x = 2 * rule.nodes - 1
    assert rule.coefficients @ (2.5 * x**3 - 1.5 * x) == pytest.approx(np.eye(10)[3], abs=1e-14)


@pytest.mark.parametrize("place", [(0.3141,), (0.3141, 0.7182)])
@pytest.mark.parametrize("width", [0.1, 0.01, 0.003])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-10])
def test_a_peak_has_its_exact_integral(place, width, tolerance):
    found = integrate_adaptively(Peak(place, width), Goal(tolerance), first=[12] * len(place))
    true = exact(width, len(place))
    assert found.converged
    assert abs(found.value[0] - true) <= found.error <= tolerance * true
    assert found.mesh == ()
    assert found.points == 12 ** len(place) * found.boxes or found.points > 0


@pytest.mark.parametrize("power", [8, *slow(2, 4)])
def test_error_bars_hold_for_poles_of_high_order(power):
    """The Legendre coefficients of such poles decay more slowly at first than the gap and its slope imply."""
    rng, x = np.random.default_rng(power), np.arange(4096) / 4096
    for in_the_middle in [False, True] * 200:
        tolerance, width, place = 10 ** rng.uniform(-9, -1), 10 ** rng.uniform(-1.5, -0.3), rng.random()
        if in_the_middle:
            place = (np.floor(6 * place) + 0.5) / 6
        peak = Peak((float(place),), float(width), power=power)
        found = integrate_adaptively(peak, Goal(tolerance), first=[12])
        true = peak([x]).values.mean()
        assert found.converged
        assert abs(found.value[0] - true) <= found.error + 1e-13 * true


@pytest.mark.parametrize("width", [1e-3, 1e-6])
def test_the_number_of_points_grows_with_the_logarithm(width):
    found = integrate_adaptively(Peak((0.3141, 0.7182), width), Goal(1e-6), first=[12, 12])
    assert found.converged
    assert found.points < 40_000


def test_a_narrow_peak_is_missed_by_nodes_that_know_no_slopes():
    """The slopes of the gap are needed: the values on the nodes of the first boxes show nothing of a narrow peak."""
    place, width = (0.13, 0.37), 1e-5
    found, blind = (
        integrate_adaptively(Peak(place, width, blind=blind), Goal(1e-1), first=[8, 8]) for blind in (False, True)
    )
    assert found.converged
    assert blind.converged
    assert abs(found.value[0] - blind.value[0]) > found.error + blind.error


def test_the_limit_ends_with_an_estimate():
    found = integrate_adaptively(Peak((0.3, 0.7), 1e-6), Goal(1e-8, limit=3000), first=[12, 12])
    assert not found.converged
    assert found.points <= 3000
    assert np.isfinite(found.value).all()
    with pytest.raises(ToleranceNotReachedError, match="nothing evaluated: the first boxes have"):
        integrate_adaptively(Peak((0.3, 0.7), 1e-6), Goal(1e-8, limit=300), first=[12, 12])


def shifted(model, q):
    """The same crystal at k + q: all integrals over the zone are the same."""
    hoppings = {R: np.exp(2j * np.pi * np.dot(q, R)) * h for R, h in model.hoppings.items()}
    return ab.TightBinding(model.lattice, model.positions, hoppings, reduced=False)


@pytest.mark.parametrize(
    ("gap", "trials"), [(1e-2, 4), (1e-4, 4), *slow((1e-6, 4), (1e-2, 50), (1e-4, 50), (1e-6, 100))]
)
def test_the_place_of_a_narrow_gap_does_not_matter(gap, trials):
    model, rng = ab.models.tilted_dirac(tilt=0.3, mass=gap / 2), np.random.default_rng(3)
    exact = ab.magnetoelectric(model, 1, tolerance=1e-8)
    assert exact.attrs["boxes"] > 50
    for _ in range(trials):
        found = ab.magnetoelectric(shifted(model, rng.random(2)), 1, tolerance=10 ** rng.uniform(-6, -1))
        assert found.attrs["converged"]
        assert found.attrs["points"] < 60_000
        off = np.abs(found.total - exact.total).max()
        assert off <= (found.error + exact.error).max()


@pytest.mark.parametrize("gap", [0.1, *slow(0.05)])
def test_boxes_and_mesh_agree(gap):
    model = ab.models.tilted_dirac(tilt=0.3, mass=gap / 2)
    boxes = ab.magnetoelectric(model, 1, tolerance=1e-6)
    mesh = ab.magnetoelectric(model, 1, mesh=int(64 / gap))
    assert boxes.attrs["boxes"] > 0 == len(boxes.attrs["mesh"])
    assert np.abs(boxes.total - mesh.total).max() <= (boxes.error + mesh.error).max()


@pytest.mark.filterwarnings("ignore::adiabloch.errors.AccuracyWarning")
def test_rounding_errors_grow_with_the_inverse_gap():
    """The same crystal with its bands moved in the zone: the states at a gap of 1e-6 have few digits."""
    model = ab.models.gapped_honeycomb(delta=5e-7, t1=0.1)
    operator = np.array([[0.3, 0.2 - 0.5j], [0.2 + 0.5j, -0.8]])
    found = []
    for moved in ((0.0, 0.0), (0.31, 1.7), (2.2, -0.4)):
        hoppings = {R: hopping * np.exp(1j * np.dot(moved, R)) for R, hopping in model.hoppings.items()}
        crystal = ab.TightBinding(model.lattice.vectors, model.positions, hoppings)
        how = {"tolerance": 1e-10, "symmetry": "none"}
        found.append(ab.observable_response(crystal, 1, {"O": operator}, **how))
    for other in found[1:]:
        assert (np.abs(other.total - found[0].total) <= other.error + found[0].error).all()
    assert float(found[0].error.max()) < 1e-9


def test_a_pump_with_a_small_gap():
    """Boxes over k at each phase; half a step along the cycle changes nothing."""
    model = ab.models.gapped_honeycomb(0.01, 0.1)
    cycle = ab.models.rotating_bonds(model, 0.05)
    later = ab.Cycle([cycle.at(2 * np.pi * (j + 0.37) / 8) for j in range(8)])
    here, there = (ab.pumped_magnetization(c, 1, chern_simons=False, tolerance=1e-3) for c in (cycle, later))
    assert here.attrs["boxes"] > 0
    assert here.attrs["points"] < 500_000
    assert np.abs(here.perturbative - there.perturbative).max() <= (here.error + there.error).max()
    assert np.abs(here.perturbative).max() > 1e-3


def test_the_same_bits_on_every_executor():
    model = ab.models.tilted_dirac(tilt=0.3, mass=1e-3)
    with ThreadPoolExecutor(3) as pool:
        results = [ab.magnetoelectric(model, 1, executor=executor) for executor in (1, 2, pool)]
    assert len({result.total.values.tobytes() for result in results}) == 1
    assert len({result.error.values.tobytes() for result in results}) == 1
