"""The command `compute`: a quantity of the crystal in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adiabloch.customary_units import customary_unit
from adiabloch.engine.customary import in_units
from adiabloch.engine.si import in_si, unit_size
from adiabloch.engine.unit_names import CRYSTAL_UNITS
from adiabloch.errors import InvalidArgumentError
from adiabloch.io.crystal_files import (
    SavedCrystal,
    WannierOptions,
    crystal_file,
    read_crystal,
    read_cycle,
)
from adiabloch.jobs.arguments import (
    RANGE,
    check_names,
    kinds_of,
    missing_arguments,
    parsed,
    takes,
    value_of_text,
    with_files_read,
)
from adiabloch.jobs.calculation import kind_of
from adiabloch.jobs.catalogue import CataloguedQuantity, quantity
from adiabloch.jobs.displacements import displaced_crystal
from adiabloch.models import Cycle, Deformation
from adiabloch.units import ENERGIES, LENGTHS, thermal_energy

if TYPE_CHECKING:
    import xarray

FLAGS = {
    "occupied": "--occupied N",
    "bands": "--set bands=FIRST,LAST+1",
    "chemical_potential": f"--mu VALUE[,VALUE...] or --mu {RANGE}",
    "temperature": "--temperature VALUE",
    "tolerance": "--tolerance VALUE",
    "mesh": "--mesh N[,N...]",
}
"""Options of the command for arguments."""
WAYS = {
    "model": "the file of one model",
    "cycle": "the file of a cycle (ab.io.save_cycle), or the files of its snapshots in their order",
    "deformation": "the file of a deformation (ab.io.save_deformation, or adiabloch phonons collect --crystal), or a "
    "folder of `adiabloch phonons prepare` with the calculations",
}
"""Files for each kind of crystal."""
PHASE = "--theta PHASE takes the model at a phase of the cycle"
TAKEN = {
    "occupied": "number of occupied bands",
    "chemical_potential": "chemical potential",
    "temperature": "temperature",
}
"""Options that not all quantities take, in words."""
SI = "si"
"""Name that stands for SI units."""


def compute(
    name: str,
    files: Sequence[Path],
    *,
    flags: Mapping[str, str | None],
    settings: Iterable[str] = (),
    wannier: WannierOptions | None = None,
    units: ModelUnits | None = None,
    theta: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> xarray.Dataset:
    """Compute a quantity of the crystal in a file, or of the cycle in several files.

    Parameters
    ----------
    name : str
        Name of the quantity, as in job files.
    files : sequence of Path
        Files of one crystal, or of the snapshots of a cycle; or seeds of Wannier90.
    flags : mapping {str: str or None}
        Texts of the arguments in `FLAGS`; None for those that are not given.
    settings : iterable of str
        Texts NAME=VALUE of other arguments.
    wannier : WannierOptions, optional
    units : ModelUnits, optional
        Checked here; its energy unit is that of temperatures in kelvin.
    theta : float, optional
        Phase of a cycle, whose model there is the crystal.
    options : mapping, optional
        Options of all responses, such as `executor`.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    InvalidArgumentError, FileFormatError
    """
    known, slab = quantity(name), wannier or WannierOptions()
    if units is not None:
        units.check(known)
    if flags.get("mesh") is not None and flags.get("tolerance") is not None:
        raise InvalidArgumentError("--tolerance, --mesh: expected one of the two; a fixed mesh has no tolerance")
    chosen = _options(known, options or {})
    if theta is not None and "theta" in known.arguments:
        # an argument of the quantity itself
        settings, theta = [*settings, f"theta={theta}"], None
    arguments = _arguments(known, flags, settings, "eV" if units is None else units.energy)
    crystal = crystal_for(known, files, slab, arguments.get("occupied"), theta)
    if units is not None:
        units.check_dimensions(known, crystal)
    arguments = with_files_read(arguments, known, Path(), slab.axes)
    result: xarray.Dataset = known.function(crystal, **arguments, **chosen)
    return result.assign_attrs(crystal=repr(crystal), files=[str(path) for path in files])


def _options(known: CataloguedQuantity, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that a quantity has; of workers and progress it may have none."""
    if options.get("dry_run") and not takes(known, "dry_run"):
        raise InvalidArgumentError(f"--dry-run: {known.name} has no forecast, it evaluates the points that are given")
    return {name: value for name, value in options.items() if takes(known, name)}


