"""Magnetic space groups of crystals, and what they say about results and models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.symmetries import tensors
from adiabloch.symmetries.averaging import SymmetryReport, symmetrized_model
from adiabloch.symmetries.operations import Operation

if TYPE_CHECKING:
    import xarray

    from adiabloch.models import TightBinding


@dataclass(frozen=True, eq=False)
class SymmetryGroup:
    """Magnetic space group of a crystal, made by `adiabloch.symmetry`.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> group = ab.symmetry(model)
    >>> group
    SymmetryGroup(6 operations, 3 with time reversal)
    >>> hall = ab.anomalous_hall(model, chemical_potential=0.0)
    >>> bool(group.forbidden(hall).forbidden.any())
    False
    """

    operations: tuple[Operation, ...]
    """Operations of the factor group: translations of the lattice are left out."""
    name: str = ""
    """Name of the group, if it was found from a structure."""
    sites: Float | None = None
    """Cartesian positions of the atoms, (atoms, 3); None for the group of a model."""
    dimension: int = 3
    """Number of dimensions of the model, 3 for the group of a structure."""
    acts_on_z: bool = True
    """False for the group of a planar model without spin, which does not determine the action along z."""

    def __repr__(self) -> str:
        reversing = sum(g.time_reversal for g in self.operations)
        parts = [self.name] if self.name else []
        parts += [f"{len(self.operations)} operations", f"{reversing} with time reversal"]
        return f"SymmetryGroup({', '.join(parts)})"

    def __str__(self) -> str:
        return "\n".join([repr(self), *(f"  {g}" for g in self.operations)])

    def __len__(self) -> int:
        return len(self.operations)

    @property
    def rotations_of_k(self) -> list[Float]:
        """Rotations of the wave vectors of a model, (d, d) each, as the option `symmetry` of responses takes them."""
        d = self.dimension
        found = [(-1 if g.time_reversal else 1) * g.rotation[:d, :d] for g in self.operations]
        return [Q for number, Q in enumerate(found) if not any(np.allclose(Q, P) for P in found[:number])]

    def forbidden(self, result: xarray.Dataset) -> xarray.Dataset:
        """Components of a result that vanish by symmetry, and their computed values.

        Parameters
        ----------
        result : xarray.Dataset
            Result of a response that declares its parities. For a response of a cycle, the group must leave the cycle
            unchanged with its sense.

        Returns
        -------
        xarray.Dataset
            `forbidden` (bool) over the components; each variable of the result with its values at the forbidden
            components and NaN at the others. The attribute `largest_forbidden` is the largest forbidden value relative
            to the largest component, `largest_change` the largest difference to the symmetrized result, which includes
            relations between components.

        Raises
        ------
        InvalidArgumentError
            The result states no parities, is defined modulo a quantum, or the group mixes its components with others.

        Examples
        --------
        >>> import adiabloch as ab
        >>> model = ab.models.kane_mele(delta=0.3, intrinsic=0.07)
        >>> hall = ab.anomalous_hall(model, chemical_potential=0.0)
        >>> ab.symmetry(model).forbidden(hall).forbidden.values.tolist()  # by time reversal
        [True]
        """
        import xarray

        found, projection = self._projection(result, "forbidden")
        first = next(iter(found.values()))
        axes = tensors.vector_axes(first)
        shape = [len(labels) for labels in axes.values()]
        mask = xarray.DataArray(
            (np.abs(projection).max(axis=1) == 0).reshape(shape),
            dims=[*axes],
            coords={name: first[name] for name in axes},
            attrs={"long_name": "components forbidden by symmetry"},
        )
        values = {name: variable.where(mask) for name, variable in found.items()}
        scale = max((float(np.abs(v).max()) for n, v in found.items() if n != "error"), default=0.0)
        largest = max((float(np.abs(v).max()) for n, v in values.items() if n != "error" and mask.any()), default=0.0)
        change = max(
            float(np.abs(v - tensors.transformed(v, projection)).max()) for n, v in found.items() if n != "error"
        )
        return xarray.Dataset(
            {"forbidden": mask, **values},
            attrs={
                "group": repr(self),
                "largest_forbidden": largest / scale if scale > 0 else 0.0,
                "largest_change": change / scale if scale > 0 else 0.0,
            },
        )

    def symmetrize(self, result: xarray.Dataset) -> xarray.Dataset:
        """Average a result over the group.

        Parameters
        ----------
        result : xarray.Dataset
            As for `forbidden`.

        Returns
        -------
        xarray.Dataset
            Symmetrized result. Forbidden components are zero. Error bars are those of the averages, in the worst case.
            The attribute `symmetry_change` is the largest change relative to the largest component.

        Raises
        ------
        InvalidArgumentError
            As for `forbidden`.

        Examples
        --------
        >>> import adiabloch as ab
        >>> model = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
        >>> dipole = ab.berry_curvature_dipole(model, chemical_potential=0.2, temperature=0.01)
        >>> symmetrized = ab.symmetry(model).symmetrize(dipole)
        >>> symmetrized.total.sel(axis="y", component="z").item()
        0.0
        """
        found, projection = self._projection(result, "symmetrize")
        matrices = {name: np.abs(projection) if name == "error" else projection for name in found}
        averaged = {name: tensors.transformed(variable, matrices[name]) for name, variable in found.items()}
        change = self.forbidden(result).attrs["largest_change"]
        return result.assign(averaged).assign_attrs(symmetry=repr(self), symmetry_change=change)

    def symmetrize_model(self, model: TightBinding, *, tolerance: float = 0.1) -> tuple[TightBinding, SymmetryReport]:
        """Average a model over the group: hoppings, positions, position matrix and spin operators.

        The representation of the operations on the orbitals is determined from the model: for each operation it is the
        unitary matrix between the orbitals of each atom and those of its image for which the model changes least.

        Parameters
        ----------
        model : TightBinding
        tolerance : float
            Largest change of the matrices by an operation that is accepted, relative to the largest hopping, and to the
            shortest lattice vector for positions.

        Returns
        -------
        model : TightBinding
            Model that has all symmetries of the group to rounding.
        report : SymmetryReport
            Changes of the model by each operation, and the change by the average.

        Raises
        ------
        InvalidArgumentError
            The model does not have the group: an operation does not map its atoms to each other, or changes it by more
            than the tolerance; the message names the operation.

        Warns
        -----
        AccuracyWarning
            The model has states outside its Wannier functions (`TightBinding.outside`), which the result lacks.

        Notes
        -----
        The result is the average over a representation that is known in advance, up to second order in the breaking.

        For the group of a structure each orbital belongs to the nearest atom, and the model must be in the same
        Cartesian frame. For the group of a model the orbitals at equal positions belong together.
        """
        return symmetrized_model(model, self.operations, self.sites, tolerance)

    def _projection(self, result: xarray.Dataset, method: str) -> tuple[dict[str, xarray.DataArray], Float]:
        """Variables that transform, and the projector on their allowed components."""
        tensors.check_result(result, method)
        found = tensors.tensors_of(result)
        if not found:
            raise InvalidArgumentError(f"{method}: the result has no numbers that transform")
        first = next(iter(found.values()))
        axes = [*tensors.vector_axes(first).values()]
        if not self.acts_on_z and tensors.acts_across(axes, result.attrs):
            raise InvalidArgumentError(
                f"{method}: {result.attrs.get('response', 'this result')} depends on the action of the group along z, "
                "which a planar model without spin does not determine; expected the group of a structure"
            )
        return found, tensors.projector(self.operations, axes, result.attrs)
