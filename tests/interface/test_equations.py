"""The table of the numbered equations of the paper is made from docstrings, declarations and pages."""

from pathlib import Path

import equations

DOCS = Path(__file__).parents[2] / "docs"
WITHOUT_FUNCTION = ["1", "5", "9", "11", "12", "31", *(f"A{n}" for n in range(1, 7)), "B1", "B2", "B3"]
"""Definitions, limits, and steps of derivations."""
IMPLEMENTED = {
    "2": "geometry.shift_tensor",
    "3": "geometry.gradient_shift",
    "4": "geometry.gradient_matrix",
    "7": "orbital_magnetization",
    "8": "geometry.band_shift",
    "10": "magneto_nonlinear_hall",
    "14": "magnetoelectric",
    "15": "geometry.chern_simons_form",
    "18": "magnetic_polarization",
    "22": "models.gapped_honeycomb",
    "24": "models.rotating_bonds",
    "28": "nonlinear_ettingshausen",
    "B4": "local_observable",
    "B6": "pumped_observable",
}


def test_each_equation_has_a_function():
    found = equations.functions()
    assert [number for number in equations.ALL if not found[number]] == WITHOUT_FUNCTION
    for number, name in IMPLEMENTED.items():
        assert f"adiabloch.{name}" in found[number]


def test_numbers_are_read_from_phrases():
    text = "Eqs. (2), (3) and Eqs. (27) to (30), Eq. (B4); the relation (31); Eq. (13.25), Eq. (99); Eq. 7."
    assert equations.mentions(text) == {"2", "3", "27", "28", "29", "30", "B4", "31", "7"}
    assert equations.mentions("Eqs. (A1)\nto (A3)") == equations.mentions("Eqs. A1 to A3") == {"A1", "A2", "A3"}
    assert equations.listed(["1", "5", "A1", "A2", "A3", "B1"]) == "(1), (5), (A1) to (A3), (B1)"


def test_contents_are_summaries_without_shapes():
    assert equations.content("adiabloch.geometry.chern_simons_form") == "Chern-Simons three-form"
    about = "Honeycomb lattice with a staggered potential and second-neighbour hopping"
    assert equations.content("adiabloch.models.gapped_honeycomb") == about


def test_the_page_links_functions_and_pages():
    page = equations.page(DOCS)
    row = next(line for line in page.splitlines() if line.startswith('| <span id="eq-7">'))
    assert "Orbital magnetization in equilibrium, of metals, insulators and Chern insulators | `orbital_magn" in row
    assert "(metals.md)" in row
