"""Small pictures (SVG) of cells with sites and bonds, for notebooks; they need no other library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float, tensor_grid
from adiabloch.markup import Markup, element

WIDTH, HEIGHT, MARGIN = 190, 150, 14
"""Size of a picture and its margin, in pixels."""
MOST = 400
"""Largest number of sites and bonds of a picture."""
VIEW = np.array([[-0.5, 0.8660, 0.0], [-0.2887, -0.1667, 0.9428], [0.8165, 0.4714, 0.3333]])
"""Axes of the picture and direction to the eye, for crystals in three dimensions."""
COLOURS = ("#1b5e9b", "#b8372f", "#c98a1b", "#3f7f5f", "#8a949e", "#7a4f9a")
"""Colours of successive kinds of sites."""


@dataclass(frozen=True)
class Site:
    """Site at a position, with a colour and a text; faint outside the home cell."""

    position: Float
    colour: str
    text: str
    faint: bool = False


@dataclass(frozen=True)
class Bond:
    """Line between two positions, with a width in pixels."""

    start: Float
    end: Float
    width: float


def drawing(vectors: Float, sites: Sequence[Site], bonds: Sequence[Bond] = ()) -> Markup:
    """Picture of the cell, the sites and the bonds; empty if there are too many.

    Parameters
    ----------
    vectors : float array (d, d)
        Lattice vectors as rows.
    sites, bonds : sequence
        Positions of shape (d,).
    """
    if len(sites) + len(bonds) > MOST or not sites:
        return Markup("")
    d = len(vectors)
    corners = tensor_grid([[0.0, 1.0]] * d)
    edges = [(a, b) for i, a in enumerate(corners) for b in corners[i + 1 :] if np.abs(a - b).sum() == 1]
    cell = np.array(edges) @ vectors
    positions = _flat(np.array([site.position for site in sites]))
    ends = _flat(np.array([[bond.start, bond.end] for bond in bonds]).reshape(-1, 2, d))
    outline = _flat(cell)
    everything = np.concatenate([part.reshape(-1, 3) for part in (positions, ends, outline)])[:, :2]
    low, high = everything.min(axis=0), everything.max(axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    size = float((room / np.maximum(high - low, 1e-9 * max(1.0, float(np.abs(high).max())))).min())
    middle = 0.5 * (low + high)

    def pixels(points: Float) -> Float:
        return np.array([WIDTH, HEIGHT]) / 2 + size * (points[..., :2] - middle) * [1, -1]

    parts = [_line(pair, "#8a949e", 0.8, dashed=True) for pair in pixels(outline)]
    parts += [_line(pair, "#56616c", bond.width) for pair, bond in zip(pixels(ends), bonds, strict=True)]
    # far sites first
    for number in np.argsort(positions[:, 2], kind="stable"):
        site, (x, y) = sites[number], pixels(positions[number])
        parts.append(
            element(
                "circle",
                element("title", site.text),
                cx=f"{x:.1f}",
                cy=f"{y:.1f}",
                r=5,
                fill=site.colour,
                stroke="#ffffff",
                stroke_width=1,
                opacity=0.35 if site.faint else 1,
            )
        )
    return element(
        "svg", *parts, xmlns="http://www.w3.org/2000/svg", width=WIDTH, height=HEIGHT, viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img", aria_label="cell",
    )  # fmt: skip


def _flat(points: Float) -> Float:
    """Horizontal and vertical coordinate and height of points in d dimensions, (..., 3)."""
    d = points.shape[-1]
    full = np.concatenate([points, np.zeros((*points.shape[:-1], 3 - d))], axis=-1)
    return full @ VIEW.T if d == 3 else full


def _line(pair: Float, colour: str, width: float, dashed: bool = False) -> Markup:
    (x1, y1), (x2, y2) = pair
    more = {"stroke_dasharray": "3 3"} if dashed else {}
    return element(
        "line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", stroke=colour,
        stroke_width=f"{width:.2f}", **more,
    )  # fmt: skip
