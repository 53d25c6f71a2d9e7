"""Arguments of the magnetic moment of a phonon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.engine.arguments import FLAT, checked_cycle
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import components
from adiabloch.models.cycle import Cycle
from adiabloch.models.deformation import Deformation
from adiabloch.responses.magnetization_tensor import MAGNETIZATION_TENSOR
from adiabloch.responses.pumped_magnetization import PUMPED_MAGNETIZATION
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

BY_BANDS = ("bands", "component")
"""Dimensions of a result with all bands."""


def checked_cycles(cycle: object, displacements: object) -> tuple[list[Cycle], list[ArrayLike]]:
    """Cycles, and the displacements of each."""
    if isinstance(cycle, Cycle):
        return [checked_cycle(cycle, (2, 3), FLAT)], [cast(ArrayLike, displacements)]
    if not isinstance(cycle, Sequence) or not cycle:
        raise InvalidArgumentError(f"cycle: expected a Cycle or several of them, got {type(cycle).__name__}")
    if strangers := [one for one in cycle if not isinstance(one, Cycle)]:
        raise InvalidArgumentError(f"cycle: expected an adiabloch.Cycle, got {type(strangers[0]).__name__}")
    cycles = [checked_cycle(one, (2, 3), FLAT) for one in cycle]
    patterns = list(cast(Sequence[ArrayLike], displacements))
    if len(patterns) != len(cycles):
        raise InvalidArgumentError(
            f"displacements: {len(patterns)} sets, expected one for each of {len(cycles)} cycles"
        )
    if len({(one.lattice.dimension, one.size) for one in cycles}) > 1:
        raise InvalidArgumentError("cycle: expected cycles of one crystal, got some of other dimension or size")
    return cycles, patterns


def checked_band_sums(given: object, cycles: Sequence[Cycle], occupied: int) -> list[xarray.Dataset]:
    """Results with all bands, one for each cycle, or an empty list.

    Raises
    ------
    InvalidArgumentError
    """
    if given is None:
        return []
    # a Dataset is a mapping and not a sequence
    several = cast("Sequence[object]", given) if isinstance(given, Sequence) else [given]
    sums = [_checked_band_sum(one, cycles[0], occupied) for one in several]
    if len(sums) != len(cycles):
        raise InvalidArgumentError(f"all_bands: {len(sums)} results, expected one for each of {len(cycles)} cycles")
    for one in sums:
        if not np.array_equal(one.bands.values, sums[0].bands.values):
            raise InvalidArgumentError(
                f"all_bands: {one.bands.values.tolist()} and {sums[0].bands.values.tolist()} bands, expected the same "
                "numbers for all cycles"
            )
    return sums


def _checked_band_sum(given: object, cycle: Cycle, occupied: int) -> xarray.Dataset:
    """One result with all bands, sorted by the number of bands and by component."""
    import xarray

    names, unit = (
        components(cycle.lattice.dimension),
        PUMPED_MAGNETIZATION.unit / Unit(length=cycle.lattice.periodic_directions),
    )
    if not isinstance(given, xarray.Dataset) or set(getattr(given.get("perturbative"), "dims", ())) != set(BY_BANDS):
        raise InvalidArgumentError(
            "all_bands: expected what perturbative_by_bands gives, a Dataset with `perturbative` over bands and "
            f"component, got {type(given).__name__}"
        )
    found = given.transpose(*BY_BANDS, ..., missing_dims="ignore").sortby("bands")
    there = {str(name) for name in found.component.values}
    if there != set(names) or found.perturbative.attrs.get("units") != str(unit):
        raise InvalidArgumentError(
            f"all_bands: components {sorted(there)} in {found.perturbative.attrs.get('units')!r}, expected "
            f"{list(names)} in '{unit}' as the cycle has"
        )
    _check_band_counts(found, occupied, cycle.lattice.measure, "cycle")
    return found.sel(component=list(names))


def _check_band_counts(found: xarray.Dataset, occupied: int, measure: float, crystal: str) -> None:
    """Check the numbers of bands of a sum over bands, the crystal it belongs to, and that its numbers are finite."""
    counts = found.bands.values
    if len(counts) < 2 or counts[0] <= occupied or (np.diff(counts) < 1).any():
        raise InvalidArgumentError(
            f"all_bands: {counts.tolist()} bands, expected at least two different numbers above {occupied}: how far "
            "they are apart tells the error"
        )
    for name, own, close in (("occupied", occupied, 0.0), ("measure", measure, 1e-4)):
        if name in found.attrs and not abs(found.attrs[name] - own) <= close * own:
            raise InvalidArgumentError(
                f"all_bands: {name} {found.attrs[name]:g}, expected {own:g} as for the {crystal}"
            )
    if not np.isfinite(found.perturbative.values).all():
        raise InvalidArgumentError("all_bands: a number that is none or infinite, expected finite ones")


def checked_tensor_by_bands(given: object, crystal: Deformation, occupied: int) -> xarray.Dataset:
    """The tensor with all bands, sorted by the number of bands, the component and the displacements of a crystal.

    Raises
    ------
    InvalidArgumentError
    """
    import xarray

    d = crystal.lattice.dimension
    dims = ("bands", "component", "displacement", "displacement_2")
    if not isinstance(given, xarray.Dataset) or set(getattr(given.get("perturbative"), "dims", ())) != set(dims):
        raise InvalidArgumentError(
            "all_bands: expected what perturbative_tensor_by_bands gives, a Dataset with `perturbative` over "
            f"{', '.join(dims)}, got {type(given).__name__}"
        )
    unit = MAGNETIZATION_TENSOR.unit / Unit(length=d)
    found = given.transpose(*dims, missing_dims="ignore").sortby("bands")
    expected = {"component": components(d), "displacement": crystal.names, "displacement_2": crystal.names}
    for dim, names in expected.items():
        there = [str(name) for name in found[dim].values]
        if sorted(there) != sorted(names) or found.perturbative.attrs.get("units") != str(unit):
            raise InvalidArgumentError(
                f"all_bands: {dim} {there} in {found.perturbative.attrs.get('units')!r}, expected {list(names)} in "
                f"'{unit}' as the deformation has"
            )
    _check_band_counts(found, occupied, crystal.lattice.measure, "deformation")
    return found.sel({dim: list(names) for dim, names in expected.items()})


def checked_degeneracy_of_states(given: int | None, charges: Float | None, occupied: int) -> int:
    """Number of electrons in each state: 2 for a crystal without spin, 1 for spinors.

    Raises
    ------
    InvalidArgumentError
    """
    if given not in (None, 1, 2):
        raise InvalidArgumentError(f"degeneracy: {given!r}, expected 2 (a crystal without spin) or 1 (spinors)")
    if charges is None:
        if given is None:
            raise InvalidArgumentError(
                "degeneracy: expected how many electrons a state holds, 2 (a crystal without spin) or 1 (spinors), or "
                "the charges of the ions, which tell"
            )
        return given
    electrons = float(charges.sum())
    fitting = [states for states in (1, 2) if abs(electrons - states * occupied) < 1e-6 and given in (None, states)]
    if not fitting:
        held = f"{given or '1 or 2'} electrons"
        raise InvalidArgumentError(
            f"charges: {charges.tolist()} add up to {electrons:g}, expected what {occupied} occupied bands of {held} "
            "each make neutral"
        )
    return fitting[0]


def charge_tensors(charges: ArrayLike, count: int, d: int) -> Float:
    """Born charges as tensors (n, 3, 3)."""
    given = np.asarray(charges)
    tensors = np.zeros((count, 3, 3))
    if given.ndim == 1:
        tensors += checked(charges, "born_charges", (count,))[:, None, None] * np.eye(3)
        return tensors
    side = given.shape[-1] if given.shape[-1:] in ((d,), (3,)) else d
    tensors[:, :side, :side] = checked(charges, "born_charges", (count, side, side))
    return tensors
