"""Several responses of a metal in one pass: the numbers of each, its units, warnings and bad input."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.engine.metal_integrand import FermiSea
from adiabloch.errors import AccuracyWarning, InvalidArgumentError
from sweeps import slow

NAMES = ["anomalous_hall", "nonlinear_hall", "filling", "orbital_magnetization", "magnetoelectric"]


@pytest.fixture(scope="module")
def model():
    """Strained, in units far from natural ones."""
    small = ab.models.strained_haldane(0.3, 0.12, 1.2, 0.1, angle=0.7)
    hoppings = {R: 2.7 * h for R, h in small.hoppings.items()}
    return ab.TightBinding(3.1 * small.lattice.vectors, 3.1 * small.positions, hoppings, reduced=False)


@pytest.mark.parametrize(
    ("temperature", "options"),
    [
        (0.3, {"mesh": 24}),
        (0.3, {"tolerance": 1e-2}),
        ([0.2, 0.4], {"mesh": 24}),
        *slow(([0.2, 0.4], {"tolerance": 1e-2})),
    ],
)
def test_each_is_as_if_alone(model, temperature, options):
    mu = [-2.0, 0.5, 1.1]
    together = ab.metal_responses(model, NAMES, mu, temperature, **options)
    assert list(together) == NAMES
    for name, found in together.items():
        alone = (
            getattr(ab, name)(model, mu, temperature, **options)
            if name != "magnetoelectric"
            else ab.magnetoelectric(model, chemical_potential=mu, temperature=temperature, **options)
        )
        assert found.sizes == alone.sizes
        assert found.total.attrs == alone.total.attrs
        assert found.attrs["response"] == name
        off = np.abs(found.total - alone.total)
        if "mesh" in options:
            assert off.max() <= 1e-14 * np.abs(alone.total).max()
        else:
            assert (off <= found.error + alone.error).all()
            assert found.attrs["converged"]


def test_bands_are_computed_once(model, monkeypatch):
    calls = []
    original = FermiSea.frame_on_grid
    monkeypatch.setattr(FermiSea, "frame_on_grid", lambda sea, *grid: calls.append(1) or original(sea, *grid))
    ab.metal_responses(model, ["anomalous_hall", "orbital_magnetization"], 0.3, mesh=24, executor=1)
    together, calls[:] = len(calls), []
    ab.anomalous_hall(model, 0.3, mesh=24, executor=1)
    assert together == len(calls) > 0


def test_warnings_are_those_of_each(model):
    with pytest.warns(AccuracyWarning) as caught:
        found = ab.metal_responses(model, ["nonlinear_hall", "anomalous_hall"], 0.5, tolerance=1e-9, limit=4000)
    titles = {str(one.message).split(":")[0] for one in caught}
    assert "nonlinear Hall effect" in titles
    assert not any(" and " in title for title in titles)
    assert not found["nonlinear_hall"].attrs["converged"]


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        ("anomalous_hall", {}, "expected a list of names"),
        ([], {}, "expected a list of names"),
        (["anomalous_hal"], {}, "did you mean 'anomalous_hall'"),
        (["polarization"], {}, "is no response of metals, expected some of anomalous_hall"),
        (["filling"], {"absolute": 1e-3}, "absolute: its unit differs"),
        (["filling"], {"accuracy": ab.Accuracy(absolute=1e-3)}, "absolute: its unit differs"),
    ],
)
def test_what_is_refused(model, names, options, words):
    with pytest.raises(InvalidArgumentError, match=words):
        ab.metal_responses(model, names, 0.1, **options)
