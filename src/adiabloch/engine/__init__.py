"""Evaluation of responses: from a declaration and a crystal to labelled numbers with error bars.

This module exports the names that the files in `adiabloch.responses` need.
"""

from adiabloch.engine.arguments import ACROSS, FLAT, NO_CURL
from adiabloch.engine.crystals import Filling, of_crystal, response_for
from adiabloch.engine.declaration import (
    BandTerm,
    ChernTerm,
    GaugeTerm,
    LevelTerm,
    LocalTerm,
    Part,
    Response,
    SeaTerm,
    SurfaceTerm,
    all_axes,
    cartesian,
    chemical_potential_of,
    components,
    inverse_temperature,
    parts_of,
    sum_of,
    total_and,
    wave_vectors,
)
from adiabloch.engine.insulators import of_insulator
from adiabloch.engine.interface import response
from adiabloch.engine.metals import of_metal
from adiabloch.engine.operators import checked_operators, checked_spins, spins_and_slopes
from adiabloch.engine.results import labelled
from adiabloch.engine.run import Options
from adiabloch.models.crystal import THETA

__all__ = [
    "ACROSS",
    "FLAT",
    "NO_CURL",
    "THETA",
    "BandTerm",
    "ChernTerm",
    "Filling",
    "GaugeTerm",
    "LevelTerm",
    "LocalTerm",
    "Options",
    "Part",
    "Response",
    "SeaTerm",
    "SurfaceTerm",
    "all_axes",
    "cartesian",
    "checked_operators",
    "checked_spins",
    "chemical_potential_of",
    "components",
    "inverse_temperature",
    "labelled",
    "of_crystal",
    "of_insulator",
    "of_metal",
    "parts_of",
    "response",
    "response_for",
    "spins_and_slopes",
    "sum_of",
    "total_and",
    "wave_vectors",
]
