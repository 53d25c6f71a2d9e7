"""Picture of a tight-binding model or a cycle: sites, hoppings, and the cell."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.plotting.style import BLUE, COLOURS, GREY, INK, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WEAKEST = 0.02
"""Smallest hopping that is drawn, relative to the largest one between sites."""
WEAKEST_OF_SOLIDS = 0.25
"""The same in three dimensions, where weak bonds would hide the others."""
MOST_BONDS = 60
"""Largest number of different bonds from a cell; those of Wannier functions decay."""
THICKEST = 3.2
"""Width of the strongest bond in points."""
SAME_POSITION = 1e-6
"""Distance of orbitals at one site, relative to the shortest lattice vector."""
SHOWN = 1.35
"""Half the width of the square that is shown, in units of the longest lattice vector."""
REACH = 3
"""Largest number of cells from the home cell, along each lattice vector."""
CHANGES = 8
"""Number of phases of a cycle at which bonds are compared."""
PHASES = 24
"""Number of phases at which the orbitals of a cycle are drawn."""


@dataclass(frozen=True, eq=False)
class Bond:
    """Hopping between two sites."""

    first: int
    last: int
    cell: tuple[int, ...]
    strength: float
    forward: float
    """Sine of the phase of the hopping from the last to the first site; zero for spins."""
    changes: bool
    """True if it changes along the cycle."""
    most: float
    """Largest strength along the cycle."""


def crystal(model: TightBinding | Cycle, ax: Axes) -> Axes:
    """Draw the sites of some cells, coloured by on-site energy, and the bonds, with the width of their strength.

    Arrows show the direction in which the phase of a complex hopping is positive. Bonds that change along a cycle are
    red, pale up to the width of their largest strength, as are the orbits of orbitals that move.
    """
    home = model.snapshots[0] if isinstance(model, Cycle) else model
    d = home.lattice.dimension
    positions, members = _sites(home)
    bonds = _bonds(home, members, model if isinstance(model, Cycle) else None)
    axes: Any = ax
    strongest = max((bond.most for bond in bonds), default=1.0)
    window = Window(home)
    cells = np.array([*itertools.product(range(-REACH, REACH + 1), repeat=d)])
    corners = _padded(_cell_corners(home.lattice.vectors), 2)
    for bond, cell in itertools.product(bonds, cells):
        ends = np.array([cell @ home.lattice.vectors + positions[bond.first]] * 2)
        ends[1] = (cell + bond.cell) @ home.lattice.vectors + positions[bond.last]
        shown = window.contains(ends)
        if shown.all() or (d < 3 and shown.any()):
            _draw_bond(axes, bond, ends, strongest)
    for cell in cells:
        at = cell @ home.lattice.vectors + positions
        shown = window.contains(at)
        for number in np.flatnonzero(shown):
            colour = _colour(home, members, int(number))
            axes.plot(*_padded(at[number][None], axes_of(d)).T, "o", color=colour, mec="white", mew=0.8, ms=8, zorder=4)
    if isinstance(model, Cycle) and model.orbitals_move and d == 2:
        _draw_orbits(axes, model, cells)
    _frame(axes, window, corners)
    return ax


def axes_of(dimension: int) -> int:
    """Number of axes of the picture: two for chains and layers, three for solids."""
    return max(dimension, 2)


def _padded(points: Float, axes: int) -> Float:
    """Points with as many coordinates as the picture has axes."""
    return np.pad(points, [(0, 0), (0, max(0, axes - points.shape[1]))])


def _sites(model: TightBinding) -> tuple[Float, list[list[int]]]:
    """Places of the sites, and the orbitals at each of them."""
    positions: list[Float] = []
    members: list[list[int]] = []
    for orbital, position in enumerate(model.positions):
        for number, other in enumerate(positions):
            if np.abs(other - position).max() < SAME_POSITION * model.lattice.shortest:
                members[number].append(orbital)
                break
        else:
            positions.append(position)
            members.append([orbital])
    return np.array(positions), members


def _bonds(model: TightBinding, members: list[list[int]], cycle: Cycle | None) -> list[Bond]:
    """Different bonds of a cell, the strongest ones, one of each pair."""
    phases = np.linspace(0, 2 * np.pi, CHANGES, endpoint=False)
    later = [cycle.at(float(phase)).hoppings for phase in phases] if cycle is not None else []
    found = []
    for R, matrix in model.hoppings.items():
        for first, last in itertools.product(range(len(members)), repeat=2):
            if (R, first) > (tuple(-x for x in R), last) or (not any(R) and first == last):
                continue
            block = matrix[np.ix_(members[first], members[last])]
            strength = float(np.linalg.norm(block, 2))
            others = [h[R][np.ix_(members[first], members[last])] for h in later if R in h]
            most = max([strength, *(float(np.linalg.norm(other, 2)) for other in others)])
            if most == 0:
                continue
            single = complex(block[0, 0]) if block.size == 1 else 0.0
            forward = np.imag(single) / abs(single) if single else 0.0
            changes = any(np.abs(other - block).max() > 1e-9 * most for other in others)
            found.append(Bond(first, last, R, strength, float(forward), changes, most))
    strongest = max((bond.most for bond in found), default=0.0)
    weakest = WEAKEST if model.lattice.dimension < 3 else WEAKEST_OF_SOLIDS
    kept = [bond for bond in found if bond.most > weakest * strongest]
    return sorted(kept, key=lambda bond: -bond.most)[:MOST_BONDS][::-1]


@dataclass(frozen=True, eq=False)
class Window:
    """Part of space that is shown: a square around the home cell, or the home cell of a solid."""

    model: TightBinding

    @property
    def centre(self) -> Float:
        """Middle of the home cell."""
        return 0.5 * np.asarray(self.model.lattice.vectors.sum(axis=0))

    @property
    def half(self) -> float:
        """Half the width of the square."""
        return SHOWN * float(np.sqrt((self.model.lattice.vectors**2).sum(axis=1)).max())

    def contains(self, points: Float) -> np.ndarray:
        """True for points that are shown, (P,)."""
        if points.shape[1] < 3:
            return np.asarray((np.abs(points - self.centre) < self.half).all(axis=1))
        reduced = self.model.lattice.reduced_positions(points)
        return np.asarray(((reduced > -0.02) & (reduced < 1.02)).all(axis=1))


def _draw_bond(axes: Any, bond: Bond, ends: Float, strongest: float) -> None:
    """Draw a bond as a line, and an arrow for a complex hopping."""
    share = bond.strength / strongest
    colour = RED if bond.changes else GREY
    lines = _padded(ends, axes_of(ends.shape[1]))
    if ends.shape[1] == 1 and abs(bond.cell[0]) + (bond.first == bond.last) > 1:
        # farther neighbours of a chain are arcs
        x = np.linspace(float(ends[0, 0]), float(ends[1, 0]), 30)
        height = 0.2 * abs(ends[1, 0] - ends[0, 0])
        lines = np.column_stack([x, height * np.sin(np.pi * np.linspace(0, 1, 30))])
    if bond.most > bond.strength * (1 + 1e-9):
        axes.plot(*lines.T, color=colour, lw=THICKEST * bond.most / strongest, alpha=0.25, zorder=1)
    axes.plot(*lines.T, color=colour, lw=max(0.5, THICKEST * share), alpha=0.35 + 0.65 * share, zorder=1)
    if abs(bond.forward) > 1e-6 and lines.shape[1] == 2:
        step = lines[0] - lines[-1] if bond.forward > 0 else lines[-1] - lines[0]
        middle = lines[len(lines) // 2] if len(lines) > 2 else lines.mean(axis=0)
        axes.annotate(
            "", middle + 0.09 * step, middle - 0.01 * step,
            arrowprops={"arrowstyle": "-|>", "color": BLUE, "lw": 0.0, "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0},
            zorder=2, annotation_clip=True,
        )  # fmt: skip


def _colour(model: TightBinding, members: list[list[int]], number: int) -> str:
    """Colour of a site: one for each mean on-site energy."""
    home = model.hoppings[(0,) * model.lattice.dimension]
    levels = [round(float(np.mean([home[n, n].real for n in orbitals])), 9) for orbitals in members]
    order = sorted(set(levels))
    return COLOURS[order.index(levels[number]) % 4]


def _draw_orbits(axes: Any, cycle: Cycle, cells: np.ndarray) -> None:
    """Draw the orbits of orbitals that move."""
    orbits = cycle.positions_at(np.linspace(0, 2 * np.pi, PHASES + 1))
    for cell, number in itertools.product(cells, range(orbits.shape[1])):
        axes.plot(*(cell @ cycle.lattice.vectors + orbits[:, number]).T, color=RED, lw=1.0, zorder=5)


def _cell_corners(vectors: Float) -> Float:
    """Corners of the home cell around its border: of a chain its two ends."""
    if len(vectors) == 1:
        return np.array([[0.0], vectors[0]])
    return np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ vectors[:2]


def _frame(axes: Any, window: Window, corners: Float) -> None:
    """Draw the home cell, and set the limits."""
    vectors = window.model.lattice.vectors
    axes.set_axis_off()
    if len(vectors) == 3:
        for one in range(3):
            for others in itertools.product((0, 1), repeat=2):
                start = np.insert(np.array(others, float), one, 0.0) @ vectors
                axes.plot(*np.array([start, start + vectors[one]]).T, color=INK, lw=0.7)
        axes.set_aspect("equal")
        return
    axes.plot(*corners.T, color=INK, lw=0.9, ls=(0, (4, 3)), zorder=3)
    (x, y), half = _padded(window.centre[None], 2)[0], window.half
    height = half if len(vectors) == 2 else 0.35 * half
    axes.set(aspect="equal", xlim=(x - half, x + half), ylim=(y - height, y + height))
