"""Models, cycles, textures and deformations as tables and pictures for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.lattice import AXES, Lattice
from adiabloch.markup import Markup, card, entry_table, lines, number, or_text, table, vector
from adiabloch.models.drawing import COLOURS, Bond, Site, drawing

if TYPE_CHECKING:
    from adiabloch.models.crystal import Crystal
    from adiabloch.models.cycle import Cycle
    from adiabloch.models.deformation import Deformation
    from adiabloch.models.texture import Texture
    from adiabloch.models.tight_binding import TightBinding

Hoppings = Mapping[tuple[int, ...], Complex]
Hopping = tuple[tuple[int, ...], int, int]
"""Cell R and orbitals i, j."""
MOST_ORBITALS = 12
"""Largest number of orbitals in the table."""
MOST_HOPPINGS = 6
"""Largest number of hoppings in the table."""
MOST_BONDS = 60
"""Largest number of bonds in the picture."""
WEAKEST = 0.2
"""Size of the weakest bond of the picture, relative to the strongest."""
NAMES = {1: "chain", 2: "layer", 3: "solid"}


def _length(lattice: Lattice) -> str:
    return "\u00c5" if lattice.ev_angstrom else "length"


def _energy(lattice: Lattice) -> str:
    return "energy (eV)" if lattice.ev_angstrom else "energy"


def _units(lattice: Lattice) -> str:
    """Sentence on the units of a crystal."""
    return "Energies in eV, lengths in Å." if lattice.ev_angstrom else "Energies and lengths in the units of the model."


@or_text
def model_html(model: TightBinding) -> Markup:
    """Table of a model: its cell, its orbitals with their on-site energies, and its largest hoppings."""
    entries = [
        ("kind", _kind(model) + (" of Wannier functions" if model.has_basis_connection else "")),
        ("orbitals", model.size),
        ("translations R", len(model.translations)),
        ("spin operators", "no" if model.spin is None else "yes"),
        _vectors(model.lattice),
    ]
    return card([entry_table("TightBinding", entries), *_contents(model)], _units(model.lattice))


@or_text
def cycle_html(cycle: Cycle) -> Markup:
    """Table of a cycle: its snapshots, and the first of them."""
    entries = [
        ("kind", f"cycle of a {_kind(cycle)}"),
        ("snapshots", len(cycle.snapshots)),
        ("last harmonic", f"{cycle.tail:.1e}"),
        ("orbitals", cycle.size),
        ("orbitals move", "yes" if cycle.orbitals_move else "no"),
        _vectors(cycle.lattice),
    ]
    return card([entry_table("Cycle", entries), *_contents(cycle.snapshots[0], " at θ = 0")], _units(cycle.lattice))


@or_text
def texture_html(texture: Texture) -> Markup:
    """Table of a texture, and the crystal at the origin."""
    home = texture.home
    first, kind = (home, "model") if not hasattr(home, "snapshots") else (home.snapshots[0], "cycle")
    entries = [
        ("kind", f"texture of a {_kind(texture)}"),
        ("at each position", f"a {kind}"),
        ("orbitals", texture.size),
        (f"step of derivatives ({_length(texture.lattice)})", number(texture.step)),
        _vectors(texture.lattice),
    ]
    where = " at the origin" + (" and θ = 0" if kind == "cycle" else "")
    return card([entry_table("Texture", entries), *_contents(first, where)], _units(texture.lattice))


@or_text
def deformation_html(deformation: Deformation) -> Markup:
    """Table of a deformation: its displacements, and the crystal at rest."""
    names = deformation.names
    shown = ", ".join(names[:MOST_ORBITALS]) + (", ..." if len(names) > MOST_ORBITALS else "")
    entries = [
        ("kind", f"displaced atoms of a {_kind(deformation)}"),
        ("displacements", f"{len(names)}: {shown}"),
        (f"steps ({_length(deformation.lattice)})", ", ".join(map(number, deformation.steps))),
        ("orbitals", deformation.size),
        ("motion of the orbitals", "not known" if deformation.motion is None else "known"),
        _vectors(deformation.lattice),
    ]
    return card(
        [entry_table("Deformation", entries), *_contents(deformation.model, " at rest")], _units(deformation.lattice)
    )


@or_text
def own_crystal_html(crystal: Crystal) -> Markup:
    """Table of a crystal that is known by its matrices only."""
    entries = [
        ("kind", crystal.lattice.described),
        ("orbitals", crystal.size),
        ("directions", ", ".join(crystal.directions)),
        ("observables", ", ".join(crystal.observables) or "none"),
        *([("snapshots", len(crystal.snapshots))] if hasattr(crystal, "snapshots") else []),
        *([("last harmonic", f"{crystal.tail:.1e}")] if hasattr(crystal, "tail") else []),
        _vectors(crystal.lattice),
    ]
    return card([entry_table(type(crystal).__name__, entries)], _units(crystal.lattice))


def _kind(crystal: TightBinding | Cycle | Texture | Deformation) -> str:
    d = crystal.lattice.dimension
    return f"{NAMES[d]} ({d}D)" if crystal.lattice.periodic else crystal.lattice.described


def _vectors(lattice: Lattice) -> tuple[str, object]:
    return f"lattice vectors ({_length(lattice)})", lines(map(vector, lattice.vectors)) if lattice.periodic else "none"


def _contents(model: TightBinding, where: str = "") -> list[Markup]:
    """Picture of a model, and tables of its orbitals and hoppings."""
    hoppings = model.hoppings
    largest = _largest(hoppings, MOST_BONDS)
    home = hoppings[(0,) * model.lattice.dimension]
    return [
        _picture(model, hoppings, largest),
        _orbitals(model, home, where),
        _hoppings(model, largest, where),
    ]


def _orbitals(model: TightBinding, home: Complex, where: str) -> Markup:
    positions, lattice = model.positions, model.lattice
    columns = ["orbital", *(f"{axis} ({_length(lattice)})" for axis in AXES[: lattice.dimension]), _energy(lattice)]
    rows = [
        [str(n), *(number(x) for x in positions[n]), number(home[n, n].real)]
        for n in range(min(len(positions), MOST_ORBITALS))
    ]
    more = len(positions) - len(rows)
    return table(f"orbitals{where}", columns, rows, f"and {more} more" if more else "")


def _hoppings(model: TightBinding, largest: Sequence[Hopping], where: str) -> Markup:
    """Largest hoppings, one of each pair."""
    hoppings = model.hoppings
    rows = [
        [f"⟨0, {i}| H |{', '.join(map(number, R))}; {j}⟩", number(complex(hoppings[R][i, j]))]
        for R, i, j in largest[:MOST_HOPPINGS]
    ]
    home = hoppings[(0,) * len(next(iter(hoppings)))]
    pairs = (sum(int(np.count_nonzero(h)) for h in hoppings.values()) - int(np.count_nonzero(np.diag(home)))) // 2
    note = f"of {pairs}" if pairs > len(rows) else ""
    return table(f"largest hoppings{where}", ["⟨0, i| H |R; j⟩", _energy(model.lattice)], rows, note)


def _largest(hoppings: Hoppings, most: int) -> list[Hopping]:
    """Cell and orbitals of the largest hoppings, one of each pair, at most so many."""
    found = []
    for R, h in hoppings.items():
        back = tuple(-x for x in R)
        sizes = np.abs(h)
        if back < R:
            continue
        if back == R:
            sizes = np.triu(sizes, 1)
        n = min(most, sizes.size - 1)
        for index in np.argpartition(-sizes.ravel(), n)[: most + 1]:
            i, j = divmod(int(index), sizes.shape[1])
            if sizes[i, j]:
                found.append((-float(sizes[i, j]), R, i, j))
    return [(R, i, j) for _, R, i, j in sorted(found)[:most]]


def _picture(model: TightBinding, hoppings: Hoppings, chosen: Sequence[Hopping]) -> Markup:
    """Sites coloured by their on-site energies, and the strongest bonds."""
    positions, vectors = model.positions, model.lattice.vectors
    onsite = np.diag(hoppings[(0,) * len(vectors)]).real
    order = {energy: n for n, energy in enumerate(sorted({round(float(e), 9) for e in onsite}))}
    colours = [COLOURS[order[round(float(e), 9)] % len(COLOURS)] for e in onsite]
    sites = [Site(at, colours[n], f"orbital {n}: energy {number(onsite[n])}") for n, at in enumerate(positions)]
    largest = max((abs(hoppings[R][i, j]) for R, i, j in chosen), default=0.0)
    bonds = []
    for R, i, j in chosen:
        size = abs(hoppings[R][i, j]) / largest
        if size < WEAKEST:
            continue
        end = positions[j] + np.array(R) @ vectors
        bonds.append(Bond(positions[i], end, 2.5 * size))
        if any(R):
            sites.append(Site(end, colours[j], f"orbital {j} at R = {vector(R)}", faint=True))
            bonds.append(Bond(positions[i] - np.array(R) @ vectors, positions[j], 2.5 * size))
            sites.append(Site(bonds[-1].start, colours[i], f"orbital {i}", faint=True))
    return drawing(vectors, sites, bonds)
