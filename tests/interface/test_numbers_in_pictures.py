"""A single number is written, not drawn as a bar."""

import pytest

import adiabloch as ab

pytest.importorskip("matplotlib")
CHERN = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)


def texts(result):
    ax = ab.plot(result)
    assert not ax.patches
    return [text.get_text() for text in ax.texts]


def test_a_number_with_its_error_bar():
    hall = ab.in_units(ab.anomalous_hall(CHERN, 0.0, tolerance=1e-4), "e^2/h")
    hall["total"][:], hall["error"][:] = 1.00012, 0.00034
    assert texts(hall) == ["1.00012 $\\pm$ 0.00034 $e^{2}/h$", "anomalous Hall conductivity, z"]
    hall["error"][:] = 2e-13
    assert texts(hall)[0] == "1.00012 $\\pm$ 2.0$\\times10^{-13}$ $e^{2}/h$"
    hall["total"][:], hall["error"][:] = -123456.7, 2345.6
    assert texts(hall)[0] == "\u2212123457 $\\pm$ 2346 $e^{2}/h$"


def test_numbers_without_a_unit():
    assert texts(ab.filling(CHERN, 0.0))[0].startswith("1")


def test_parts_are_bars():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)
    assert len(ab.plot(ab.pumped_magnetization(cycle, 1, tolerance=1e-2)).patches) == 3
