r"""The perturbative part of the magnetization tensor with all bands of a calculation, on its own mesh of k points.

Four displaced crystals, at +h and -h along two displacements, are the snapshots of a small circle. What it pumps,
divided by half of its squared radius, is the tensor: the circle is run through with central differences of second
order in h, and several steps h are extrapolated to zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.results import labelled
from adiabloch.errors import InvalidArgumentError
from adiabloch.interpolation import limit_weights
from adiabloch.names import checked_call
from adiabloch.responses.magnetization_tensor import MAGNETIZATION_TENSOR
from adiabloch.units import Unit
from adiabloch.workflows.all_bands import BandsOfCycle, perturbative_by_bands

if TYPE_CHECKING:
    import xarray

PAIR = ("displacement", "displacement_2")


class DisplacedBands(Protocol):
    """Bands of displaced crystals on a mesh of k points.

    With an attribute `sums`, {displacement: {name: coefficient}}, the tensor is that of these sums of displacements.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the displacements."""
        ...

    @property
    def steps(self) -> tuple[float, ...]:
        """Displacements of the crystals."""
        ...

    def circle(self, one: str, other: str, number: int) -> BandsOfCycle:
        """Bands of the four crystals at +one, +other, -one, -other, displaced by a step, as those of a cycle."""
        ...


@checked_call
def perturbative_tensor_by_bands(
    bands: DisplacedBands, counts: Sequence[int] | None = None, *, progress: bool | None = None
) -> xarray.Dataset:
    """Perturbative part of the magnetization tensor for several numbers of bands, from the bands of a calculation.

    For `adiabloch.phonon_moments(..., all_bands=...)`: Wannier functions span few empty states, and the perturbative
    part of `magnetization_tensor` lacks the others.

    Parameters
    ----------
    bands : DisplacedBands
        As `adiabloch.io.read_displaced_bands` reads them.
    counts, progress
        As for `perturbative_by_bands`.

    Returns
    -------
    xarray.Dataset
        `perturbative` over `bands`, `component`, `displacement` and `displacement_2`, in the units of
        `magnetization_tensor`. `difference`, over the same, is the change by the last step of the extrapolation, zero
        for a single step. The error of the mesh is not known.

    Raises
    ------
    InvalidArgumentError
        A single displacement, or numbers of bands out of range.
    GapClosedError, FileFormatError, CoarseCycleError
        As for `perturbative_by_bands`.
    """
    if not all(hasattr(bands, name) for name in ("names", "steps", "circle")):
        raise InvalidArgumentError(
            f"bands: expected the bands of displaced crystals as io.read_displaced_bands reads them, got "
            f"{type(bands).__name__}"
        )
    names = bands.names
    if len(names) < 2:
        raise InvalidArgumentError(f"bands: the displacement {names}, expected two or more")
    weights, fewer = limit_weights(np.array(bands.steps))
    found: list[tuple[int, int, Float]] = []
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        circles = [
            perturbative_by_bands(bands.circle(one, other, number), counts, progress=progress)
            for number in range(len(bands.steps))
        ]
        values = [2.0 * part.perturbative.values / h**2 for part, h in zip(circles, bands.steps, strict=True)]
        found.append((i, j, np.tensordot([weights, weights - fewer], values, 1)))
    first = circles[0]
    tensors = np.zeros((2, *first.perturbative.shape, len(names), len(names)))
    for i, j, value in found:
        tensors[..., i, j], tensors[..., j, i] = value, -value
    sums: Mapping[str, Mapping[str, float]] | None = getattr(bands, "sums", None)
    if sums is not None:
        names, tensors = _of_sums(sums, names, tensors)
    dims = ("bands", "component", *PAIR)
    unit = MAGNETIZATION_TENSOR.unit / Unit(length=first.attrs["dimension"])
    kept = ("occupied", "points", "dimension", "measure")
    return labelled(
        {
            "perturbative": (dims, tensors[0], unit, "perturbative tensor of pumped moments"),
            "difference": (dims, np.abs(tensors[1]), unit, "change by the last step of the extrapolation"),
        },
        {
            "bands": ("bands", first.bands.values, {"long_name": "bands that take part"}),
            "component": first.component.values.tolist(),
            **{name: list(names) for name in PAIR},
        },
        **{name: first.attrs[name] for name in kept},
        response="perturbative_tensor_by_bands",
        steps=list(bands.steps),
    )


def _of_sums(
    sums: Mapping[str, Mapping[str, float]], names: Sequence[str], tensors: Float
) -> tuple[tuple[str, ...], Float]:
    """Tensors of sums of displacements, and their names."""
    coefficients = np.array([[parts.get(name, 0.0) for name in names] for parts in sums.values()])
    return tuple(sums), coefficients @ tensors @ coefficients.T