def crystal_for(
    known: CataloguedQuantity,
    files: Sequence[Path],
    wannier: WannierOptions,
    occupied: int | None = None,
    theta: float | None = None,
) -> SavedCrystal:
    """Crystal in files, of the kind that a quantity needs, or that of a folder of displaced crystals.

    A folder needs the number of occupied bands, and a quantity of models the phase of a cycle. Of displaced crystals,
    the model is the crystal at rest.

    Raises
    ------
    InvalidArgumentError, FileFormatError
    """
    needs = f"{known.name}: needs a {known.crystal}"
    way, of_cycle = WAYS.get(known.crystal, WAYS["model"]), f"; {PHASE}" if known.crystal == "model" else ""
    if len(files) == 1 and files[0].is_dir() and files[0].suffix != ".zarr":
        if known.crystal != "deformation":
            raise InvalidArgumentError(f"{needs}, got the folder {files[0]}; expected {way}")
        return displaced_crystal(files[0], occupied, wannier)
    paths = [crystal_file(path) for path in files]
    if len(paths) > 1 and theta is None and "cycle" not in known.kinds:
        raise InvalidArgumentError(f"{needs}, got {len(paths)} files; expected {way}{of_cycle}")
    crystal = read_crystal(paths[0], wannier) if len(paths) == 1 else read_cycle(paths, wannier)
    if theta is not None:
        if not isinstance(crystal, Cycle):
            raise InvalidArgumentError(f"--theta: {paths[0]} contains a {kind_of(crystal)}, expected a cycle")
        if "model" not in known.kinds:
            raise InvalidArgumentError(f"--theta: {known.name} needs a whole {known.crystal}, expected no phase")
        crystal = crystal.at(theta)
    if isinstance(crystal, Deformation) and "model" in known.kinds and known.crystal != "texture":
        crystal = crystal.model
    if (found := kind_of(crystal)) not in known.kinds and known.crystal != "texture":
        remedy = of_cycle if found == "cycle" else ""
        raise InvalidArgumentError(f"{needs}, got a {found} in {paths[0]}; expected {way}{remedy}")
    return crystal


def _arguments(
    known: CataloguedQuantity, flags: Mapping[str, str | None], settings: Iterable[str], energy: float | str
) -> dict[str, Any]:
    """Values of all arguments, checked."""
    texts: dict[str, tuple[str, str]] = {}
    for name, text in flags.items():
        if text is not None:
            option = FLAGS[name].split()[0]
            if name not in known.arguments and (name in TAKEN or not takes(known, name)):
                known_names = ", ".join(known.arguments)
                raise InvalidArgumentError(
                    f"{option}: {known.name} takes no {TAKEN.get(name, name)}; its arguments are {known_names}"
                )
            texts[name] = (option, text)
    for setting in settings:
        name, sign, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name:
            raise InvalidArgumentError(f"--set: {setting!r}, expected NAME=VALUE")
        check_names("--set ", [name], known, "argument")
        if name in texts:
            raise InvalidArgumentError(f"--set {name}: given twice, also as {texts[name][0]}")
        texts[name] = (f"--set {name}", text)
    values = {name: _value(option, name, text, known, energy) for name, (option, text) in texts.items()}
    if missing := missing_arguments(known, values):
        raise InvalidArgumentError(f"{known.name}: {_remedy(known, missing)}")
    if "occupied" in known.arguments and "occupied" not in values and kinds_of(known, "occupied")[1]:
        values["occupied"] = None
    return values


def _value(option: str, name: str, text: str, known: CataloguedQuantity, energy: float | str) -> Any:
    """Value of one argument; a temperature may be in kelvin."""
    if name == "temperature" and text.strip().endswith("K"):
        kelvin = parsed(option, text.strip().removesuffix("K"))
        if isinstance(kelvin, str):
            raise InvalidArgumentError(f"{option}: {text!r}, expected a number of kelvin such as 300K")
        return (thermal_energy(kelvin) / unit_size(energy, "energy", ENERGIES)).tolist()
    return value_of_text(option, name, text, known)


