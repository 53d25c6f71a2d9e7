"""Magnetic space groups of crystals, and what they say about results and models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.names import suggests
from adiabloch.symmetries import tensors
from adiabloch.symmetries.averaging import SymmetryReport, symmetrized_model
from adiabloch.symmetries.deformation_images import all_displacements
from adiabloch.symmetries.html import group_html
from adiabloch.symmetries.operations import Operation

if TYPE_CHECKING:
    import xarray

    from adiabloch.models import Deformation, TightBinding


@suggests()
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

    _repr_html_ = group_html

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
            `forbidden` (bool) over the components, or one such variable for each part (`intrinsic_forbidden`) if the
            parts differ in their parities, as those of `nonlinear_conductivity`; each variable of the result with its
            values at the forbidden components and NaN at the others. The attribute `largest_forbidden` is the largest
            forbidden value relative to the largest component (1 if all are forbidden), `largest_change` the largest
            difference to the symmetrized result, which includes relations between components.

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

        masks, values, largest, change, scale = {}, {}, 0.0, 0.0, 0.0
        for name, (variable, projection) in self._projections(result, "forbidden").items():
            axes = tensors.vector_axes(variable)
            mask = xarray.DataArray(
                (np.abs(projection).max(axis=1) == 0).reshape([len(labels) for labels in axes.values()]),
                dims=[*axes],
                coords={axis: variable[axis] for axis in axes},
                attrs={"long_name": "components forbidden by symmetry"},
            )
            values[name] = variable.where(mask)
            if not tensors.is_error(name):
                masks[name] = mask
                scale = max(scale, float(np.abs(variable).max()))
                largest = max(largest, float(np.abs(variable.where(mask, 0.0)).max()))
                change = max(change, float(np.abs(variable - tensors.transformed(variable, projection)).max()))
        first = next(iter(masks.values()))
        if all(mask.equals(first) for mask in masks.values()):
            masks = {"forbidden": first}
        else:
            masks = {f"{name}_forbidden": mask for name, mask in masks.items()}
        return xarray.Dataset(
            {**masks, **values},
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
        averaged = {
            name: tensors.transformed(variable, np.abs(projection) if tensors.is_error(name) else projection)
            for name, (variable, projection) in self._projections(result, "symmetrize").items()
        }
        change = self.forbidden(result).attrs["largest_change"]
        return result.assign(averaged).assign_attrs(symmetry=repr(self), symmetry_change=change)

    def symmetrize_model(self, model: TightBinding, *, tolerance: float = 0.1) -> tuple[TightBinding, SymmetryReport]:
        """Average a model over the group: hoppings, positions, position matrix, spin operators, states outside.

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

        Notes
        -----
        The result is the average over a representation that is known in advance, up to second order in the breaking.

        For the group of a structure each orbital belongs to the nearest atom, and the model must be in the same
        Cartesian frame. For the group of a model the orbitals at equal positions belong together.
        """
        return symmetrized_model(model, self.operations, self.sites, tolerance)

    def all_displacements(self, deformation: Deformation) -> Deformation:
        """Displacements of all atoms along all axes, from those of some atoms.

        An operation that takes an atom to another one takes its displacements to displacements of that atom. The
        representation of the operations on the orbitals is determined from the model at rest, as for
        `symmetrize_model`.

        Parameters
        ----------
        deformation : Deformation
            Displacements of some atoms, with their `patterns`. The motion of Wannier functions does not follow: give
            none, and apply `Deformation.following_atoms` to the result. Calculations with plane waves are
            completed by `adiabloch.io.read_deformation`.

        Returns
        -------
        Deformation
            With displacements "0x", "0y", ..., along the axes of the given patterns.

        Raises
        ------
        InvalidArgumentError
            Displacements that do not follow, a model without the symmetry of the group, a model at rest that does not
            determine the representation, or a deformation without patterns or with a motion.

        Examples
        --------
        >>> import adiabloch as ab
        >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
        >>> law = ab.models.exponential(3.0)
        >>> pairs = {
        ...     name: [model.displaced([[x * (name == "0x"), 0], [x * (name == "1x"), 0]], law, move_orbitals=True)
        ...            for x in (-0.01, 0.01)]
        ...     for name in ("0x", "1x")
        ... }
        >>> patterns = {"0x": [[1, 0], [0, 0]], "1x": [[0, 0], [1, 0]]}
        >>> some = ab.Deformation(model, pairs, step=0.01, patterns=patterns)
        >>> ab.symmetry(model).all_displacements(some)
        Deformation(2D, 2 orbitals, displacements 0x, 0y, 1x, 1y)
        """
        return all_displacements(deformation, self.operations, self.sites)

    def _projections(self, result: xarray.Dataset, method: str) -> dict[str, tuple[xarray.DataArray, Float]]:
        """Variables that transform, each with the projector on its allowed components."""
        tensors.check_result(result, method)
        found = {}
        for name, variable in tensors.tensors_of(result).items():
            axes, parities = [*tensors.vector_axes(variable).values()], tensors.parities_of(result, variable)
            if not self.acts_on_z and tensors.acts_across(axes, parities):
                raise InvalidArgumentError(
                    f"{method}: {result.attrs.get('response', 'this result')} depends on the action of the group along "
                    "z, which a planar model without spin does not determine; expected the group of a structure"
                )
            found[name] = variable, tensors.projector(self.operations, axes, parities)
        return found
