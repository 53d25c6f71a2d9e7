"""Pictures of results. They know results, not models."""

from adiabloch.plotting.frames import animate
from adiabloch.plotting.results import plot

__all__ = ["animate", "plot"]
