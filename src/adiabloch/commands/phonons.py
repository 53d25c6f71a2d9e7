"""Magnetic moments of all phonons at q = 0, from a structure to a table: the command `phonons`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.files import write_atomic
from adiabloch.io.checkpoint import read_checkpoint
from adiabloch.io.displaced_bands import read_displaced_bands
from adiabloch.io.displacements import (
    forces_of,
    read_deformation,
    read_displacements,
    write_displacements,
)
from adiabloch.io.modes import read_modes
from adiabloch.io.structures import read_structure
from adiabloch.models import AtomicDisplacements, Deformation, Structure
from adiabloch.models.atomic_displacements import REST
from adiabloch.symmetries import SymmetricDisplacements, symmetric_displacements
from adiabloch.units import WAVENUMBER
from adiabloch.workflows.all_bands_tensor import perturbative_tensor_by_bands
from adiabloch.workflows.phonon_moments import phonon_moments

if TYPE_CHECKING:
    import xarray

SCRIPT = "run.sh"
"""Name of the script that runs all calculations."""
QUANTUM_ESPRESSO = """\
#!/bin/sh
# Computes the Wannier functions of all crystals in this folder with Quantum ESPRESSO and Wannier90. Crystals that are
# done are skipped, so it may be started again. PW="mpirun -n 4 pw.x" sh run.sh uses another command.
set -eu
cd "$(dirname "$0")"
pw=${{PW:-pw.x}} pw2wannier90=${{PW2WANNIER90:-pw2wannier90.x}} wannier90=${{WANNIER90:-wannier90.x}}
for crystal in {folders}; do
    if test -s "$crystal/{seed}.chk"; then continue; fi
    echo "$crystal"
    (
        cd "$crystal"
        $pw -in scf.in > scf.out
        $pw -in nscf.in > nscf.out
        for files in {seeds}; do
            $wannier90 -pp "$files"
            $pw2wannier90 -in "$files.pw2wan" > "$files.pw2wan.out"
        done
        $wannier90 {seed}
    )
