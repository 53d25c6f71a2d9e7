"""Numbers and units in HTML as in print: powers of ten, minus signs, superscripts; text as it is."""

import numpy as np
import pytest
import xarray as xr

import adiabloch as ab
from adiabloch.engine.declaration import Response
from adiabloch.jobs.catalogue import quantities
from adiabloch.markup import typeset
from adiabloch.summaries.numbers import entry_html, table_of
from adiabloch.summaries.origin import METHOD, entries_of, origin_of
from adiabloch.summaries.page import Section, page
from adiabloch.units import html_of_unit

NUMBERS = {
    "1.2e-05": "1.2 × 10<sup>−5</sup>",
    "1e-05": "10<sup>−5</sup>",
    "-1e-06": "−10<sup>−6</sup>",
    "-0.3": "−0.3",
    "(-1.20 ± 0.03)e+08": "(−1.20 ± 0.03) × 10<sup>8</sup>",
    "1e-05 + 2e-03i": "10<sup>−5</sup> + 2 × 10<sup>−3</sup>i",
    "(1, −2e−05, 0)": "(1, −2 × 10<sup>−5</sup>, 0)",
    "-inf": "−inf",
    "0.0e+00": "0",
    "-0e-05": "0",
    "1.5e+00": "1.5",
    # no numbers
    "2026-11-30T21:58": "2026-11-30T21:58",
    "run 1e-05.nc": "run 1e-05.nc",
    "x-1e-5": "x-1e-5",
    "84abe-05": "84abe-05",
    "<b> 3e+10": "&lt;b&gt; 3 × 10<sup>10</sup>",
}
UNITS = {
    "e*omega": "<i>e</i>\u202f<i>ω</i>",
    "e^2/(hbar angstrom)": "<i>e</i><sup>2</sup>/(<i>ħ</i>\u202fÅ)",
    "1/length": "1/length",
    "mu_B/cell": "<i>μ</i><sub>B</sub>/cell",
    "uC/cm^2": "μC/cm<sup>2</sup>",
    "S cm^-1": "S\u202fcm<sup>−1</sup>",
    "<b>": "&lt;b&gt;",
}


@pytest.mark.parametrize(("text", "expected"), NUMBERS.items())
def test_numbers(text, expected):
    assert typeset(text) == expected
    assert typeset(typeset(text)) == expected


@pytest.mark.parametrize(("label", "expected"), UNITS.items())
def test_units(label, expected):
    assert html_of_unit(label) == expected


def test_units_of_all_responses():
    """No label of a response keeps a caret, an asterisk or an underscore."""
    labels = {
        str(declared.unit_of(part, d))
        for one in quantities().values()
        if isinstance(declared := getattr(one.function, "declaration", None), Response)
        for part in declared.parts
        for d in declared.dimensions
    }
    assert len(labels) > 20
    for label in labels:
        assert not set("^*_") & set(html_of_unit(label)), label


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-1.2e-05 e*omega", "−1.2 × 10<sup>−5</sup>\u00a0<i>e</i>\u202f<i>ω</i>"),
        ("0.5 eV", "0.5\u00a0eV"),
        ("3 of 9 computed", "3 of 9 computed"),
        ("1e-06, 2", "10<sup>−6</sup>, 2"),
    ],
)
def test_entries(text, expected):
    assert entry_html(text) == expected


def test_words_of_tables():
    """Neither energy (energy) nor electrons in eV; a sweep symmetric about zero has a zero."""
    bands = ab.bands(ab.models.haldane(delta=0.3, t2=0.1, phi=1.2), points=4)
    assert str(table_of(bands).title) == "bands (energy)"
    colours = table_of(ab.bands(ab.models.haldane(delta=0.3, t2=0.1, phi=1.2), points=4, colour="berry_curvature"))
    assert colours.columns == ["point", "band", "energy", "colour (area)"]
    zone = table_of(ab.zone_map(ab.models.haldane(delta=0.3, t2=0.1, phi=1.2), occupied=1, points=41))
    assert "0" in {row[1] for row in zone.rows(100)}
    moments = xr.Dataset({"total": ("mode", [1.0])}, attrs={"response": "phonon_moments", "degeneracy": 2})
    moments = moments.assign_attrs(crystal_units="eV, angstrom")
    assert ("electrons that a state holds", "2") in entries_of(moments, METHOD)
    metal = moments.assign_attrs(response="anomalous_hall", degeneracy=0.1)
    assert ("bands closer than this count as degenerate", "0.1 eV") in entries_of(metal, METHOD)
    assert origin_of(ab.wilson_loop(ab.models.kane_mele(delta=0.1, intrinsic=0.1), 2)).title.startswith("Wilson loop: ")


def test_displays_and_pages():
    """Neither e-05 nor e*omega nor ^2 in the text of a display or a page."""
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=1e-3)
    result = ab.pumped_magnetization(cycle, occupied=1, tolerance=1e-2)
    assert 0 < float(np.abs(result.total).max()) < 1e-4
    for html in (result.adiabloch._repr_html_(), page([Section(result, "a.nc")])):
        text = html.partition("<h2>How to compute it again")[0]
        assert "× 10<sup>−" in text
        assert "<i>e</i>\u202f<i>ω</i>" in text
        for plain in ("e-0", "e*omega", "^2"):
            assert plain not in text.replace("<img", "").split("base64")[-1].split('">', 1)[-1]
    assert "e-0" in repr(result.adiabloch)  # terminals have no superscripts
    assert "× 10<sup>" in ab.models.haldane(delta=1.5e-5, t2=0.1, phi=1.0)._repr_html_()
