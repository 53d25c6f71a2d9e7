"""Paths of models that do not close, or that the snapshots do not resolve."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import CoarseCycleError, InvalidModelError
from adiabloch.models import WannierModel, gapped_honeycomb
from sweeps import slow

SPIN = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]) / 2


def turning(phase, what="hoppings"):
    """Function of theta in which hoppings, positions, spin operators or the position matrix depend on a phase."""
    still = gapped_honeycomb(0.5, 0.1)

    def model(theta):
        a = phase(theta)
        circle = 0.05 * np.array([np.cos(a), np.sin(a)])
        turn = np.array([[0, np.exp(1j * a)], [np.exp(-1j * a), 0]])
        if what == "positions":
            return ab.TightBinding(still.lattice, still.positions + np.array([circle, -circle]), still.hoppings)
        if what == "spin operators":
            return ab.TightBinding(still.lattice, still.positions, still.hoppings, SPIN + 0.1 * turn)
        if what == "position matrices":
            home = np.zeros((2, 2, 2), complex)
            home[[0, 1], [0, 1]] = still.positions
            return WannierModel(still.lattice, None, still.hoppings, {(0, 0): home + 0.1 * turn[:, :, None]})
        hoppings = {**still.hoppings, (0, 0): still.hoppings[0, 0] + 0.1 * turn}
        return ab.TightBinding(still.lattice, still.positions, hoppings)

    return model


@pytest.mark.parametrize("what", ["hoppings", "positions", "spin operators", "position matrices"])
@pytest.mark.parametrize("samples", [None, 13, *slow(8)])
@pytest.mark.parametrize(
    ("phase", "hint"),
    [
        (lambda t: t / 2, "half of the cycle"),
        (np.deg2rad, "it seems to take degrees"),
        (lambda t: 2 * np.pi * t, "it seems to take turns"),
        (lambda t: 1.3 * t, r"is theta in radians\?"),
    ],
)
def test_open_paths(what, samples, phase, hint):
    with pytest.raises(InvalidModelError, match=rf"does not close: .* {what} differ by .*{hint}"):
        ab.Cycle.from_function(turning(phase, what), samples)
    ab.Cycle.from_function(turning(lambda t: t, what), samples)
    ab.Cycle.from_function(turning(lambda t: -2 * t + 1, what), samples)


def test_drifts():
    with pytest.raises(InvalidModelError, match="the same again: a drift"):
        ab.Cycle.from_function(lambda t: gapped_honeycomb(0.5 + 0.01 * t))
    with pytest.raises(InvalidModelError, match=r"does not close.*is theta in radians"):
        ab.Cycle.from_function(lambda t: gapped_honeycomb(0.5 + 0.001 * t**2))


def test_a_small_drift_of_a_large_cycle():
    def drifting(theta, by):
        model = turning(lambda t: t)(theta)
        hoppings = {**model.hoppings, (0, 0): model.hoppings[0, 0] + by * theta * np.eye(2)}
        return ab.TightBinding(model.lattice, model.positions, hoppings)

    with pytest.raises(InvalidModelError, match="does not close"):
        ab.Cycle.from_function(lambda t: drifting(t, 1e-5), 8, tolerance=0.1)
    # the rounding of 2 pi is no drift
    ab.Cycle.from_function(lambda t: drifting(t, 1e-14), 8)


@pytest.mark.parametrize("wave", [np.cos, np.sin])
@pytest.mark.parametrize("samples", [None, 8, 16])
def test_harmonics_that_the_samples_do_not_resolve(wave, samples):
    def model(theta):
        return gapped_honeycomb(0.5 + 0.1 * np.cos(theta) + 0.05 * wave(16 * theta), 0.1)

    if samples is None:
        cycle = ab.Cycle.from_function(model)
        assert cycle.at(0.1).hoppings[0, 0][0, 0] == pytest.approx(model(0.1).hoppings[0, 0][0, 0], abs=1e-12)
        return
    with pytest.raises(CoarseCycleError, match=r"at theta = .* differs from their interpolation") as caught:
        ab.Cycle.from_function(model, samples)
    assert caught.value.tail > 0.1


def test_interpolation_error_is_part_of_the_error_bar():
    """A harmonic that is constant on eight samples, and too small for an error."""
    cycle = ab.Cycle.from_function(lambda t: turning(lambda a: a + 1e-3 * np.cos(8 * a))(t), 8)
    assert 1e-4 < cycle.tail < 1e-2
    assert ab.Cycle.from_function(turning(lambda t: t), 8).tail == 0.0


@pytest.mark.parametrize("count", [5, 9, 24])
@pytest.mark.parametrize("what", ["hoppings", "positions", "spin operators", "position matrices"])
def test_a_snapshot_given_twice(what, count):
    snapshots = [turning(lambda t: t, what)(theta) for theta in np.linspace(0, 2 * np.pi, count)]
    with pytest.raises(InvalidModelError, match="first and last snapshot are equal: leave the last out"):
        ab.Cycle(snapshots, tolerance=1.0)
    ab.Cycle(snapshots[:-1])


def test_a_path_that_reverses():
    """First and last snapshot may be equal if the path reverses between them."""
    N = 12
    ab.Cycle([gapped_honeycomb(0.5 + 0.1 * np.cos(2 * np.pi * (j + 0.5) / N), 0.1) for j in range(N)])
    with pytest.raises(InvalidModelError, match="leave the last out"):
        ab.Cycle([gapped_honeycomb(0.5 + 0.1 * np.cos(2 * np.pi * j / N), 0.1) for j in range(N + 1)])
    ab.Cycle([gapped_honeycomb(0.5, 0.1)] * 4)


def test_snapshots_that_do_not_close():
    snapshots = [turning(lambda t: t / 2)(theta) for theta in 2 * np.pi * np.arange(24) / 24]
    with pytest.raises(CoarseCycleError, match=r"does the path not close\? Hoppings change by 0\.2 from the last"):
        ab.Cycle(snapshots)


def test_a_function_defined_at_its_samples_only():
    def table(theta):
        return {0.0: gapped_honeycomb(0.5)}[theta]

    with pytest.raises(KeyError) as caught:
        ab.Cycle.from_function(table, 8)
    assert "from_function" in caught.value.__notes__[0]


@pytest.mark.parametrize("samples", [None, 10, 64])
def test_a_path_that_jumps(samples):
    """The function closes; what is missing is no snapshot but its continuity."""

    def stepped(theta):
        return ab.models.rice_mele(0.3 + 0.2 * (np.sin(theta) > 0), 0.1)

    with pytest.raises(CoarseCycleError, match="cycle: sampled too coarsely"):
        ab.Cycle.from_function(stepped, samples)


@pytest.mark.parametrize("where", [1.2, 1.93, 4.1])
def test_a_pulse_between_the_samples(where):
    """It is refused, or the error of the interpolation is known."""

    def pulsed(theta):
        return ab.models.rice_mele(0.3 * np.cos(theta), 0.1 + 0.1 * np.exp(-(((theta - where) / 0.12) ** 2)))

    try:
        cycle = ab.Cycle.from_function(pulsed, 24)
    except CoarseCycleError:
        return
    off = max(
        np.abs(np.array([*pulsed(theta).hoppings.values()]) - [*cycle.at(theta).hoppings.values()]).max()
        for theta in np.linspace(0, 2 * np.pi, 200)
    )
    assert off < 3 * cycle.tail * 0.6