done
"""
OVERLAPS_ALONE = re.compile(r"write_amn\s*=\s*\.f", re.IGNORECASE)
"""In inputs of pw2wannier90.x for all bands, of which no functions are made."""
SAFE_SEED = r"\w[\w.-]*"
"""Seeds that a shell takes as they are."""
POSITION_TOLERANCE = 1e-2
"""Largest difference in Angstrom between the structure of the modes and the displaced crystal."""
HEADS = ("mode", "meV", "1/cm", "L (ħ)", "μ (μB)", "error", "μ (μN)", "meV/T")
"""Columns of the table of moments: energy, angular momentum, moment with its error, splitting in a magnetic field."""


def prepare(
    structure: Path,
    folder: Path,
    *,
    steps: Sequence[float],
    axes: str,
    template: Path | None,
    symmetry: bool,
    magnetic_moments: Sequence[float] | None = None,
) -> AtomicDisplacements | SymmetricDisplacements:
    """Write the inputs of all displaced crystals, and a script for Quantum ESPRESSO if the template has its inputs.

    Parameters
    ----------
    structure : pathlib.Path
        The crystal at rest, in a format that ASE reads.
    folder : pathlib.Path
        Folder of the inputs.
    steps : sequence of float
        Displacements, in Angstrom.
    axes : str
        Cartesian axes of the displacements.
    template : pathlib.Path, optional
        Folder with inputs, as for `adiabloch.io.write_displacements`. Of several inputs of Wannier90, those whose
        `SEED.pw2wan` has `write_amn=.false.` are for overlaps alone, such as those of all bands.
    symmetry : bool
        Only the displacements from which the others follow by symmetry.
    magnetic_moments : sequence of float, optional
        Of the atoms of a magnet, along z.
    """
    crystal = read_structure(structure)
    displacements: AtomicDisplacements | SymmetricDisplacements
    if symmetry:
        displacements = symmetric_displacements(crystal, steps, axes=axes, magnetic_moments=magnetic_moments)
    else:
        displacements = AtomicDisplacements(crystal, steps, axes=axes)
    write_displacements(displacements, folder, template=template)
    if template is not None and (template / "scf.in").exists():
        functions, overlaps = _seeds(template)
        if len(functions) == 1:
            script = QUANTUM_ESPRESSO.format(
                seed=functions[0], seeds=" ".join([*overlaps, *functions]), folders=" ".join(displacements.structures)
            )
            write_atomic(folder / SCRIPT, script.encode())
    return displacements


def _seeds(template: Path) -> tuple[list[str], list[str]]:
    """Seeds of Wannier functions, and those of overlaps alone, such as of all bands.

    Raises
    ------
    InvalidArgumentError
        A seed with characters that a shell does not take as they are.
    """
    functions: list[str] = []
    overlaps: list[str] = []
    for file in sorted(template.glob("*.win")):
        if not re.fullmatch(SAFE_SEED, file.stem):
            raise InvalidArgumentError(f"template: {file.name!r}, expected a seed of letters, digits, '.', '_', '-'")
        given = file.with_suffix(".pw2wan")
        alone = given.exists() and OVERLAPS_ALONE.search(given.read_text(errors="replace"))
        (overlaps if alone else functions).append(file.stem)
    return functions, overlaps


@dataclass(frozen=True, eq=False)
class Collected:
    """Moments of all modes, and the crystal that they belong to."""

    moments: xarray.Dataset
    deformation: Deformation

    def rows(self, component: str) -> list[list[str]]:
        """Rows of the table, one for each mode, with the entries of `HEADS`.

        Raises
        ------
        InvalidArgumentError
            The moments have no such component.
        """
        if component not in self.moments.component.values:
            known = ", ".join(map(str, self.moments.component.values))
            raise InvalidArgumentError(f"component: {component!r}, expected {known}")
        here = self.moments.sel(component=component)
        rows = []
        for number in range(here.sizes["mode"]):
            mode = here.isel(mode=number)
            rows.append(
                [
                    str(number),
                    f"{1e3 * float(mode.energy):.2f}",
                    f"{float(mode.energy) / WAVENUMBER:.1f}",
                    f"{float(mode.angular_momentum):.3f}",
                    f"{float(mode.total):.3e}",
                    f"{float(mode.error):.0e}",
                    f"{float(mode.nuclear_magnetons):.4f}",
                    f"{float(mode.zeeman):.2e}",
                ]
            )
        return rows


def collect(
    folder: Path,
    seed: str,
    occupied: int,
    *,
    charges: Sequence[float] | None,
    degeneracy: int | None,
    dimension: int | None,
    spin: bool,
    modes: Path | None,
    forces: str,
    waves: str | None,
    all_bands: str | None,
    tolerance: float,
) -> Collected:
    """Read the displaced crystals of a folder, and compute the moments of all modes.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of `prepare`.
    seed, occupied, spin, waves
        As for `adiabloch.io.read_deformation`.
    charges, degeneracy
        As for `adiabloch.phonon_moments`.
    dimension : int, optional
        2 for a layer; by default the number of axes along which the mesh of k points has more than one point.
    modes : pathlib.Path, optional
        File of the modes at q = 0; by default they are computed from the forces on the displaced atoms.
    forces : str
        Name of the outputs with these forces.
    all_bands : str, optional
        Seed of the overlaps of all bands, for the perturbative part with all of them.
    tolerance : float
        Relative accuracy of the integrals.
    """
    displacements = read_displacements(folder)
    if charges is None and degeneracy is None:
        raise InvalidArgumentError("charges: not given, expected those of the ion cores, or a degeneracy of the states")
    if modes is None:
        found = displacements.modes(forces_of(displacements, folder, forces))
    else:
        found = read_modes(modes, displacements.structure)
        check_same_crystal(found.structure, displacements.structure, modes)
    if dimension is None:
        mesh = read_checkpoint(folder / REST / f"{seed}.chk").mesh
        dimension = sum(side > 1 for side in mesh)
    deformation = read_deformation(folder, seed, occupied, waves=waves, dimension=dimension, spin=spin)
    sums = None
    if all_bands is not None:
        saved = waves or f"out/{seed}.save"
        bands = read_displaced_bands(folder, all_bands, occupied, common=deformation, waves=saved, dimension=dimension)
        sums = perturbative_tensor_by_bands(bands)
    moments = phonon_moments(
        deformation, found, occupied, charges=charges, degeneracy=degeneracy, all_bands=sums, tolerance=tolerance
    )
    return Collected(moments, deformation)


def check_same_crystal(given: Structure, expected: Structure, path: Path) -> None:
    """Check that modes belong to the displaced crystal: the same cell, and the same atoms at the same positions."""
    same = given.symbols == expected.symbols and np.allclose(given.vectors, expected.vectors, atol=POSITION_TOLERANCE)
    if same:
        shifts = (given.positions - expected.positions) @ np.linalg.inv(expected.vectors)
        # the origin, and the cell of an atom, do not matter
        shifts = shifts - shifts[0]
        same = bool(np.abs((shifts - np.rint(shifts)) @ expected.vectors).max() < POSITION_TOLERANCE)
    if not same:
        raise FileFormatError(
            f"{path}: modes of another crystal, {given!r}, expected the cell and the atoms of the displaced crystal, "
            f"{expected!r}, in the same order"
        )
