"""The `adiabloch` command."""

from adiabloch.cli import crystals, figures, jobs, phonons, results
from adiabloch.cli.app import app

__all__ = ["app", "crystals", "figures", "jobs", "phonons", "results"]
