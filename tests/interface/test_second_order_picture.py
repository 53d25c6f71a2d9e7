"""Picture of the second-order conductivity."""

import numpy as np
import pytest

import adiabloch as ab

pytest.importorskip("matplotlib")
CONE = ab.models.tilted_dirac(tilt=0.3, mass=0.1)


def test_curves_and_table():
    found = ab.nonlinear_conductivity(CONE, np.linspace(-0.3, 0.3, 7), [0.05, 0.1], tolerance=1e-2)
    ax = ab.plot(found)
    # four parts at two temperatures, the zero line, two entries of the legend
    assert len(ax.lines) == 4 * 2 + 1 + 2
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0].startswith("intrinsic, xyy, largest ")
    assert labels[3].startswith("drude, xxx, largest ")
    assert max(np.abs(line.get_ydata()).max() for line in ax.lines if len(line.get_ydata())) == pytest.approx(1.0)
    table = ab.plot(found.isel(chemical_potential=6, temperature=0))
    assert len(table.texts) == 6 * 4
    assert [label.get_text() for label in table.get_yticklabels()] == ["xxx", "xxy", "xyy", "yxx", "yxy", "yyy"]
    # forbidden by the mirror of y
    assert table.texts[0].get_text() == "0"
    assert ab.plot(ab.in_si(found, energy="eV")) is not None
