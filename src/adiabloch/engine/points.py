"""Points at which an integrand is evaluated: tensor grids, or a list."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.integration.protocols import Minimum
from adiabloch.models.crystal import Matrices


class Points(Protocol):
    """Points on the unit torus."""

    def of(self, function: Matrices) -> Complex:
        """Values of a matrix function, (P, K, N, N)."""
        ...

    def position(self, index: int) -> Float:
        """Coordinates of a point, (D,)."""
        ...

    def of_last(self, function: Callable[[Float], Float]) -> Float:
        """Values of a function of the coordinate along the last axis, (P,)."""
        ...

    def repeated(self, along_last: Float) -> Points:
        """Points with a further coordinate: each one with all these values, which vary fastest."""
        ...


@dataclass(frozen=True, eq=False)
class TensorGrid:
    """Tensor product of axes; the last axis varies fastest."""

    axes: Sequence[Float]

    def __len__(self) -> int:
        """Number of points."""
        return math.prod(len(axis) for axis in self.axes)

    def of(self, function: Matrices) -> Complex:
        """Values of a matrix function, (P, K, N, N)."""
        return function.on_grid(self.axes)

    def position(self, index: int) -> Float:
        """Coordinates of a point, (D,)."""
        position = np.unravel_index(index, tuple(len(axis) for axis in self.axes))
        return np.array([axis[i] for axis, i in zip(self.axes, position, strict=True)])

    def of_last(self, function: Callable[[Float], Float]) -> Float:
        """Values of a function of the coordinate along the last axis, (P,)."""
        return np.tile(function(self.axes[-1]), math.prod(len(axis) for axis in self.axes[:-1]))

    def repeated(self, along_last: Float) -> TensorGrid:
        """Points with a further coordinate: each one with all these values, which vary fastest."""
        return TensorGrid([*self.axes, along_last])


@dataclass(frozen=True, eq=False)
class SelectedPoints(TensorGrid):
    """Points of a tensor grid that a mask selects; matrix functions are evaluated on the grid, which is cheaper."""

    which: np.ndarray
    """(P,) of the grid, bool."""

    def __len__(self) -> int:
        """Number of selected points."""
        return int(self.which.sum())

    def of(self, function: Matrices) -> Complex:
        """Values of a matrix function, (P, K, N, N)."""
        return function.on_grid(self.axes)[self.which]

    def position(self, index: int) -> Float:
        """Coordinates of a point, (D,)."""
        return super().position(int(np.flatnonzero(self.which)[index]))

    def of_last(self, function: Callable[[Float], Float]) -> Float:
        """Values of a function of the coordinate along the last axis, (P,)."""
        return super().of_last(function)[self.which]

    def repeated(self, along_last: Float) -> SelectedPoints:
        """Points with a further coordinate: each one with all these values, which vary fastest."""
        return SelectedPoints([*self.axes, along_last], np.repeat(self.which, len(along_last)))


@dataclass(frozen=True, eq=False)
class SeveralGrids:
    """Several tensor grids, one after the other."""

    grids: Sequence[TensorGrid]

    def of(self, function: Matrices) -> Complex:
        """Values of a matrix function, (P, K, N, N)."""
        return np.concatenate([grid.of(function) for grid in self.grids])

    def position(self, index: int) -> Float:
        """Coordinates of a point, (D,)."""
        ends = np.cumsum([len(grid) for grid in self.grids])
        number = int(np.searchsorted(ends, index, side="right"))
        return self.grids[number].position(index - int(ends[number]) + len(self.grids[number]))

    def of_last(self, function: Callable[[Float], Float]) -> Float:
        """Values of a function of the coordinate along the last axis, (P,)."""
        return np.concatenate([grid.of_last(function) for grid in self.grids])

    def repeated(self, along_last: Float) -> SeveralGrids:
        """Points with a further coordinate: each one with all these values, which vary fastest."""
        return SeveralGrids([grid.repeated(along_last) for grid in self.grids])


@dataclass(frozen=True, eq=False)
class PointList:
    """Any points, (P, D)."""

    points: Float

    def of(self, function: Matrices) -> Complex:
        """Values of a matrix function, (P, K, N, N)."""
        return function.at(self.points)

    def position(self, index: int) -> Float:
        """Coordinates of a point, (D,)."""
        return self.points[index]

    def of_last(self, function: Callable[[Float], Float]) -> Float:
        """Values of a function of the coordinate along the last axis, (P,)."""
        return function(self.points[:, -1])

    def repeated(self, along_last: Float) -> PointList:
        """Points with a further coordinate: each one with all these values, which vary fastest."""
        several = np.repeat(self.points, len(along_last), axis=0)
        return PointList(np.column_stack([several, np.tile(along_last, len(self.points))]))


def smallest_of(values: Float, points: Points) -> Minimum:
    """Smallest value (P,) and its position."""
    index = int(np.argmin(values))
    return Minimum(float(values[index]), points.position(index))
