"""Energies of Quantum ESPRESSO at wave vectors: the XML file of `pw.x` and the file `filband` of `bands.x`."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.io.text_lines import LineReader
from adiabloch.io.xml_elements import xml_element
from adiabloch.units import BOHR, HARTREE

EXPECTED = "the XML file of a calculation of pw.x"
HEAD = re.compile(r"&plot\s+nbnd\s*=\s*(\d+)\s*,\s*nks\s*=\s*(\d+)\s*/", re.IGNORECASE)
MOST_ENERGIES = 10**6
"""Largest number of energies at a wave vector."""
Energies = tuple[Float, dict[str, Any]]
"""Energies (P, N) in eV, and the coordinates of the points."""


def bands_of_xml(file: LineReader, text: str) -> Energies:
    """Energies in `PREFIX.xml` or `PREFIX.save/data-file-schema.xml`, with reduced wave vectors.

    With two spins, the energies of the second one follow those of the first one.

    Raises
    ------
    FileFormatError
    """
    output = xml_element(file, text, EXPECTED).child("output")
    structure = output.child("atomic_structure")
    alat = float(structure.numbers_attribute("alat", 1)[0])
    cell = structure.child("cell")
    vectors = np.array([cell.numbers(name, 3) for name in ("a1", "a2", "a3")])
    if alat <= 0 or abs(float(np.linalg.det(vectors))) < 1e-9:
        structure.refuse(f"alat {alat:g} and a cell {vectors.tolist()}, expected lengths and independent vectors")
    waves, energies = [], []
    for point in output.child("band_structure").children("ks_energies"):
        waves.append(point.numbers("k_point", 3))
        size = point.child("eigenvalues").integer_attribute("size", MOST_ENERGIES)
        energies.append(point.numbers("eigenvalues", size) * HARTREE)
        if len(energies[-1]) != len(energies[0]):
            point.refuse(f"{size} eigenvalues, expected {len(energies[0])} as at the first wave vector")
    cartesian = np.array(waves)
    reduced = cartesian @ vectors.T / alat
    columns = {f"k{number + 1}": ("point", column, {"units": "1"}) for number, column in enumerate(reduced.T)}
    return np.array(energies), {**columns, **along(2 * np.pi / (alat * BOHR) * cartesian)}


def bands_of_filband(file: LineReader, text: str) -> Energies:
    """Energies in the file of `bands.x`, with Cartesian wave vectors in 2 pi/alat.

    Raises
    ------
    FileFormatError
    """
    head = HEAD.search(text)
    assert head is not None
    bands, points = int(head[1]), int(head[2])
    try:
        numbers = np.array(text[head.end() :].split(), dtype=float)
    except ValueError as reason:
        file.refuse(f"{reason}, expected numbers below &plot")
    if not bands or numbers.size != points * (bands + 3):
        file.refuse(f"{numbers.size} numbers, expected 3 coordinates and {bands} energies at each of {points} points")
    table = numbers.reshape(points, bands + 3)
    names = zip(("kx", "ky", "kz"), table[:, :3].T, strict=True)
    columns = {name: ("point", one, {"units": "1", "long_name": f"{name} in 2 pi/alat"}) for name, one in names}
    return table[:, 3:], {**columns, **along(table[:, :3])}


def along(cartesian: Float) -> dict[str, Any]:
    """Distances along the path through points."""
    steps = np.sqrt((np.diff(cartesian, axis=0) ** 2).sum(axis=1))
    return distance_of(np.concatenate([[0.0], np.cumsum(steps)]))


def distance_of(values: Float) -> dict[str, Any]:
    """Coordinate of the distances along a path."""
    return {"distance": ("point", values, {"units": "1/length", "long_name": "distance along the path"})}
