"""The command `compute`: a quantity of the crystal in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adiabloch.engine.customary import in_units
from adiabloch.engine.si import in_si, unit_size
from adiabloch.errors import InvalidArgumentError
from adiabloch.io.crystal_files import (
    SavedCrystal,
    WannierOptions,
    crystal_file,
    is_saved,
    read_crystal,
    read_cycle,
)
from adiabloch.jobs.arguments import (
    RANGE,
    check_names,
    kinds_of,
    missing_arguments,
    parsed,
    value_of_text,
    with_files_read,
)
from adiabloch.jobs.calculation import kind_of
from adiabloch.jobs.catalogue import CataloguedQuantity, quantity
from adiabloch.units import ENERGIES, thermal_energy

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
    "deformation": "the file of a deformation (ab.io.save_deformation, or adiabloch phonons collect --crystal)",
}
"""Files for each kind of crystal."""
SI = "si"
"""Name that stands for SI units."""


def compute(
    name: str,
    files: Sequence[Path],
    *,
    flags: Mapping[str, str | None],
    settings: Iterable[str] = (),
    wannier: WannierOptions | None = None,
    energy: float | str = "eV",
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
    energy : float or str
        Energy unit of the model, for temperatures in kelvin.
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
    arguments = _arguments(known, flags, settings, energy)
    crystal = crystal_for(known, files, slab)
    arguments = with_files_read(arguments, known, Path(), slab.axes)
    result: xarray.Dataset = known.function(crystal, **arguments, **(options or {}))
    return result


def crystal_for(known: CataloguedQuantity, files: Sequence[Path], wannier: WannierOptions) -> SavedCrystal:
    """Crystal in files, of the kind that a quantity needs.

    Raises
    ------
    InvalidArgumentError, FileFormatError
    """
    needs = f"{known.name}: needs a {known.crystal}"
    way = WAYS.get(known.crystal, WAYS["model"])
    paths = [crystal_file(path) for path in files]
    if len(paths) > 1 and known.crystal not in ("cycle", "texture"):
        raise InvalidArgumentError(f"{needs}, got {len(paths)} files; expected {way}")
    crystal = read_crystal(paths[0], wannier) if len(paths) == 1 else read_cycle(paths, wannier)
    if known.crystal not in (found := kind_of(crystal), "texture"):
        raise InvalidArgumentError(f"{needs}, got a {found} in {paths[0]}; expected {way}")
    return crystal


def _arguments(
    known: CataloguedQuantity, flags: Mapping[str, str | None], settings: Iterable[str], energy: float | str
) -> dict[str, Any]:
    """Values of all arguments, checked."""
    texts: dict[str, tuple[str, str]] = {}
    for name, text in flags.items():
        if text is not None:
            option = FLAGS[name].split()[0]
            if name in ("occupied", "chemical_potential", "temperature") and name not in known.arguments:
                raise InvalidArgumentError(
                    f"{option}: {known.name} takes no {name.replace('_', ' ')}; its arguments are "
                    f"{', '.join(known.arguments)}"
                )
            texts[name] = (option, text)
    for setting in settings:
        name, sign, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name:
            raise InvalidArgumentError(f"--set: {setting!r}, expected NAME=VALUE")
        check_names("--set ", [name], known)
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
            parts.append(f"{name.replace('_', ' ')} is missing, expected {way} ({expected})")
    return "; ".join(parts)


def converted(
    result: xarray.Dataset,
    units: str,
    *,
    energy: float | str = "eV",
    length: float | str = "angstrom",
    frequency: float | None = None,
) -> xarray.Dataset:
    """Result in SI units ("si"), or in units separated by commas.

    Raises
    ------
    InvalidArgumentError
    """
    model: dict[str, Any] = {"energy": energy, "length": length, "frequency": frequency}
    names = [name.strip() for name in units.split(",")]
    if SI in (lowered := [name.lower() for name in names]):
        result, names = in_si(result, **model), [name for name, low in zip(names, lowered, strict=True) if low != SI]
    return in_units(result, names, **model) if names else result


def units_note(files: Sequence[Path]) -> str:
    """Sentence on the units of the model in a file."""
    if any(is_saved(crystal_file(path)) for path in files):
        return "energies and lengths in the units of the model"
    return "energies in eV, lengths in Å"


def json_of(result: xarray.Dataset) -> dict[str, Any]:
    """Result as numbers, strings, lists and tables; `xarray.Dataset.from_dict` makes the result of it again."""
    return dict(result.to_dict())


def forecast_text(cost: xarray.Dataset) -> str:
    """Forecast of a dry run, in words."""
    return str(cost.attrs.get("forecast", ""))