def _remedy(known: CataloguedQuantity, missing: Sequence[str]) -> str:
    """Sentence on what is missing and how it is given."""
    fillings = [name for name in missing if name in ("occupied", "bands", "chemical_potential")]
    parts = []
    if fillings:
        given = " or ".join(FLAGS[name] for name in fillings)
        parts.append(f"the filling is missing, expected {given}; `adiabloch inspect FILE` shows gaps and energies")
    for name in missing:
        if name not in fillings:
            expected = " or ".join(kind.expected for kind in kinds_of(known, name)[0])
            way = FLAGS.get(name, f"--set {name}=VALUE")
            parts.append(f"{name}: missing, expected {way} ({expected})")
    return "; ".join(parts)


@dataclass(frozen=True)
class ModelUnits:
    """Units that a result is converted to, and those of the model.

    Parameters
    ----------
    units : str
        "si", or units separated by commas, as for `ab.in_units`.
    energy, length : float or str
        Units of the model, as for `ab.in_si`.
    frequency : float, optional
        Angular frequency of the cycle in rad/s.
    """

    units: str
    energy: float | str = "eV"
    length: float | str = "angstrom"
    frequency: float | None = None

    def check(self, known: CataloguedQuantity) -> None:
        """Check before the calculation what can be checked.

        Raises
        ------
        InvalidArgumentError
        """
        unit_size(self.energy, "energy", ENERGIES)
        unit_size(self.length, "length", LENGTHS)
        for name in self._names:
            customary_unit(name, {"cell": (1.0, (0, 0, 0, 0, 0))})
        declared = getattr(known.function, "declaration", None)
        if self._si and self.frequency is None and declared is not None and declared.unit.omega:
            raise InvalidArgumentError(
                f"--units: {known.name} is proportional to a frequency, expected --frequency in rad/s"
            )

    def check_dimensions(self, known: CataloguedQuantity, crystal: SavedCrystal) -> None:
        """Check before the calculation that some part of the quantity, or an energy, has the dimension of each unit.

        Raises
        ------
        InvalidArgumentError
        """
        import xarray

        declared, lattice = getattr(known.function, "declaration", None), crystal.lattice
        if declared is None:
            return
        labels = {name: str(declared.unit_of(name, lattice.dimension)) for name in declared.parts}
        if takes(known, "chemical_potential"):
            labels["chemical_potential"] = "energy"
        parts = {name: ((), 0.0, {"units": label}) for name, label in labels.items()}
        self.of(xarray.Dataset(parts, attrs={"dimension": lattice.dimension, "measure": lattice.measure}))

    def of(self, result: xarray.Dataset) -> xarray.Dataset:
        """Result in the units.

        Raises
        ------
        InvalidArgumentError
        """
        model: dict[str, Any] = {"energy": self.energy, "length": self.length, "frequency": self.frequency}
        if self._si:
            result = in_si(result, **model)
        return in_units(result, self._names, **model) if self._names else result

    @property
    def _names(self) -> list[str]:
        words = [name.strip() for name in self.units.split(",")] if self.units else []
        return [word for word in words if word.lower() != SI]

    @property
    def _si(self) -> bool:
        return SI in map(str.strip, self.units.lower().split(","))


def units_note(result: xarray.Dataset) -> str:
    """Sentence on the units of the crystal of a result."""
    known = CRYSTAL_UNITS in result.attrs
    return "energies in eV, lengths in Å" if known else "energies and lengths in the units of the model"


def json_of(result: xarray.Dataset) -> dict[str, Any]:
    """Result as numbers, strings, lists and tables; `xarray.Dataset.from_dict` makes the result of it again."""
    return dict(result.to_dict())


def forecast_text(cost: xarray.Dataset) -> str:
    """Forecast of a dry run, in words."""
    return str(cost.attrs.get("forecast", ""))
