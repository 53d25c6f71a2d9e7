"""The `adiabloch` command."""

from adiabloch.cli import bands, crystals, figures, jobs, phonons, results
from adiabloch.cli.app import app

__all__ = ["app", "bands", "crystals", "figures", "jobs", "phonons", "results"]
