"""Pictures of results. They depend on results only, not on models."""

from adiabloch.plotting.animation import animate
from adiabloch.plotting.dispatch import plot

__all__ = ["animate", "plot"]
