"""Sweeps: results as functions of parameters, kept in a store, on any executor."""

from typing import TYPE_CHECKING

from adiabloch.names import public_names
from adiabloch.sweeps.store import load_sweep
from adiabloch.sweeps.sweep import sweep

__all__ = ["load_sweep", "sweep"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = public_names(__name__, __all__)
