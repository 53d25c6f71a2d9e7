"""Pictures of results. They depend on results only, not on models."""

from typing import TYPE_CHECKING

from adiabloch.names import public_names
from adiabloch.plotting.animation import animate
from adiabloch.plotting.dispatch import plot

__all__ = ["animate", "plot"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = public_names(__name__, __all__)
