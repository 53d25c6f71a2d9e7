"""Models and cycles as tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.lattice import AXES

if TYPE_CHECKING:
    from adiabloch.models.cycle import Cycle
    from adiabloch.models.tight_binding import TightBinding

MOST_ORBITALS = 12
"""Largest number of orbitals in the table."""
MOST_HOPPINGS = 6
"""Largest number of hoppings in the table."""
NAMES = {1: "chain", 2: "layer", 3: "solid"}
STYLE = "border-collapse:collapse;margin:0.3em 1.5em 0.3em 0;font-variant-numeric:tabular-nums"


def model_html(model: TightBinding) -> str:
    """Table of a model: its cell, its orbitals with their on-site energies, and its largest hoppings."""
    d = model.lattice.dimension
    facts = [
        ("kind", f"{NAMES[d]} ({d}D)" + (" of Wannier functions" if model.has_basis_connection else "")),
        ("orbitals", str(model.size)),
        ("translations R", str(len(model.translations))),
        ("spin operators", "no" if model.spin is None else "yes"),
        ("lattice vectors (length)", "<br>".join(_vector(row) for row in model.lattice.vectors)),
    ]
    home = model.hoppings[(0,) * d]
    return _page("TightBinding", facts, [_orbitals(model.positions, home), _hoppings(model.hoppings)])


def cycle_html(cycle: Cycle) -> str:
    """Table of a cycle: its snapshots, and the first of them."""
    first = cycle.snapshots[0]
    d = cycle.lattice.dimension
    facts = [
        ("kind", f"cycle of a {NAMES[d]} ({d}D)"),
        ("snapshots", str(len(cycle.snapshots))),
        ("last harmonic", f"{cycle.tail:.1e}"),
        ("orbitals", str(cycle.size)),
        ("orbitals move", "yes" if cycle.orbitals_move else "no"),
        ("lattice vectors (length)", "<br>".join(_vector(row) for row in cycle.lattice.vectors)),
    ]
    home = first.hoppings[(0,) * d]
    tables = [_orbitals(first.positions, home, " at &theta; = 0"), _hoppings(first.hoppings, " at &theta; = 0")]
    return _page("Cycle", facts, tables)


def _orbitals(positions: Float, home: Complex, where: str = "") -> str:
    columns = ["orbital", *(f"{axis} (length)" for axis in AXES[: positions.shape[1]]), "energy"]
    rows = [
        [str(n), *(_number(x) for x in positions[n]), _number(home[n, n].real)]
        for n in range(min(len(positions), MOST_ORBITALS))
    ]
    more = len(positions) - len(rows)
    return _table(f"orbitals{where}", columns, rows, f"and {more} more" if more else "")


def _hoppings(hoppings: Mapping[tuple[int, ...], Complex], where: str = "") -> str:
    """Largest hoppings, one of each pair."""
    found = []
    for R, h in hoppings.items():
        for i, j in np.ndindex(h.shape):
            if (R, i) < (tuple(-x for x in R), j) and h[i, j] != 0:
                found.append((abs(h[i, j]), R, i, j, complex(h[i, j])))
    found.sort(key=lambda one: (-one[0], one[1:4]))
    rows = [
        [f"&lang;0, {i}| H |{', '.join(map(_number, R))}; {j}&rang;", _number(value)]
        for _, R, i, j, value in found[:MOST_HOPPINGS]
    ]
    more = len(found) - len(rows)
    return _table(
        f"largest hoppings{where}", ["&lang;0, i| H |R; j&rang;", "energy"], rows, f"of {len(found)}" * (more > 0)
    )


def _vector(row: Iterable[float]) -> str:
    return "(" + ", ".join(_number(x) for x in row) + ")"


def _number(value: Any) -> str:
    """Number with six digits, with a minus sign of its own; complex numbers with i."""
    if isinstance(value, complex):
        if abs(value.imag) < 1e-12 * abs(value):
            return _number(value.real)
        if abs(value.real) < 1e-12 * abs(value):
            return f"{_number(value.imag)}i"
        sign = "+" if value.imag > 0 else "\u2212"
        return f"{_number(value.real)} {sign} {_number(abs(value.imag))}i"
    return f"{float(value) + 0.0:.6g}".replace("-", "\u2212")


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    head = "".join(f"<th style='text-align:right'>{name}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:right'>{cell}</td>" for cell in row) + "</tr>" for row in rows
    )
    caption = f"<caption style='text-align:left;white-space:nowrap'><b>{title}</b> {note}</caption>"
    return f"<table style='{STYLE}'>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _page(name: str, facts: Sequence[tuple[str, str]], tables: Sequence[str]) -> str:
    rows = "".join(
        f"<tr><td style='text-align:left'>{escape(key)}</td><td style='text-align:left'>{value}</td></tr>"
        for key, value in facts
    )
    first = (
        f"<table style='{STYLE}'><caption style='text-align:left'><b>{name}</b></caption><tbody>{rows}</tbody></table>"
    )
    return (
        f"<div style='display:flex;flex-wrap:wrap;align-items:flex-start'>{first}{''.join(tables)}</div>"
        "<div style='opacity:0.7'>Energies and lengths in the units of the model.</div>"
    )
