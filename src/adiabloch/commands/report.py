"""The command `report`: one HTML page about a result, a sweep, or the results of a job."""

from __future__ import annotations

from pathlib import Path

from adiabloch.commands.results import read_result
from adiabloch.errors import FileFormatError
from adiabloch.files import write_atomic
from adiabloch.jobs.specification import read_job
from adiabloch.summaries.page import Section, page

STORE = ".zarr"
"""Ending of the stores of sweeps."""
JOB_FILE = ".toml"
"""Ending of job files."""


def report(file: Path, output: Path | None = None) -> Path:
    """Write a page about the results in a file.

    Parameters
    ----------
    file : Path
        A result (NetCDF), the store of a sweep, the folder of a job, or the job file.
    output : Path, optional
        Name of the page; by default that of the file, with the ending .html.

    Raises
    ------
    FileFormatError, FileWriteError
    """
    job = None
    folder = file
    if file.name.endswith(JOB_FILE):
        folder = file.parent / (read_job(file).output.folder or file.name.removesuffix(JOB_FILE))
        job = file.read_text()
        if not folder.is_dir():
            raise FileFormatError(f"{folder}: no such folder; `adiabloch run {file}` computes the results of the job")
    sections = [Section(read_result(path), path.name) for path in result_files(folder)]
    return write_atomic(output or file.with_suffix(".html"), page(sections, job).encode())


def result_files(source: Path) -> list[Path]:
    """Files of results: the file itself, or those in the folder of a job.

    Raises
    ------
    FileFormatError
        The folder has no results.
    """
    if not source.is_dir() or source.name.endswith(STORE):
        return [source]
    found = {path.stem: path for ending in (STORE, ".nc") for path in sorted(source.glob(f"*{ending}"))}
    if not found:
        raise FileFormatError(f"{source}: a folder without results, expected one of a job, with NAME.nc or NAME.zarr")
    return [found[name] for name in sorted(found)]
