"""Evaluation of responses: from a declaration and a crystal to labelled numbers with error bars.

This module exports the names that the files in `adiabloch.responses` need.
"""

from adiabloch.engine.arguments import (
    ACROSS,
    FLAT,
    checked_cycle,
    checked_degeneracy,
    checked_model,
    checked_occupied,
    chosen_group,
    named_group,
)
from adiabloch.engine.declaration import (
    BandTerm,
    GaugeTerm,
    Part,
    Response,
    SeaTerm,
    SurfaceTerm,
    all_axes,
    cartesian,
    chemical_potential_of,
    components,
    inverse_temperature,
    total_and,
)
from adiabloch.engine.insulators import Occupied, bands_with_gauge, mean_of_insulator, of_insulator
from adiabloch.engine.interface import response
from adiabloch.engine.metals import of_metal
from adiabloch.engine.operators import checked_operators, checked_spins
from adiabloch.engine.preflight import checked_chern_numbers, described, preflight
from adiabloch.engine.results import labelled
from adiabloch.engine.run import Options, Run
from adiabloch.models.cycle import THETA

__all__ = [
    "ACROSS",
    "FLAT",
    "THETA",
    "BandTerm",
    "GaugeTerm",
    "Occupied",
    "Options",
    "Part",
    "Response",
    "Run",
    "SeaTerm",
    "SurfaceTerm",
    "all_axes",
    "bands_with_gauge",
    "cartesian",
    "checked_chern_numbers",
    "checked_cycle",
    "checked_degeneracy",
    "checked_model",
    "checked_occupied",
    "checked_operators",
    "checked_spins",
    "chemical_potential_of",
    "chosen_group",
    "components",
    "described",
    "inverse_temperature",
    "labelled",
    "mean_of_insulator",
    "named_group",
    "of_insulator",
    "of_metal",
    "preflight",
    "response",
    "total_and",
]
