"""Paths through the Brillouin zone: special points, labels, and paths that follow from the lattice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError, MissingExtraError
from adiabloch.lattice import Lattice, Path
from adiabloch.memory import check_memory
from adiabloch.scalars import is_whole

Node = tuple[str, Float]
"""Label and reduced coordinates of a corner of a path."""
SAME_SHAPE = 2e-4
"""Relative difference of lengths, and difference of cosines, below which a lattice has a symmetry."""
LABEL = re.compile("(Γ|[A-Za-z])([0-9]*)(['′]?)")
GAMMA = "Γ"


@dataclass(frozen=True, eq=False)
class BandPath:
    """Wave vectors along straight segments between labelled points."""

    points: Float
    """Reduced coordinates, (P, d)."""
    distance: Float
    """Distance along the path in Cartesian k space, (P,); it does not grow where the path jumps."""
    ticks: Float
    """Distances of the corners, (T,)."""
    labels: tuple[str, ...]
    """Labels of the corners; "U|K" where the path jumps from U to K."""
    starts: tuple[int, ...]
    """Numbers of the points at which connected pieces of the path begin."""

    def coordinates(self) -> dict[str, Any]:
        """Coordinates of a result along the path."""
        return {
            "distance": ("point", self.distance, {"units": "1/length", "long_name": "distance along the path"}),
            "tick": ("corner", self.ticks, {"units": "1/length"}),
            "label": ("corner", np.array(self.labels, dtype=str)),
        }


def band_path(lattice: Lattice, path: object, points: int) -> BandPath:
    """Path of the user, or one that follows from the lattice.

    Parameters
    ----------
    lattice : Lattice
    path : None, str, mapping or sequence of (label, reduced coordinates), (P, d) array_like or Path
    points : int
        Number of points along the path, if only its corners are given.

    Raises
    ------
    InvalidArgumentError
        Labels that the lattice does not have, points of another dimension.
    MissingExtraError
        Labels in three dimensions without ASE.
    """
    if not is_whole(points, 2):
        raise InvalidArgumentError(f"points: {points!r}, expected an integer, at least 2")
    check_memory(64.0 * points, f"points: {points}", "ask for fewer")
    if isinstance(path, Path):
        return BandPath(lattice.reduced(path.k), path.distance, path.ticks, path.labels, (0,))
    if isinstance(path, list | tuple) and path and all(isinstance(label, str) for label in path):
        path = "".join(path)
    if path is None or isinstance(path, str):
        return _through(lattice, _named_corners(lattice, path), int(points))
    if not isinstance(path, Mapping) and (given := _as_points(lattice, path)) is not None:
        return path_of_points(lattice, given)
    pairs: Any = path.items() if isinstance(path, Mapping) else path
    try:
        nodes = [(plain_label(str(name)), checked(at, f"path: {name!r}", (lattice.dimension,))) for name, at in pairs]
    except (TypeError, ValueError) as reason:
        raise InvalidArgumentError(
            f"path: {path!r}, expected labels such as 'GKMG', pairs of label and reduced coordinates, or points "
            f"(P, {lattice.dimension}) ({reason})"
        ) from None
    return _through(lattice, [nodes], int(points))


def path_of_points(lattice: Lattice, points: Float) -> BandPath:
    """Path through given points, without labels."""
    steps = np.sqrt((np.diff(lattice.cartesian(points), axis=0) ** 2).sum(axis=1))
    return BandPath(points, np.concatenate([[0.0], np.cumsum(steps)]), np.zeros(0), (), (0,))


def special_points(lattice: Lattice) -> tuple[dict[str, Float], str]:
    """Special points of the zone by label, in reduced coordinates, and the path through them.

    In one and two dimensions they follow from the shape of the lattice: hexagonal (Γ, K, M, K'), square (Γ, X, M),
    rectangular (Γ, X, S, Y), any other (half reciprocal vectors Γ, X, S, Y). In three dimensions ASE knows them (the
    paths of Setyawan and Curtarolo). The point X' is the negative of X, unless it has coordinates of its own.

    Raises
    ------
    MissingExtraError
        In three dimensions without ASE.
    """
    if lattice.dimension == 1:
        return {GAMMA: np.zeros(1), "X": np.array([0.5])}, "X'GX"
    if lattice.dimension == 2:
        return _points_of_plane(lattice)
    try:
        from ase.cell import Cell
    except ImportError:
        raise MissingExtraError(
            "the special points of a lattice in three dimensions need ASE: pip install ase; or give path= as pairs "
            "of label and reduced coordinates"
        ) from None
    found = Cell(lattice.vectors).bandpath(npoints=0)  # type: ignore[no-untyped-call]
    points = {name.replace("G", GAMMA): np.asarray(at, float) for name, at in found.special_points.items()}
    return points, str(found.path)


def plain_label(label: str) -> str:
    """Label with the Greek letter Γ for G or Gamma, and with an apostrophe as prime."""
    label = label.strip().replace("′", "'")
    return GAMMA if label.lower() in ("g", "gamma", "\\gamma", "$\\gamma$", "gm") else label


def _points_of_plane(lattice: Lattice) -> tuple[dict[str, Float], str]:
    """Special points of a lattice in two dimensions."""
    cells = _reduced_basis(lattice.reciprocal)
    b1, b2 = cells @ lattice.reciprocal
    lengths = np.sqrt([b1 @ b1, b2 @ b2])
    cosine = b1 @ b2 / lengths.prod()
    equal = abs(lengths[1] / lengths[0] - 1) < SAME_SHAPE
    points = {GAMMA: [0.0, 0.0]}
    if equal and abs(cosine - 0.5) < SAME_SHAPE:
        points |= {"K": [1 / 3, 1 / 3], "M": [0.5, 0.0], "K'": [2 / 3, -1 / 3]}
        path = "GKMK'G"
    elif equal and abs(cosine) < SAME_SHAPE:
        points |= {"X": [0.5, 0.0], "M": [0.5, 0.5], "Y": [0.0, 0.5]}
        path = "GXMG"
    else:
        # X + Y is the shortest half of a third reciprocal vector
        sign = 1 if abs(cosine) < SAME_SHAPE else -1
        points |= {"X": [0.5, 0.0], "S": [0.5, 0.5 * sign], "Y": [0.0, 0.5 * sign]}
        path = "GXSYG"
    return {name: np.array(at) @ cells for name, at in points.items()}, path


def _reduced_basis(vectors: Float) -> Float:
    """Integers that combine two vectors to the shortest ones of their lattice, at an angle of 60 to 90 degrees."""
    cells = np.eye(2)
    while True:
        squares = (cells @ vectors) @ (cells @ vectors).T
        if squares[1, 1] < squares[0, 0] * (1 - SAME_SHAPE):
            cells = cells[::-1]
            continue
        steps = np.rint(squares[0, 1] / squares[0, 0] * (1 - SAME_SHAPE))
        if not steps:
            break
        cells = np.array([cells[0], cells[1] - steps * cells[0]])
    if squares[0, 1] < -SAME_SHAPE * squares[0, 0]:
        cells = np.array([cells[0], -cells[1]])
    return cells


def _as_points(lattice: Lattice, path: object) -> Float | None:
    """Points (P, d) if the user gave numbers, else None."""
    try:
        array = np.asarray(path, dtype=float)
    except (TypeError, ValueError):
        return None
    if lattice.dimension == 1 and array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != lattice.dimension or len(array) < 1:
        raise InvalidArgumentError(f"path: shape {array.shape}, expected points (P, {lattice.dimension})")
    return checked(array, "path", None)


def _named_corners(lattice: Lattice, path: str | None) -> list[list[Node]]:
    """Corners of the connected pieces of a path given by labels."""
    points, default = special_points(lattice)
    path = default if path is None else path
    pieces = []
    for piece in re.split(r"[,|]", path):
        words = re.sub(r"[\s\-–>→]", "", piece)
        if not words or LABEL.sub("", words):
            raise InvalidArgumentError(
                f"path: {path!r}, expected labels such as {default!r}, with a comma where the path jumps"
            )
        pieces.append([_corner(plain_label(match.group()), points, path) for match in LABEL.finditer(words)])
    return pieces


def _corner(label: str, points: Mapping[str, Float], path: str) -> Node:
    if label in points:
        return label, points[label]
    if label.endswith("'") and label[:-1] in points:
        return label, -points[label[:-1]]
    raise InvalidArgumentError(
        f"path: {path!r}: this lattice has no point {label!r}, expected some of {', '.join(points)}; or give pairs of "
        "label and reduced coordinates"
    )


def _through(lattice: Lattice, pieces: Sequence[Sequence[Node]], points: int) -> BandPath:
    """Path through the corners of connected pieces, with points in proportion to the lengths."""
    if any(len(piece) < 2 for piece in pieces):
        raise InvalidArgumentError("path: expected at least two points in each connected piece")
    lengths = [
        np.sqrt((np.diff(lattice.cartesian([at for _, at in piece]), axis=0) ** 2).sum(axis=1)) for piece in pieces
    ]
    total = sum(length.sum() for length in lengths)
    if total == 0:
        raise InvalidArgumentError("path: all its points are the same")
    reduced: list[Float] = []
    distance: list[Float] = []
    ticks: list[float] = []
    labels: list[str] = []
    starts: list[int] = []
    reached = 0.0
    for piece, length in zip(pieces, lengths, strict=True):
        corners = reached + np.concatenate([[0.0], np.cumsum(length)])
        count = max(2, round(points * length.sum() / total))
        along = np.union1d(np.linspace(corners[0], corners[-1], count), corners)
        starts.append(sum(len(part) for part in distance))
        distance.append(along)
        reduced.append(np.stack([np.interp(along, corners, column) for column in np.array([k for _, k in piece]).T], 1))
        names = [name for name, _ in piece]
        if labels:
            labels[-1] = f"{labels[-1]}|{names[0]}"
            names, corners = names[1:], corners[1:]
        labels += names
        ticks += corners.tolist()
        reached = ticks[-1]
    return BandPath(np.concatenate(reduced), np.concatenate(distance), np.array(ticks), tuple(labels), tuple(starts))
