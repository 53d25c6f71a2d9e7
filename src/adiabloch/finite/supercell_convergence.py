"""Convergence of the fields of supercells: phases, lengths, and meshes of wave vectors."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import ToleranceNotReachedError
from adiabloch.finite.supercell import Supercell
from adiabloch.finite.supercell_geometry import SupercellGeometry, SupercellMesh
from adiabloch.finite.texture_series import TextureSeries
from adiabloch.finite.wannier_supercell import WannierSupercell
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run
from adiabloch.units import Unit

COARSEST = 8
"""Initial number of wave numbers across the texture."""


class PhaseFields(NamedTuple):
    """Fields of one supercell at one phase."""

    values: dict[str, Complex]
    """(2 M + 1, components or operators) by quantity."""
    scales: dict[str, float]
    """Size of the sum of the moduli of all terms, by quantity."""
    gap: float


class LengthFields(NamedTuple):
    """Fields of a texture at all phases for one length, separated by their parity in 1/L."""

    values: dict[str, Complex]
    """(order, theta, 2 M + 1, components or operators) by quantity; the part odd in 1/L is multiplied by L."""
    scales: dict[str, float]
    """Size of the sum of the moduli of all terms, by quantity."""
    gap: float


def unit_of(quantity: str, dimension: int) -> Unit:
    """Unit of a field: of a current or of a density, driven or in equilibrium ("static_...")."""
    if quantity.endswith("current"):
        at_rest = Unit(charge=1, hbar=-1, energy=1, length=1 - dimension)
        driven = Unit(charge=1, omega=1, length=1 - dimension)
    else:
        at_rest, driven = Unit(length=-dimension), Unit(hbar=1, omega=1, energy=-1, length=-dimension)
    return at_rest if quantity.startswith("static") else driven


@dataclass(frozen=True, eq=False)
class FieldRequest:
    """Phases, occupation, harmonics and operators for which fields are computed; the same for all supercells."""

    theta: Float
    occupied: int
    harmonics: int
    """Largest harmonic M."""
    operators: Complex
    """(operators, N, N)"""
    crystal_gap: float
    """Smallest gap of the local crystals."""

    def fields(self, task: tuple[Supercell | WannierSupercell, SupercellMesh, float]) -> PhaseFields:
        """Fields of one supercell at one phase."""
        supercell, mesh, theta = task
        measured = supercell.measure(theta, mesh, self.occupied, self.crystal_gap)
        currents = supercell.currents(measured, self.harmonics)
        values = dict(zip(("static_current", "current"), currents, strict=True))
        scales = dict(zip(values, supercell.current_scale(measured), strict=True))
        # a current that vanishes by symmetry is rounding, which has no scale of its own
        scales["current"] = max(scales["current"], 1e-10 * scales["static_current"] / self.crystal_gap)
        if len(self.operators):
            densities = supercell.density(measured, self.operators, self.harmonics)
            names = ("static_observable", "observable")
            values |= dict(zip(names, densities.swapaxes(1, 2), strict=True))
            electrons = self.occupied / supercell.geometry.series.lattice.measure * np.abs(self.operators).max()
            scales |= {"static_observable": electrons, "observable": electrons / self.crystal_gap}
        return PhaseFields(values, scales, measured.gap)


@dataclass(frozen=True, eq=False)
class FieldEvaluator:
    """Evaluation of a request for supercells of a texture."""

    series: TextureSeries
    request: FieldRequest
    pool: Executor
    bar: ProgressBar

    def in_given_units(self, fields: LengthFields) -> dict[str, Complex]:
        """Values by quantity in the units of the crystals of the user."""
        units, d = self.series.units, self.series.lattice.dimension
        return {name: units.size(unit_of(name, d)) * values for name, values in fields.values.items()}

    def fields(self, length: int, mesh: SupercellMesh) -> LengthFields:
        """Parts even and odd in 1/L for one length, from the texture and the reversed texture."""
        theta = self.request.theta
        kind = WannierSupercell if self.series.connections else Supercell
        textures = [self.series] if self.series.even else [self.series, self.series.backwards]
        supercells = [kind(SupercellGeometry(texture, length)) for texture in textures]
        self.bar.stage(f"{length} cells, {mesh.across} wave numbers", len(theta) * len(supercells))
        found: list[PhaseFields] = []
        tasks = ((supercell, mesh, phase) for supercell in supercells for phase in theta.tolist())
        for fields in run(self.pool, self.request.fields, tasks):
            found.append(fields)
            self.bar.advance(1)
        values, scales = {}, {}
        for name in found[0].values:
            forwards = np.stack([fields.values[name] for fields in found[: len(theta)]])
            backwards = np.stack([fields.values[name] for fields in found[-len(theta) :]])[:, ::-1]
            values[name] = np.stack([0.5 * (forwards + backwards), 0.5 * length * (forwards - backwards)])
            scales[name] = max(fields.scales[name] for fields in found)
        return LengthFields(values, scales, min(fields.gap for fields in found))


def converged_fields(
    evaluator: FieldEvaluator, length: int, tolerance: float, k_points: int | None, limit: int
) -> tuple[LengthFields, SupercellMesh, dict[str, Float]]:
    """Double the mesh of wave vectors of the shortest supercell until its fields converge.

    Longer supercells consist of the same crystals and do not need a finer mesh.

    Parameters
    ----------
    evaluator : FieldEvaluator
    length : int
        Length of the supercell, in cells.
    tolerance : float
        Relative accuracy.
    k_points : int or None
        Fixed number of wave numbers across the texture.
    limit : int
        Largest number of wave numbers across the texture.

    Returns
    -------
    fields : LengthFields
    mesh : SupercellMesh
    errors : dict {str: float array, shape (order, 1, 1, 1)}
        Errors due to the mesh, by quantity.

    Raises
    ------
    ToleranceNotReachedError
        The limit is reached first.
    """
    mesh = SupercellMesh(COARSEST if k_points is None else max(1, k_points // 2), 0.5)
    coarse = evaluator.fields(length, mesh)
    while True:
        mesh = mesh.finer if k_points is None else SupercellMesh(k_points, 0.0)
        fine = evaluator.fields(length, mesh)
        errors, worst = {}, 0.0
        for name, values in fine.values.items():
            scale = max(fine.scales[name], np.finfo(float).tiny)
            change = np.abs(values - coarse.values[name]).max(axis=(1, 2, 3), keepdims=True)
            # for analytic functions twice the number of points squares the relative error
            errors[name] = np.minimum(change, 10 * change**2 / scale)
            worst = max(worst, float(errors[name].max()) / scale)
        if k_points is not None or worst <= tolerance:
            return fine, mesh, errors
        if 2 * mesh.across > limit:
            raise ToleranceNotReachedError(
                f"supercell (L = {length}): with {mesh.across} wave numbers across the texture the relative error is "
                f"{worst:.1e}, expected {tolerance:.0e}; give a larger limit or tolerance",
                estimate=evaluator.in_given_units(fine)["current"],
                error=worst,
            )
        coarse = fine
