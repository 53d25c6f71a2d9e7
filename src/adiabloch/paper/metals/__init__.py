"""Responses of a metal to electric fields: orbital magnetization, nonlinear Hall and heat currents at any filling.

The paper has no figure of these responses. The strained Haldane model is the smallest one that allows all of them: time
reversal, inversion and a threefold axis would each forbid them.
"""

from adiabloch.paper.metals.calculation import compute
from adiabloch.paper.metals.picture import draw
from adiabloch.paper.metals.summary import summarize
from adiabloch.paper.study import Study

__all__ = ["STUDY", "compute", "draw", "summarize"]

STUDY = Study("metals", compute, summarize, draw)
