"""Displaced crystals in job files: a folder of calculations, or pairs of files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.io.crystal_files import WannierOptions, crystal_file, read_models
from adiabloch.io.displacements import MANIFEST, read_deformation, read_displacements
from adiabloch.jobs.tables import OneOrMore, Table, listed
from adiabloch.lattice import AXES
from adiabloch.models import Deformation
from adiabloch.models.atomic_displacements import REST

NAME = re.compile(r"(\d+)([xyz])")
"""Names of displacements of single atoms along Cartesian axes."""
OF_FOLDERS, OF_PAIRS = ("seed", "occupied"), ("rest", "step")
"""Keys that a folder of calculations needs, and those that pairs of files need."""
Length = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Files = OneOrMore[str]


class Pair(Table):
    """Files of a crystal displaced by minus and plus a step; lists for several steps."""

    minus: Files = Field(description="File or seed of Wannier90 of the crystal displaced by -step.")
    plus: Files = Field(description="File or seed of Wannier90 of the crystal displaced by +step.")


class Displacements(Table):
    """Displaced crystals: a `folder` of calculations, or `pairs` of files."""

    folder: str | None = Field(default=None, description="Folder of `adiabloch phonons prepare`, with SEED.chk.")
    seed: str | None = Field(default=None, description="For a folder: seed of Wannier90.")
    occupied: int | None = Field(default=None, ge=1, description="For a folder: number of occupied bands.")
    waves: str | None = Field(
        default=None, description="For a folder: PREFIX.save in that of each crystal; by default out/SEED.save."
    )
    rest: str | None = Field(default=None, description="For pairs: file or seed of Wannier90 of the crystal at rest.")
    step: OneOrMore[Length] | None = Field(
        default=None, description="For pairs: displacement in Angstrom, or several of them."
    )
    pairs: dict[str, Pair] | None = Field(
        default=None, min_length=1, description="Pairs by the name of the displacement, such as 0x: atom 0 along x."
    )
    atoms: list[Annotated[int, Field(ge=0)]] | None = Field(
        default=None, description="For pairs: atom that each Wannier function follows, as an approximation."
    )

    @model_validator(mode="after")
    def _check(self) -> Displacements:
        if (self.folder is None) is (self.pairs is None):
            found = "none of them" if self.folder is None else "both"
            raise ValueError(f"found {found}, expected exactly one of folder and pairs")
        chosen, needed = ("folder", OF_FOLDERS) if self.pairs is None else ("pairs", OF_PAIRS)
        other = (*OF_PAIRS, "atoms") if self.pairs is None else (*OF_FOLDERS, "waves")
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(f"{name}: missing, needed with {chosen}")
        for name in other:
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: expected only without {chosen}")
        count = len(self.steps)
        for name, pair in (self.pairs or {}).items():
            for key in ("minus", "plus"):
                if len(listed(getattr(pair, key))) != count:
                    raise ValueError(f"pairs.{name}.{key}: expected as many files as steps, {count}")
        return self

    @property
    def steps(self) -> list[float]:
        """Displacements of the pairs."""
        return [] if self.step is None else listed(self.step)

    def paths(self, folder: Path) -> list[Path]:
        """Files of all crystals, that at rest first.

        Raises
        ------
        FileFormatError
            A file does not exist.
        """
        if self.folder is not None:
            target = folder / self.folder
            names = read_displacements(target).structures
            return [target / MANIFEST, *(crystal_file(target / name / f"{self.seed}.chk") for name in names)]
        pairs = [file for pair in (self.pairs or {}).values() for both in _in_steps(pair) for file in both]
        return [crystal_file(folder / file) for file in (str(self.rest), *pairs)]

    def read(self, folder: Path, options: WannierOptions) -> Deformation:
        """Crystal with its displacements; names are relative to the folder.

        Raises
        ------
        FileFormatError, InvalidArgumentError, InvalidModelError
        """
        if self.folder is not None:
            return read_deformation(
                folder / self.folder,
                str(self.seed),
                int(self.occupied or 0),
                waves=self.waves,
                dimension=options.dimension,
                axes=None if options.axes is None else tuple(options.axes),
                spin=options.spin,
            )
        rest, *displaced = read_models(self.paths(folder), options)
        if rest.has_basis_connection and self.atoms is None:
            raise InvalidArgumentError(
                "displacements.atoms: missing, expected the number of the atom that each Wannier function follows, "
                f"such as {[0] * rest.size}"
            )
        if self.atoms is not None and not rest.has_basis_connection:
            raise InvalidArgumentError("displacements.atoms: expected only with a position matrix (SEED_tb.dat)")
        models = iter(displaced)
        pairs = {name: [(next(models), next(models)) for _ in self.steps] for name in self.pairs or {}}
        found = Deformation(rest, pairs, self.steps, patterns=self._patterns())
        return found if self.atoms is None else found.following_atoms(self.atoms)

    def _patterns(self) -> dict[str, list[list[float]]] | None:
        """Displacement of each atom by name; None if the names are not those of atoms and axes."""
        found = {name: NAME.fullmatch(name) for name in self.pairs or {}}
        moved = {name: (int(match[1]), match[2]) for name, match in found.items() if match is not None}
        if len(moved) < len(found):
            return None
        count = 1 + max(*(atom for atom, _ in moved.values()), *(self.atoms or [0]))
        return {
            name: [[float((atom, axis) == (n, x)) for x in AXES] for n in range(count)]
            for name, (atom, axis) in moved.items()
        }


def displaced_crystal(folder: Path, occupied: int | None, options: WannierOptions) -> Deformation:
    """Crystal with its displacements, from a folder whose calculations have one seed and one folder of plane waves.

    Raises
    ------
    FileFormatError, InvalidArgumentError, InvalidModelError
    """
    if not (folder / MANIFEST).exists():
        raise FileFormatError(
            f"{folder}: is a folder without {MANIFEST}, expected a file, or a folder of `adiabloch phonons prepare`"
        )
    if not isinstance(occupied, int):
        raise InvalidArgumentError(f"{folder}: displaced crystals need the number of occupied bands, --occupied N")
    if options.outside:
        raise InvalidArgumentError(f"outside: expected only with a SEED.chk, got {folder}")
    rest = folder / REST
    seed = _only(rest, ["*.chk"], "checkpoint SEED.chk of Wannier90").stem
    own = [path for path in (rest / "out" / f"{seed}.save", rest / f"{seed}.save") if path.is_dir()]
    waves = own[0] if own else _only(rest, ["*.save", "out/*.save"], "folder PREFIX.save of Quantum ESPRESSO")
    table = Displacements(folder=str(folder), seed=seed, occupied=occupied, waves=str(waves.relative_to(rest)))
    return table.read(Path(), options)


def _only(folder: Path, patterns: Sequence[str], what: str) -> Path:
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise FileFormatError(f"{folder}: found {names}, expected one {what}; a job file may name it")
    return found[0]


def _in_steps(pair: Pair) -> list[tuple[str, str]]:
    """Files at minus and plus each step."""
    return [*zip(listed(pair.minus), listed(pair.plus), strict=True)]
