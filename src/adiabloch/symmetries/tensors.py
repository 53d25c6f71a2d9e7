r"""Transformation of results by symmetry operations, and the components that a group forbids.

A result with a axes labelled x, y, z, and h further directions along z that have no label, transforms as

.. math:: T'_{i \ldots} = s\, P_{zz}^h\, P_{ij} \cdots T_{j \ldots}, \qquad P = \det(Q)\, Q,

where the sign s is the product of the declared parity under inversion, if det Q = -1, and of that under time reversal,
if the operation contains it. Under proper rotations all axes are vectors, whether polar or axial.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES
from adiabloch.symmetries.operations import CLOSE, Operation

if TYPE_CHECKING:
    import xarray

ACROSS = Operation(np.diag([1.0, 1.0, -1.0]), np.zeros(3))
"""Reflection in the plane of a layer."""
MODULO = frozenset({"quantum", "axion_angle"})
"""Variables of results that are defined modulo a quantum."""


def vector_axes(variable: xarray.DataArray) -> dict[str, list[str]]:
    """Axes of a variable whose labels are x, y, z, in their order."""
    found = {}
    for name in variable.dims:
        labels = [str(label) for label in variable[name].values] if name in variable.coords else []
        if labels and set(labels) <= set(AXES):
            found[str(name)] = labels
    return found


def check_result(result: Any, method: str) -> None:
    """Raise an error for something that is not a result whose transformation is known.

    Raises
    ------
    InvalidArgumentError
    """
    import xarray

    if not isinstance(result, xarray.Dataset):
        raise InvalidArgumentError(
            f"{method}: expected the result of a response, a Dataset, got {type(result).__name__}"
        )
    if not MODULO.isdisjoint(map(str, result.data_vars)):
        raise InvalidArgumentError(
            f"{method}: {result.attrs.get('response', 'this result')} is defined modulo a quantum, up to which alone "
            "symmetry relates its values; expected a unique quantity, for example the part `perturbative`: "
            'result.drop_vars(["quantum", "total", "chern_simons", "axion_angle"], errors="ignore")'
        )
    if not tensors_of(result):
        name = result.attrs.get("response", "this result")
        raise InvalidArgumentError(
            f"{method}: {name} does not state its parities (attributes time_reversal and inversion); expected the "
            "result of a response that declares them"
        )


def matrix_of(operation: Operation, axes: Sequence[Sequence[str]], attributes: Any) -> Float:
    """Matrix that transforms the flattened components of a result.

    Parameters
    ----------
    operation : Operation
    axes : sequence of sequence of str
        Labels along each axis.
    attributes : mapping
        Attributes of the result, with its parities.

    Returns
    -------
    float array, shape (components, components)

    Raises
    ------
    InvalidArgumentError
        The operation mixes components of the result with others that it does not have.
    """
    P = operation.proper
    sign = float(attributes["inversion"]) if operation.determinant < 0 else 1.0
    sign *= float(attributes["time_reversal"]) if operation.time_reversal else 1.0
    hidden = int(attributes.get("along_z", 0))
    matrix = np.array([[sign * P[2, 2] ** hidden]])
    present = [[AXES.index(label) for label in labels] for labels in axes] + [[2]] * (hidden > 0)
    for at in present:
        rest = [axis for axis in range(3) if axis not in at]
        if np.abs(P[np.ix_(at, rest)]).max(initial=0.0) > CLOSE:
            raise InvalidArgumentError(
                f"symmetry: {operation} mixes {', '.join(AXES[a] for a in at)} with "
                f"{', '.join(AXES[a] for a in rest)}, along which this result has no components; expected a group that "
                "leaves the plane or the axis of the crystal unchanged"
            )
    for at in present[: len(axes)]:
        matrix = np.kron(matrix, P[np.ix_(at, at)])
    return matrix


def projector(operations: Sequence[Operation], axes: Sequence[Sequence[str]], attributes: Any) -> Float:
    """Mean of the transformations over the group: it projects on the components that the group allows."""
    found = np.mean([matrix_of(g, axes, attributes) for g in operations], axis=0)
    return np.where(np.abs(found) < CLOSE, 0.0, found)


def acts_across(axes: Sequence[Sequence[str]], attributes: Any) -> bool:
    """Return True if the reflection in the plane of a layer changes the result."""
    matrix = matrix_of(ACROSS, axes, attributes)
    return bool(np.abs(matrix - np.eye(len(matrix))).max() > CLOSE)


def transformed(variable: xarray.DataArray, matrix: Float) -> xarray.DataArray:
    """Apply a matrix to the flattened vector components of a variable."""
    names = [*vector_axes(variable)]
    moved = variable.transpose(..., *names)
    leading = moved.shape[: moved.ndim - len(names)]
    values = moved.values.reshape(*leading, -1) @ matrix.T
    return moved.copy(data=values.reshape(moved.shape)).transpose(*variable.dims)


def parities_of(result: xarray.Dataset, variable: xarray.DataArray) -> dict[str, int]:
    """Parities of a variable, its own or those of the result; none if they are not stated."""
    stated = {**result.attrs, **variable.attrs}
    if "time_reversal" not in stated or "inversion" not in stated:
        return {}
    return {name: int(stated.get(name, 0)) for name in ("time_reversal", "inversion", "along_z")}


def is_error(name: str) -> bool:
    """True for error bars."""
    return name == "error" or name.endswith("_error")


def tensors_of(result: xarray.Dataset) -> dict[str, xarray.DataArray]:
    """Variables of a result that transform: those with parities and with all of its vector axes."""
    variables = {
        str(name): variable
        for name, variable in result.data_vars.items()
        if variable.dtype.kind in "fc" and parities_of(result, variable)
    }
    most = max((len(vector_axes(variable)) for variable in variables.values()), default=0)
    return {name: variable for name, variable in variables.items() if len(vector_axes(variable)) == most}
