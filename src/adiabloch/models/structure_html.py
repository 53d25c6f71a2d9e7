"""Structures, displacements, modes and phonons as tables and pictures for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.lattice import AXES
from adiabloch.markup import Markup, card, entry_table, lines, number, or_text, table, vector
from adiabloch.models.drawing import COLOURS, Site, drawing
from adiabloch.units import THZ, WAVENUMBER

if TYPE_CHECKING:
    from adiabloch.models.atomic_displacements import AtomicDisplacements
    from adiabloch.models.phonon_modes import Modes
    from adiabloch.models.phonons import Phonon
    from adiabloch.models.structures import Structure

MOST_ATOMS = 12
"""Largest number of atoms in the table."""
MOST_MODES = 24
"""Largest number of modes in the table."""
UNITS = "Lengths in Å, masses in dalton."


@or_text
def structure_html(structure: Structure) -> Markup:
    """Table of a structure: its cell and its atoms."""
    entries = [*_cell(structure), ("volume (Å³)", number(abs(np.linalg.det(structure.vectors))))]
    return card([entry_table("Structure", entries), _picture(structure), _atoms(structure)], UNITS)


@or_text
def displacements_html(displacements: AtomicDisplacements) -> Markup:
    """Table of displaced crystals: their steps, and the crystal at rest."""
    entries = [
        ("displacements", f"{len(displacements.patterns)}, along {', '.join(displacements.axes)}"),
        ("steps (Å)", ", ".join(map(number, displacements.steps))),
        ("structures", len(displacements.structures)),
        *_cell(displacements.structure),
    ]
    parts = [_picture(displacements.structure), _atoms(displacements.structure)]
    return card([entry_table("AtomicDisplacements", entries), *parts], UNITS)


@or_text
def modes_html(modes: Modes) -> Markup:
    """Table of modes: their energies, and the share of each kind of atom in the kinetic energy."""
    structure, kinds = modes.structure, list(dict.fromkeys(modes.structure.symbols))
    names = np.array(structure.symbols)
    shares = (np.abs(modes.eigenvectors) ** 2).sum(axis=2)
    columns = ["mode", "THz", "1/cm", "meV", *(f"share of {kind}" for kind in kinds)]
    rows = []
    for n, energy in enumerate(modes.energies[:MOST_MODES]):
        energies = (f"{energy / THZ:.4f}", f"{energy / WAVENUMBER:.2f}", f"{1e3 * energy:.3f}")
        of_kinds = (f"{shares[n, names == kind].sum():.3f}" for kind in kinds)
        rows.append([str(n), *(text.replace("-", "\u2212") for text in energies), *of_kinds])
    more = len(modes.energies) - len(rows)
    entries = [("wave vector q (reduced)", vector(modes.q)), ("modes", len(modes.energies)), *_cell(structure)]
    note = "Negative frequencies stand for imaginary ones: the crystal is unstable." if modes.energies.min() < 0 else ""
    parts = [_picture(structure), table("modes", columns, rows, f"and {more} more" if more else "")]
    return card([entry_table("Modes", entries), *parts], note)


@or_text
def phonon_html(phonon: Phonon) -> Markup:
    """Table of a phonon: its energy and angular momentum, and the ellipse of each atom."""
    entries = [
        ("wave vector q (reduced)", vector(phonon.q)),
        ("frequency (THz)", f"{phonon.energy / THZ:.4f}"),
        ("energy (meV)", f"{1e3 * phonon.energy:.3f}"),
        ("angular momentum (ħ)", vector(np.round(phonon.angular_momentum, 6))),
        ("largest displacement (Å)", number(phonon.radius)),
        *_cell(phonon.structure),
    ]
    columns = ["atom", *(f"c{axis} (Å)" for axis in AXES)]
    rows = [
        [f"{n} {name}", *(number(complex(c)) for c in phonon.amplitude[n])]
        for n, name in enumerate(phonon.structure.symbols[:MOST_ATOMS])
    ]
    parts = [_picture(phonon.structure), table("amplitudes of one quantum", columns, rows)]
    return card([entry_table("Phonon", entries), *parts], UNITS)


def _cell(structure: Structure) -> list[tuple[str, object]]:
    """Number of atoms and lattice vectors."""
    return [("atoms", len(structure.symbols)), ("lattice vectors (Å)", lines(map(vector, structure.vectors)))]


def _atoms(structure: Structure) -> Markup:
    columns = ["atom", *(f"{axis} (Å)" for axis in AXES), "mass"]
    rows = [
        [f"{n} {name}", *map(number, structure.positions[n]), number(structure.masses[n])]
        for n, name in enumerate(structure.symbols[:MOST_ATOMS])
    ]
    more = len(structure.symbols) - len(rows)
    return table("atoms", columns, rows, f"and {more} more" if more else "")


def _picture(structure: Structure) -> Markup:
    """Atoms of the cell, coloured by their kinds."""
    kinds = list(dict.fromkeys(structure.symbols))
    sites = [
        Site(at, COLOURS[kinds.index(name) % len(COLOURS)], f"{name} {n}")
        for n, (name, at) in enumerate(zip(structure.symbols, structure.positions, strict=True))
    ]
    return drawing(structure.vectors, sites)
