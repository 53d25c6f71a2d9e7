"""What Wannier functions leave out: a crystal in plane waves, with all its bands, knows the pumped magnetization."""

from functools import cache

import pytest

import adiabloch as ab
from adiabloch.engine.run import Run
from adiabloch.models.harmonics import theta_derivatives
from adiabloch.workflows.dipoles import dipoles
from plane_waves import AREA, OCCUPIED, PHASES, Mesh, Turning
from sweeps import slow

SQUARE = 0.1**2
RELATIVE, ONE = (0.5, -0.5), (1.0, 0.0)


@pytest.fixture(scope="module")
def turning():
    return Turning(RELATIVE, mesh=Mesh(6, 9))


@pytest.fixture(scope="module")
def sets(turning):
    return cache(turning.wannier)


def electrons(models):
    """Mean displacement of the electrons."""
    return dipoles(ab.Cycle(models, tolerance=1), OCCUPIED, Run(1e-3)) / OCCUPIED


def pumped(models, motion):
    """Perturbative and Chern-Simons part of a cell, upon the square of the radius."""
    found = ab.pumped_magnetization(ab.Cycle(models, motion=motion, tolerance=1), OCCUPIED, tolerance=1e-3)
    return [float(part[0]) * AREA / SQUARE for part in (found.perturbative, found.chern_simons)]


@pytest.fixture(scope="module")
def told(sets):
    """Both parts as a function of how many functions there are, which are told how they move."""

    @cache
    def parts(count):
        models, waves = sets(count)
        return pumped(models, ab.models.motion_from_plane_waves(models, waves, mass=1.0))

    return parts


@pytest.fixture(scope="module")
def exact(turning, told):
    """All bands, and a Chern-Simons part for which the occupied ones are enough."""
    return turning.perturbative() / SQUARE + told(4)[1]


@pytest.mark.parametrize("count", [4, *slow(6, 12)])
def test_chern_simons_part_needs_only_the_occupied_bands(told, count):
    """One, three or nine empty functions: the part is the same if it is known how they move."""
    assert told(count)[1] == pytest.approx(0.4812, abs=5e-4)


def test_wells_that_go_round_in_another_frame(turning, exact):
    """One well turns and the other rests, or both turn about each other: differ by a motion of the whole crystal.

    For n electrons with dipole moment d, that go round with w in addition: <d x w'> + (n/2) <w x w'> more.
    """
    other = Turning(ONE, mesh=turning.mesh)
    models, waves = other.wannier(4)
    resting = (
        other.perturbative() / SQUARE + pumped(models, ab.models.motion_from_plane_waves(models, waves, mass=1.0))[1]
    )
    whole = (turning.displacements - other.displacements)[:, 0]
    moment = OCCUPIED * electrons(models) + 0.5 * OCCUPIED * whole
    assert abs(resting) < 0.05 * abs(exact)
    speed = theta_derivatives(whole)
    carried = (moment[:, 0] * speed[:, 1] - moment[:, 1] * speed[:, 0]).mean() / SQUARE
    assert resting + carried == pytest.approx(exact, abs=2e-3)


@pytest.mark.slow
def test_few_empty_functions_are_nearly_enough(sets, told, exact):
    """Told how the functions move, and that most of it is shared by all electrons."""
    assert exact == pytest.approx(0.5153, abs=1e-3)
    errors = {}
    for count in (4, 6, 12):
        models, waves = sets(count)
        motion = ab.models.motion_from_plane_waves(models, waves, common=electrons(models), mass=1.0)
        with_common, without = (abs(sum(parts) / exact - 1) for parts in (pumped(models, motion), told(count)))
        assert with_common < without
        errors[count] = with_common
    assert errors[12] < 0.03
    assert errors[12] < errors[6] < 0.1
    assert errors[6] < errors[4] < 0.3


@pytest.mark.slow
def test_a_guess_is_worse(turning, sets, exact):
    """Functions that ride on their atoms, with the momentum of H: half the total with six functions."""
    off = {}
    for count in (6, 12):
        models = sets(count)[0]
        off[count] = sum(pumped(models, ab.models.atom_following(models, turning.riders(count), mass=1.0))) / exact - 1
    assert -0.6 < off[6] < -0.3
    assert 0.05 < off[12] < 0.15


def test_plane_waves_that_do_not_belong_are_refused(sets):
    models, waves = sets(4)
    with pytest.raises(ab.errors.InvalidModelError, match=r"7 sets of plane waves for 8 snapshots"):
        ab.models.motion_from_plane_waves(models, waves[1:], mass=1.0)
    moved = [model.moved(1, (1, 0)) for model in models]
    with pytest.raises(ab.errors.InvalidModelError, match=r"centres of snapshot 0 are not those of its plane waves"):
        ab.models.motion_from_plane_waves(moved, waves, mass=1.0)
    mixed = [waves[(3 * phase) % PHASES] for phase in range(PHASES)]
    with pytest.raises(ab.errors.InvalidModelError, match=r"centres of snapshot \d"):
        ab.models.motion_from_plane_waves(models, mixed, mass=1.0)


def test_functions_that_change_sign_are_refused(sets):
    models, waves = sets(4)
    broken = list(waves)
    broken[3] = type(broken[3])(broken[3].grid, -broken[3].functions, broken[3].centres)
    with pytest.raises(ab.errors.CoarseCycleError, match=r"not smooth along the cycle: .* reach \d"):
        ab.models.motion_from_plane_waves(models, broken, mass=1.0)
