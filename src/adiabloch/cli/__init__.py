"""The `adiabloch` command."""

from adiabloch.cli import bands, compute, crystals, figures, jobs, phonons, results
from adiabloch.cli.app import app

__all__ = ["app", "bands", "compute", "crystals", "figures", "jobs", "phonons", "results"]
