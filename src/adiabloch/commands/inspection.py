"""The command `inspect`: contents of a file of Wannier functions, of a saved model, cycle or deformation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Float, tensor_grid
from adiabloch.commands.fillings import POINTS, FillingGap, advice, filling_gaps
from adiabloch.engine.arguments import counted_bands
from adiabloch.engine.declaration import MEASURES
from adiabloch.geometry.band_edges import exact_band_edges
from adiabloch.geometry.gaps import describe_point, gap_at
from adiabloch.io.crystal_files import ENDINGS, WannierOptions, check_no_structure, crystal_file, is_saved, read_crystal
from adiabloch.io.safe_open import uncompressed
from adiabloch.io.seed_files import CHECKPOINT_ENDINGS, find_seed_file, read_spreads
from adiabloch.io.wannier90 import read_hr_matrices, read_tb_matrices
from adiabloch.io.wannier_matrices import WannierMatrices
from adiabloch.lattice import AXES
from adiabloch.linalg import energies_batch
from adiabloch.minimize import pattern_search
from adiabloch.models import Cycle, Deformation, TightBinding
from adiabloch.models.crystal import Crystal

STARTS, STEPS = 4, 200
"""Number of mesh points from which the search for the direct gap begins, and largest number of its steps.

The steps suffice for two dozen halvings of the step size and the moves between them.
"""
SHELLS = 8
"""Number of rows in the table of hoppings against distance."""
FLAT = 1e-4
"""Hoppings along a lattice vector, relative to the largest one, below which the crystal is taken for a slab."""


def fixed_point(values: Sequence[float] | Float, decimals: int) -> list[str]:
    """Format numbers with a fixed number of decimals, or with an exponent if the largest is very small or large."""
    largest = float(np.abs(values).max(initial=0.0))
    style = f".{decimals}f" if largest == 0 or 1e-2 <= largest < 1e5 else f".{decimals}e"
    return [format(float(x), style) for x in values]


@dataclass(frozen=True)
class Shell:
    """Pairs of orbitals at similar distances.

    Attributes
    ----------
    nearest, farthest : float
        Smallest and largest distance.
    hopping : float
        Largest |h_ij(R)|.
    position : float or None
        Largest |r_ij(R)| without the centres; None without a position matrix.
    """

    nearest: float
    farthest: float
    hopping: float
    position: float | None

    def cells(self) -> tuple[str, ...]:
        """Return the shell as text, for a row of a table."""
        position = "" if self.position is None else f"{self.position:.2e}"
        nearest, farthest = fixed_point([self.nearest, self.farthest], 3)
        return f"{nearest} - {farthest}", f"{self.hopping:.2e}", position


@dataclass(frozen=True, eq=False)
class Inspection:
    """Contents of a file.

    Attributes
    ----------
    title : str
    crystal : TightBinding or Cycle
    entries : list of (str, str)
        Names of quantities and their values as text.
    centres : float array (n, d)
        Centres of the orbitals; for a cycle, those of its first snapshot.
    spreads : float array (n,) or None
        Spreads of the Wannier functions in square Angstrom, if there is a `.wout` file with the same seed name.
    shells : list of Shell
        From the nearest to the farthest.
    gaps : list of FillingGap
        Gaps of all numbers of filled bands; empty if the number is given.
    advice : list of str
        Sentences on the filling.
    """

    title: str
    crystal: TightBinding | Cycle
    entries: list[tuple[str, str]]
    centres: Float
    spreads: Float | None
    shells: list[Shell]
    gaps: list[FillingGap]
    advice: list[str]

    @property
    def orbital_columns(self) -> tuple[str, ...]:
        """Columns of the table of orbitals."""
        return "orbital", *AXES[: self.centres.shape[1]], "spread"

    def orbitals(self) -> list[tuple[str, ...]]:
        """Return number, centre and spread of each orbital as text."""
        digits = iter(fixed_point(self.centres.ravel(), 5))
        centres = [[next(digits) for _ in centre] for centre in self.centres]
        spreads = [""] * len(self.centres) if self.spreads is None else [f"{x:.4f}" for x in self.spreads]
        return [
            (str(number), *centre, spread) for number, (centre, spread) in enumerate(zip(centres, spreads, strict=True))
        ]


def inspect(
    path: str | os.PathLike[str], options: WannierOptions | None = None, *, occupied: int | None = None
) -> Inspection:
    """Summarize Wannier functions, or a model, cycle or deformation saved by `adiabloch.io`.

    Parameters
    ----------
    path : path-like
        A file, or the seed of files of Wannier90. Text files may be compressed (.gz).
    options : WannierOptions, optional
        For files of Wannier90.
    occupied : int, optional
        Number of occupied bands below the gap. By default the gaps of all numbers are listed.

    Returns
    -------
    Inspection
    """
    file, given = crystal_file(Path(path)), options or WannierOptions()
    name = uncompressed(file).name
    spreads, stated = None, [("read from", str(file))]
    if is_saved(file) or name.endswith(CHECKPOINT_ENDINGS):
        crystal = read_crystal(file, given)
        if isinstance(crystal, Deformation):
            stated.append(("displacements", ", ".join(crystal.names)))
            crystal = crystal.model
    else:
        check_no_structure(file)
        contents = read_hr_matrices(file) if name.endswith("_hr.dat") else read_tb_matrices(file)
        crystal = contents.model(**given.of_slab)
        stated = _from_files(contents)
    if not is_saved(file):
        spreads = _spreads(file, crystal.size)
    snapshots = list(crystal.snapshots) if isinstance(crystal, Cycle) else [crystal]
    energies, rows = _bands(crystal, occupied)
    entries = [*stated, *_cell(crystal), *_size(crystal, snapshots), *rows]
    gaps = filling_gaps(crystal, energies) if occupied is None else []
    return Inspection(
        str(crystal),
        crystal,
        entries,
        snapshots[0].positions,
        spreads,
        _shells(snapshots),
        gaps,
        [*flat_axes(crystal), *(advice(gaps, energies) if occupied is None else [])],
    )


def flat_axes(crystal: Crystal) -> list[str]:
    """Sentence about lattice vectors of a crystal in three dimensions along which nothing hops, as in a slab."""
    if not isinstance(crystal, TightBinding) or crystal.lattice.dimension < 3:
        return []
    sizes = np.abs(crystal.amplitudes).max(axis=(1, 2))
    along = np.array([sizes.max(where=R != 0, initial=0.0) for R in crystal.translations.T])
    flat = np.flatnonzero(along < FLAT * sizes.max())
    if not 0 < len(flat) < 3:
        return []
    names, kind = " and ".join(f"a{axis + 1}" for axis in flat), ("slab", "chain")[len(flat) - 1]
    return [f"no hoppings along {names}, as in a {kind}: --dimension {3 - len(flat)} reads it as one"]


def _from_files(contents: WannierMatrices) -> list[tuple[str, str]]:
    """Names of the files, and deviation of their matrices from Hermiticity."""
    entries = [("read from", ", ".join(str(path) for path in contents.sources))]
    entries += [
        (
            f"Hermiticity defect of {name}",
            f"{defect:.1e} of the largest h" if name == "h" else f"{defect:.1e} Angstrom",
        )
        for name, defect in contents.defects.items()
    ]
    return entries


def _spreads(path: str | os.PathLike[str], size: int) -> Float | None:
    """Spreads of the Wannier functions from the `.wout` file with the same seed name, if there is one."""
    found = [find_seed_file(path, ending, ".wout") for ending in ENDINGS]
    return next((read_spreads(file, size) for file in found if file is not None), None)


def _cell(crystal: Crystal) -> list[tuple[str, str]]:
    """Lattice vectors and measure of the cell; a molecule has none."""
    lattice = crystal.lattice
    if not lattice.periodic:
        return [("cell", f"none, a molecule in {lattice.dimension} dimensions")]
    digits = iter(fixed_point(lattice.vectors.ravel(), 6))
    rows = "\n".join("  ".join(f"{next(digits):>10}" for _ in vector) for vector in lattice.vectors)
    return [("cell", rows), (MEASURES[lattice.dimension], f"{lattice.measure:.6g}")]


def _size(crystal: Crystal, snapshots: Sequence[TightBinding]) -> list[tuple[str, str]]:
    """Numbers of orbitals, lattice vectors and snapshots; position matrix and spin operators."""
    entries = [("orbitals", str(crystal.size))]
    if crystal.lattice.periodic:
        entries.append(("lattice vectors R", str(len(snapshots[0].translations))))
    if isinstance(crystal, Cycle):
        entries += [("snapshots", str(len(snapshots))), ("last harmonic of theta", f"{crystal.tail:.1e}")]
    models = [model for model in snapshots if model.position_matrix is not None]
    for where, wanted in (("at R = 0", True), ("at other R", False)) if models else ():
        largest = max(
            float(np.abs(model.connections[(model.translations == 0).all(axis=1) == wanted]).max(initial=0.0))
            for model in models
        )
        entries.append((f"position matrix off the centres, {where}", f"up to {largest:.4g}"))
    if models:
        known = all(model.outside is not None for model in models)
        entries.append(("states outside the functions", "known" if known else "not known"))
    return [*entries, ("spin operators", _spin(snapshots))]


def _spin(snapshots: Sequence[TightBinding]) -> str:
    """Presence of spin operators, and their largest element between different cells."""
    if snapshots[0].spin is None:
        return "none"
    beyond = [float(np.abs(S).max()) for model in snapshots for R, S in model.spin_by_cell.items() if any(R)]
    return f"yes, up to {max(beyond):.4g} to other cells" if beyond else "yes"


def _bands(crystal: Crystal, occupied: int | None) -> tuple[Float, list[tuple[str, str]]]:
    """Energies on a mesh, (n, ..., N); bandwidth, direct gap and indirect gap."""
    if occupied is not None:
        counted_bands(occupied, crystal.size)
    D = len(crystal.directions)
    if not crystal.lattice.periodic:
        return _levels(crystal, occupied)
    n = max(4, int(POINTS ** (1 / D) + 1e-9))
    mesh = tensor_grid([np.arange(n) / n] * D)
    levels = energies_batch(crystal.matrices().at(mesh)[:, 0])
    bottom, top = float(levels.min()), float(levels.max())
    entries = [("energies", f"{bottom:.5g} to {top:.5g} (bandwidth {top - bottom:.5g}) on a mesh of {n} an axis")]
    energies = levels.reshape(*(n,) * D, -1)
    if occupied is None:
        return energies, entries

    starts = mesh[np.argsort(levels[:, occupied] - levels[:, occupied - 1], kind="stable")[:STARTS]]
    direct, at = pattern_search(gap_at(crystal, occupied), starts, reach=0.5 / n, finest=1e-8)
    edges = exact_band_edges(crystal, occupied, POINTS)
    overlap = ": the bands overlap, a metal" if edges.overlap else ""
    return energies, [
        *entries,
        (f"direct gap above {occupied} bands", f"{direct:.6g} at {describe_point(crystal, at)}"),
        (
            "indirect gap",
            f"{edges.gap:.6g}{overlap}\nfrom {edges.valence:.6g} at {describe_point(crystal, edges.valence_at)}\n"
            f"to {edges.conduction:.6g} at {describe_point(crystal, edges.conduction_at)}",
        ),
    ]


def _levels(molecule: Crystal, occupied: int | None) -> tuple[Float, list[tuple[str, str]]]:
    """Levels of a molecule at the phases of its cycle, as `_bands`, and the gap between them."""
    d = molecule.lattice.dimension
    phases = (POINTS,) * (len(molecule.directions) - d)
    mesh = np.zeros((int(np.prod(phases)), len(molecule.directions)))
    mesh[:, d:] = np.arange(len(mesh))[:, None] / len(mesh)
    levels = energies_batch(molecule.matrices().at(mesh)[:, 0])
    energies = levels.reshape(*(1,) * d, *phases, -1)
    entries = [("levels", f"{float(levels.min()):.5g} to {float(levels.max()):.5g}")]
    if occupied is not None:
        edges = exact_band_edges(molecule, occupied, POINTS)
        at = f" at theta = {2 * np.pi * float(edges.valence_at[d]):.6g}" if phases else ""
        between = f"{edges.gap:.6g}{at}\nfrom {edges.valence:.6g} to {edges.conduction:.6g}"
        entries.append((f"gap above {occupied} levels", between))
    return energies, entries


def _shells(snapshots: Sequence[TightBinding]) -> list[Shell]:
    """Largest hoppings in shells of equal width; shells without hoppings are left out."""
    distances, hoppings, positions = [], [], []
    for model in snapshots:
        distances.append(np.sqrt((model.bonds**2).sum(axis=-1)).ravel())
        hoppings.append(np.abs(model.amplitudes).ravel())
        if model.position_matrix is not None:
            positions.append(np.abs(model.connections).max(axis=1).ravel())
    distance, hopping = np.concatenate(distances), np.concatenate(hoppings)
    position = np.concatenate(positions) if positions else None
    used = (hopping > 0) if position is None else (hopping > 0) | (position > 0)
    farthest = float(distance[used].max(initial=0.0))
    shell = np.minimum((distance / max(farthest, 1e-300) * SHELLS).astype(int), SHELLS - 1)
    found = []
    for number in range(SHELLS):
        here = used & (shell == number)
        if here.any():
            largest = None if position is None else float(position[here].max())
            found.append(
                Shell(float(distance[here].min()), float(distance[here].max()), float(hopping[here].max()), largest)
            )
    return found
