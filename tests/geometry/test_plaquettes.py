"""Chern numbers by plaquettes that are split where the gap is small."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.chern import chern_number
from adiabloch.geometry.plaquettes import Plaquettes


def bilayer(mass, q):
    """Two bands that touch quadratically at one point but for a small mass, which is large and positive elsewhere."""

    def H(k):
        x, y = 2 * np.pi * np.asarray(k)
        f = np.sin(x) + 1j * np.sin(y)
        square = f * f
        here = mass + 2 - np.cos(x) - np.cos(y)
        return np.array([[here, square.conj()], [square, -here]])

    n = 8
    grid = np.arange(n) / n
    samples = np.array([[H((x, y)) for y in grid] for x in grid])
    series = np.fft.fftn(samples, axes=(0, 1)) / n**2
    hoppings = {}
    for R in np.ndindex(n, n):
        T = tuple(int(r - n if r > n // 2 else r) for r in R)
        if np.abs(series[R]).max() > 1e-12:
            hoppings[T] = series[R] * np.exp(2j * np.pi * np.dot(q, T))
    return ab.TightBinding(np.eye(2), np.zeros((2, 2)), hoppings, reduced=False)


@pytest.mark.parametrize("gap", [1e-2, 1e-5])
@pytest.mark.parametrize("q", [(0.0, 0.0), (0.131, 0.377)])
def test_quadratic_touching(gap, q):
    """The flux at the touching point is 2 pi, which one coarse plaquette takes for zero."""
    trivial, inverted = (chern_number(bilayer(mass, q), 1) for mass in (0.5 * gap, -0.5 * gap))
    assert trivial == 0
    assert abs(inverted) == 2


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6])
def test_on_both_sides_of_a_transition(distance):
    """The mass of the Haldane model at its critical value 3 sqrt(3) t2, times 1 -+ distance."""
    critical = 3 * np.sqrt(3) * 0.1
    inside, outside = (ab.models.haldane(critical * (1 + sign * distance), 0.1, np.pi / 2) for sign in (-1, 1))
    assert abs(chern_number(inside, 1)) == 1
    assert chern_number(outside, 1) == 0


def test_phases_add_up_to_a_whole_number_of_turns():
    model = ab.models.haldane(0.515, 0.1, np.pi / 2)
    plaquettes = Plaquettes(model, 1, (0, 1), 8)
    assert plaquettes.refine(10**5)
    assert len(set(plaquettes.size.tolist())) > 3
    turns = plaquettes.phases().sum() / (2 * np.pi)
    assert turns == pytest.approx(round(turns), abs=1e-12)
    assert (plaquettes.size.astype(float) ** 2).sum() == pytest.approx(float(8 * 2**40) ** 2, rel=1e-12)


def test_a_closed_gap_is_no_insulator():
    critical = 3 * np.sqrt(3) * 0.1
    with pytest.raises(InvalidArgumentError, match="is the gap open"):
        chern_number(ab.models.haldane(critical, 0.1, np.pi / 2), 1)
