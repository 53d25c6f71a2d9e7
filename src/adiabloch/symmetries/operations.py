"""Symmetry operations of crystals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.markup import record_html

CLOSE = 1e-6
"""Accuracy of rotation matrices and of translations in units of the lattice vectors."""


@dataclass(frozen=True, eq=False)
class Operation:
    """Symmetry operation r -> Q r + t, with or without time reversal."""

    rotation: Float
    """Orthogonal matrix Q in Cartesian axes, (3, 3)."""
    translation: Float
    """Translation t in the length unit of the crystal, (3,); zero along directions without periodicity."""
    time_reversal: bool = False
    """True if the operation includes time reversal."""

    _repr_html_ = record_html

    @property
    def determinant(self) -> int:
        """1 for a proper rotation, -1 for a rotation with inversion."""
        return 1 if float(np.dot(self.rotation[0], np.cross(self.rotation[1], self.rotation[2]))) > 0 else -1

    @property
    def proper(self) -> Float:
        """Rotation of axial vectors, det(Q) Q, (3, 3)."""
        return self.determinant * self.rotation

    @property
    def key(self) -> tuple[object, ...]:
        """Rotation, translation and time reversal, rounded: equal for equal operations."""
        # zeros have one sign
        rotation, translation = np.rint(1e5 * self.rotation) + 0.0, np.rint(1e5 * self.translation) + 0.0
        return (*rotation.ravel().tolist(), *translation.tolist(), self.time_reversal)

    def __str__(self) -> str:
        """Name of the operation, for example "rotation by 120 degrees about (0, 0, 1)"."""
        angle, axis = angle_and_axis(self.proper)
        degrees = round(np.degrees(angle))
        about = "(" + ", ".join(f"{x:.3g}" for x in axis + 0.0) + ")"
        if self.determinant > 0:
            name = "identity" if degrees == 0 else f"rotation by {degrees} degrees about {about}"
        elif degrees == 0:
            name = "inversion"
        elif degrees == 180:
            name = f"mirror perpendicular to {about}"
        else:
            name = f"rotation by {degrees} degrees about {about} with inversion"
        if np.abs(self.translation).max() > CLOSE:
            name += " and translation (" + ", ".join(f"{x:.4g}" for x in self.translation + 0.0) + ")"
        return name + (" and time reversal" if self.time_reversal else "")


def is_identity(operation: Operation) -> bool:
    """Return True for the operation that changes nothing."""
    return operation.key == Operation(np.eye(3), np.zeros(3)).key


def angle_and_axis(proper: Float) -> tuple[float, Float]:
    """Angle and axis of a proper rotation (3, 3); the angle is between 0 and pi."""
    angle = float(np.arccos(np.clip((np.trace(proper) - 1) / 2, -1, 1)))
    axis = np.array([proper[2, 1] - proper[1, 2], proper[0, 2] - proper[2, 0], proper[1, 0] - proper[0, 1]])
    if np.pi - angle < 1e-4:
        # a half turn is 2 n n - 1
        column = (proper + np.eye(3))[:, int(np.argmax(np.diag(proper)))]
        axis = column * np.sign(column[np.flatnonzero(np.abs(column) > CLOSE)[-1]])
    length = float(np.sqrt(axis @ axis))
    rounded = np.where(np.abs(axis) < 1e-9 * max(length, 1e-300), 0.0, axis)
    return angle, rounded / length if length > 0 else np.array([0.0, 0.0, 1.0])


def nearest_orthogonal(matrix: Float | Complex) -> Float | Complex:
    """Orthogonal or unitary matrix nearest to a given one."""
    U, _, V = np.linalg.svd(matrix)
    return U @ V


def unique(operations: list[Operation]) -> tuple[Operation, ...]:
    """Operations without those that differ from another one by a translation alone."""
    found: dict[tuple[object, ...], Operation] = {}
    for operation in operations:
        key = (*np.rint(1e3 * operation.rotation).astype(int).ravel().tolist(), operation.time_reversal)
        found.setdefault(key, operation)
    return tuple(found.values())
