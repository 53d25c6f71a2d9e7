"""Sweeps: results as functions of parameters, kept in a store, on any executor."""

from adiabloch.sweeps.store import load_sweep
from adiabloch.sweeps.sweep import sweep

__all__ = ["load_sweep", "sweep"]
