r"""Magnetic moments of all phonons of a crystal at q = 0, from one set of displacements of its atoms.

Displacements u_i = Re[a_i exp(-i theta)] of one mode pump the magnetization (1/4) sum_ij M_ij Im(a_i^* a_j), and have
the action J = (1/2) sum_kappa m_kappa |a_kappa|^2, hbar for one quantum. So the moment of a quantum is that of
`adiabloch.phonon_moment` in the limit of small displacements: a quadratic form in the eigenvectors of the modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, Integer, checked
from adiabloch.engine.arguments import checked_deformation
from adiabloch.engine.dry_run import Forecast, result_or_forecast
from adiabloch.engine.results import Variable, labelled
from adiabloch.engine.run import Options, Run
from adiabloch.errors import InvalidArgumentError, warn
from adiabloch.lattice import AXES, components
from adiabloch.models.deformation import Deformation
from adiabloch.models.phonon_modes import Modes
from adiabloch.names import checked_call
from adiabloch.responses.born_charges import born_charges
from adiabloch.responses.magnetization_tensor import magnetization_tensor
from adiabloch.responses.molecular_berry_curvature import molecular_berry_curvature
from adiabloch.responses.spin_tensor import spin_tensor
from adiabloch.units import BOHR_MAGNETON, ELECTRON_G, ELECTRON_MASS, ELECTRONVOLT, HBAR_SQUARED_PER_DALTON, Unit
from adiabloch.units import nuclear_magnetons as in_nuclear_magnetons
from adiabloch.workflows.phonon_arguments import checked_degeneracy_of_states, checked_tensor_by_bands
from adiabloch.workflows.phonon_parts import PARTS, spread_of_bands
from adiabloch.workflows.zone_centre_modes import ZoneCentreModes

if TYPE_CHECKING:
    import xarray

UNIT = Unit(bohr_magneton=1)
TOLERANCE = 1e-4
"""Default tolerance."""
WITHOUT_IONS = "the charges of the ions were not given; total is that of the electrons"
SUM_RULE = 1e-2
"""Charge by which the Born charges may miss neutrality, beyond their error bar, without a warning."""


@checked_call
def phonon_moments(
    deformation: Deformation,
    modes: Modes,
    occupied: int,
    *,
    charges: ArrayLike | None = None,
    degeneracy: int | None = None,
    all_bands: xarray.Dataset | None = None,
    axis: ArrayLike = (0.0, 0.0, 1.0),
    splitting: float = 1e-3,
    **options: Unpack[Options],
) -> xarray.Dataset:
    r"""Magnetic moments of a quantum of every phonon at q = 0, in Bohr magnetons a cell.

    .. math:: \mu_c = \frac{e \hbar V}{4 J} \sum_{ij} M_{ij}\, \mathrm{Im} (a_i^* a_j) + \dots, \qquad
              J = \frac12 \sum_\kappa m_\kappa |a_\kappa|^2

    with the tensor M of `magnetization_tensor` and the complex displacements a of a mode. Degenerate modes are combined
    to the circular ones with the largest and smallest moments about `axis`. Modes that are not degenerate are
    linearly polarized and have no moment.

    Parameters
    ----------
    deformation : Deformation
        The crystal with displaced atoms, in eV and Angstrom, with `patterns`. Orbitals must follow their atoms.
    modes : Modes
        Phonon modes at q = 0 (`adiabloch.io.read_modes`), with the atoms in the order of `patterns`.
    occupied : int
        Number of occupied bands.
    charges : array_like, shape (n,), optional
        Charges of the ion cores in elementary charges, which make the crystal neutral. Without them the ions are left
        out.
    degeneracy : int, optional
        Number of electrons in each state: 2 for a crystal without spin, 1 for spinors. Needed without `charges`.
    all_bands : xarray.Dataset, optional
        Perturbative part of the tensor with all bands (`adiabloch.perturbative_tensor_by_bands`), in place of that of
        Wannier functions, which span few empty states. The error then contains the largest deviation with fewer bands,
        down to three quarters of them.
    axis : array_like, shape (3,)
        Direction about which degenerate modes are circular.
    splitting : float
        Modes whose energies differ by less than this, relative to their energy, count as degenerate.
    tolerance : float
        Relative accuracy of the integrals, by default 1e-4.
    absolute, strict, mesh, limit, executor, progress, dry_run
        As in `adiabloch.magnetization_tensor`.

    Returns
    -------
    xarray.Dataset
        Over `mode` and `component`, in Bohr magnetons a quantum: `perturbative`, `chern_simons`, `spin` (if the model
        has it), `ions`, `total` with its `error`, and with `all_bands` also `perturbative_functions`, the part of the
        Wannier functions alone; `nuclear_magnetons`, the total in this unit. Over `mode`: `energy` and
        `energy_with_berry_curvature` in eV, the latter with the molecular Berry curvature, by which the modes of a
        magnet split without a field (NaN if the displacements do not span all modes), `angular_momentum` about the axis
        in hbar, `zeeman`, the splitting of the circular modes in a magnetic field along the axis in meV/T, and `group`,
        the number of the first of the degenerate modes. `tensor` over `component`, `displacement` and `displacement_2`
        has the moments of the electrons in e per cell, and `born` over `direction` and `displacement` the Born charges
        in elementary charges, with the ions if their charges are known.

    Raises
    ------
    InvalidArgumentError
        Modes at another wave vector or of another crystal, displacements that do not span degenerate modes, charges
        that do not make the crystal neutral.
    GapClosedError, ToleranceNotReachedError
        As in `adiabloch.magnetization_tensor`.

    Warns
    -----
    AccuracyWarning
        The Born charges of all atoms do not add up to zero: the crystal is not neutral, or its orbitals do not follow
        the atoms.

    Examples
    --------
    >>> import numpy as np, adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    >>> deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
    >>> cell = np.eye(3) * 10.0
    >>> cell[:2, :2] = model.lattice.vectors
    >>> sites = np.pad(model.positions, [(0, 0), (0, 1)])
    >>> atoms = ab.models.Structure(cell, ["C", "C"], sites, [12.0, 12.0])
    >>> e = np.array([[1, 0, 0], [-1, 0, 0]]) / 2**0.5, np.array([[0, 1, 0], [0, -1, 0]]) / 2**0.5
    >>> modes = ab.models.Modes(atoms, [0, 0, 0], [0.19, 0.19], e)
    >>> moments = ab.phonon_moments(deformation, modes, occupied=1, charges=[1, 1])
    >>> moments.angular_momentum.values.round(6).tolist()
    [-1.0, 1.0]
    """
    run = Run.of(options, TOLERANCE)
    crystal = checked_deformation(deformation, (2, 3), "a one-dimensional crystal has no orbital magnetization")
    vibrations = ZoneCentreModes.of(crystal, modes, axis, splitting)
    cores = None if charges is None else checked(charges, "charges", (len(modes.structure.symbols),))
    states = checked_degeneracy_of_states(degeneracy, cores, occupied)
    sums = None if all_bands is None else checked_tensor_by_bands(all_bands, crystal, occupied)

    def found() -> _Tensors | Forecast:
        return _tensors(crystal, occupied, states, cores, sums, vibrations.patterns, run)

    # moments, Born charges, molecular Berry curvature, and spin
    tensors = result_or_forecast(found, lambda forecast: forecast.times(4 if crystal.observables else 3))
    if isinstance(tensors, Forecast):
        return tensors.dataset()
    _check_sum_rule(tensors, vibrations)
    return _labelled(tensors, vibrations, crystal, occupied, states, cores, run)


@dataclass(frozen=True, eq=False)
class _Tensors:
    """Moments of a cell per squared displacement by part and component, and Born charges."""

    parts: dict[str, Float]
    """In elementary charges (spin: in units of its moment), (components, displacements, displacements)."""
    error: Float
    born: Float
    """In elementary charges, (d, displacements)."""
    born_error: float
    berry_curvature: Float
    """Molecular Berry curvature of all electrons, (displacements, displacements), 1/Angstrom^2."""
    born_complete: bool
    converged: bool
    functions: Float | None
    """Perturbative part of Wannier functions alone, if that of all bands takes its place."""

    @property
    def of_electrons_and_ions(self) -> dict[str, Float]:
        """All parts, the error, and the part of the Wannier functions alone if it is none of the parts."""
        alone = {} if self.functions is None else {"perturbative_functions": self.functions}
        return {**self.parts, "error": self.error, **alone}

    @property
    def total(self) -> Float:
        """Sum of all parts."""
        return np.asarray(np.sum([*self.parts.values()], axis=0))


def _tensors(
    crystal: Deformation,
    occupied: int,
    states: int,
    cores: Float | None,
    sums: xarray.Dataset | None,
    patterns: Float,
    run: Run,
) -> _Tensors:
    """Tensors of a cell, with the ions if their charges are known; `patterns` (displacements, n, 3)."""
    d, measure = crystal.lattice.dimension, crystal.lattice.measure
    names = components(d)
    pumped = magnetization_tensor(crystal, occupied, **run.options())
    # electrons have the charge -1
    factor = -states * measure
    parts = {name: factor * pumped[name].values for name in ("perturbative", "chern_simons")}
    error = abs(factor) * pumped.error.values
    converged = [pumped.attrs["converged"]]
    functions = None
    if sums is not None:
        functions, parts["perturbative"] = parts["perturbative"], factor * sums.perturbative.values[-1]
        spread = np.hypot(spread_of_bands(sums.perturbative.values, sums.bands.values), sums.difference.values[-1])
        error = np.hypot(error, abs(factor) * spread)
    if crystal.observables:
        spins = spin_tensor(crystal, occupied, **run.options())
        # in units of e hbar/(2 m): the moment of a unit of area is twice the mass of the electron
        each = -ELECTRON_G * measure / (2.0 * ELECTRON_MASS)
        parts["spin"] = each * spins.total.sel(component=list(names)).values
        error = np.hypot(error, abs(each) * spins.error.sel(component=list(names)).values)
        converged.append(spins.attrs["converged"])
    charges = born_charges(crystal, occupied, **run.options())
    born = -states * charges.total.values
    if cores is not None:
        crossed = np.einsum("k,ikjc->cij", cores, np.cross(patterns[:, :, None], patterns.swapaxes(0, 1)[None]))
        parts["ions"] = np.stack([crossed[AXES.index(name)] for name in names])
        born = born + np.einsum("k,ika->ai", cores, patterns)[:d]
    uncertain = float(states * charges.error.max())
    curvature = states * molecular_berry_curvature(crystal, occupied, **run.options()).total.values
    return _Tensors(parts, error, born, uncertain, curvature, cores is not None, all(converged), functions)


def _check_sum_rule(tensors: _Tensors, vibrations: ZoneCentreModes) -> None:
    """Warn if a crystal that moves as a whole carries a charge."""
    if not tensors.born_complete:
        return
    whole = vibrations.translations()
    total = np.abs(tensors.born @ np.nan_to_num(whole).T).max()
    if total > SUM_RULE + 3 * tensors.born_error:
        warn(
            f"phonon_moments: the Born charges of all atoms add up to {total:.3g} elementary charges, expected 0: the "
            "orbitals do not follow their atoms, or the charges of the cores are others"
        )


@dataclass(frozen=True, eq=False)
class _Moments:
    """Moments of modes by part, (modes, components), and angular momenta."""

    by_part: dict[str, Float]
    angular_momentum: Float
    """(modes,): about the axis, in hbar."""
    first: Integer
    """(modes,): number of the first of the degenerate modes."""
    along: Float
    """(components,): the axis."""


def _contracted(tensors: _Tensors, vibrations: ZoneCentreModes, names: Sequence[str]) -> _Moments:
    """Moments of all modes, circular where they are degenerate."""
    count = len(vibrations.modes.energies)
    along = np.array([vibrations.axis[AXES.index(name)] for name in names])
    rotation = vibrations.angular_momentum_form
    by_part = {name: np.zeros((count, len(names))) for name in tensors.of_electrons_and_ions}
    momentum = np.zeros(count)
    first = np.zeros(count, dtype=int)
    for group in vibrations.groups:
        first[group] = group.min()
        if len(group) == 1 or not vibrations.moving[group].any():
            continue
        if not vibrations.covered[group].all():
            raise InvalidArgumentError(
                f"deformation: its displacements do not span the degenerate modes {', '.join(map(str, group))}; "
                "expected displacements of all atoms that move"
            )
        form = np.tensordot(along, tensors.total, 1)
        if np.abs(form).max() == 0:
            form = rotation
        # amplitudes of all displacements, with the action 1/2
        a = vibrations.circular(form, group).T @ vibrations.coordinates[group]
        areas = 0.25 * np.imag(a.conj()[:, :, None] * a[:, None, :])
        spin = np.einsum("mij,ij->m", areas, rotation) / 0.5
        # by angular momentum, and by the moment where that is the same
        areas = areas[np.argsort(spin.round(6), kind="stable")]
        # the moment of a unit of charge times area, for the action 1/2 (dalton Angstrom^2)
        magneton = 2.0 * ELECTRON_MASS * HBAR_SQUARED_PER_DALTON / 0.5
        for name, tensor in tensors.of_electrons_and_ions.items():
            weights = np.abs(areas) if name == "error" else areas
            by_part[name][group] = magneton * np.einsum("mij,cij->mc", weights, tensor)
        momentum[group] = np.einsum("mij,ij->m", areas, rotation) / 0.5
    return _Moments(by_part, momentum, first, along)


def _labelled(
    tensors: _Tensors,
    vibrations: ZoneCentreModes,
    crystal: Deformation,
    occupied: int,
    states: int,
    cores: Float | None,
    run: Run,
) -> xarray.Dataset:
    """Dataset over modes and components."""
    d, modes = crystal.lattice.dimension, vibrations.modes
    names, count = components(d), len(modes.energies)
    found = _contracted(tensors, vibrations, names)
    by_part = found.by_part
    total = np.sum([by_part[name] for name in tensors.parts], axis=0)
    dims = ("mode", "component")
    variables: dict[str, Variable] = {"total": (dims, total, UNIT, "magnetic moment of a quantum")}
    variables |= {name: (dims, by_part[name], UNIT, PARTS[name]) for name in tensors.parts}
    variables["error"] = (dims, by_part["error"], UNIT, "error bar")
    if tensors.functions is not None:
        alone = f"{PARTS['perturbative']}, Wannier functions alone"
        variables["perturbative_functions"] = (dims, by_part["perturbative_functions"], UNIT, alone)
    variables["nuclear_magnetons"] = (dims, in_nuclear_magnetons(total), "mu_N", "magnetic moment of a quantum")
    slope = 2e3 * BOHR_MAGNETON / ELECTRONVOLT * np.abs(total @ found.along)
    pair = ("displacement", "displacement_2")
    variables |= {
        "energy": (("mode",), modes.energies, "eV", "energy of a quantum"),
        "energy_with_berry_curvature": (
            ("mode",),
            vibrations.energies(tensors.berry_curvature),
            "eV",
            "energy with molecular Berry curvature",
        ),
        "angular_momentum": (("mode",), found.angular_momentum, "hbar", "angular momentum about the axis"),
        "zeeman": (("mode",), slope, "meV/T", "splitting in a magnetic field along the axis"),
        "group": (("mode",), found.first.astype(float), "1", "first of the degenerate modes"),
        "tensor": (("component", *pair), tensors.total, "e/displacement^2", "moment of a cell over omega, times 2"),
        "born": (("direction", pair[0]), tensors.born, "|e|", "Born charges"),
    }
    coordinates = {
        "mode": np.arange(count),
        "component": list(names),
        "direction": list(AXES[:d]),
        pair[0]: list(crystal.names),
        pair[1]: list(crystal.names),
    }
    return labelled(
        variables,
        coordinates,
        response="phonon_moments",
        model=crystal.digest,
        occupied=occupied,
        degeneracy=states,
        axis=vibrations.axis.tolist(),
        converged=tensors.converged,
        tolerance=run.tolerance,
        seconds=run.elapsed,
        **({} if cores is not None else {"note": WITHOUT_IONS}),
    )
