"""Lattice models of k.p Hamiltonians."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.models import from_kp
from adiabloch.models.spin import PAULI

SX, SY, SZ = PAULI


def test_the_cone_of_the_library():
    t, m, v, b = 0.3, 0.1, 0.8, 1.2
    terms = {
        (0, 0): m * SZ,
        (1, 0): t * np.eye(2) + v * SX,
        (0, 1): v * SY,
        (2, 0): 0.5 * b * SZ,
        (0, 2): 0.5 * b * SZ,
    }
    found, known = from_kp(terms, np.pi, accuracy=2), ab.models.tilted_dirac(t, m, v, b)
    k = np.random.default_rng(1).normal(size=(5, 2))
    np.testing.assert_allclose(found.hamiltonian(k), known.hamiltonian(k), atol=1e-14)


@pytest.mark.parametrize("accuracy", [2, 4, 6, 8])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_order_of_the_error(accuracy, dimension):
    """Halving k divides the relative error of each power by 2^accuracy."""
    rng = np.random.default_rng(dimension)
    cutoff = 3.0
    for powers in np.ndindex(*[5 if dimension == 1 else 3] * dimension):
        if not any(powers):
            continue
        M = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
        M = M + M.conj().T
        model = from_kp({powers: M}, cutoff, accuracy=accuracy)
        errors = []
        for k in (0.6 * np.ones(dimension), 0.3 * np.ones(dimension)):
            exact = np.prod(k ** np.array(powers)) * M
            errors.append(np.abs(model.hamiltonian(k) - exact).max() / np.abs(exact).max())
        assert errors[0] / errors[1] == pytest.approx(2**accuracy, rel=0.25)
        assert errors[1] < 0.31**accuracy


def test_hall_conductivity_of_a_cone():
    """With a level above the gap, sigma_xy of H = k.sigma + m sigma_z is smaller than in the gap by (1 - m/mu)/4 pi."""
    m, levels = 0.3, [0.0, 0.5, 0.8]
    cone = from_kp({(0, 0): m * SZ, (1, 0): SX, (0, 1): SY}, 5.0, accuracy=8, boundary=6 * SZ)
    assert np.abs(cone.energies(np.array([[5.0, 0.0], [5.0, 5.0]]))).min() > 3
    hall = ab.anomalous_hall(cone, levels, tolerance=1e-5).total.squeeze().values
    expected = [(1 - m / mu) / (4 * np.pi) for mu in levels[1:]]
    np.testing.assert_allclose(np.abs(hall[1:] - hall[0]), expected, rtol=2e-4)
    # the boundary term is that of a trivial insulator here, or adds whole numbers
    assert 2 * np.pi * hall[0] == pytest.approx(np.rint(2 * np.pi * hall[0]), abs=1e-4)


def test_terms_that_are_refused():
    for terms, message in [
        ({}, r"terms: expected a mapping"),
        ({(0.5, 0): SX}, r"powers \(0\.5, 0\), expected 2 whole numbers"),
        ({(0, 1): SX, (1,): SY}, r"powers \(1,\), expected 2 whole numbers"),
        ({(9, 0): SX}, r"at most 8 in total"),
        ({(0, 1): SX, (1, 0): np.eye(3)}, r"term \(1, 0\): expected shape \(2, 2\)"),
        ({(0, 1): [[0, 1], [0, 0]]}, r"term \(0, 1\): not Hermitian, off by 1"),
    ]:
        with pytest.raises(InvalidModelError, match=message):
            from_kp(terms, 1.0)
    with pytest.raises(InvalidArgumentError, match=r"from_kp: cutoff"):
        from_kp({(0, 1): SX}, -1.0)
    with pytest.raises(InvalidModelError, match=r"accuracy: 3, expected 2, 4, 6 or 8"):
        from_kp({(0, 1): SX}, 1.0, accuracy=3)
