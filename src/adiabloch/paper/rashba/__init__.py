"""Orbital and spin magnetization pumped by rotating atoms in the honeycomb model with Rashba coupling.

The paper mentions this model after Fig. 1, without a figure. It states that orbital magnetization is pumped even with
particle-hole symmetry, and that it is comparable with the pumped spin magnetization.
"""

from adiabloch.paper.rashba.calculation import compute
from adiabloch.paper.rashba.picture import draw
from adiabloch.paper.rashba.summary import summarize
from adiabloch.paper.study import Study

__all__ = ["STUDY", "compute", "draw", "summarize"]

STUDY = Study("rashba", compute, summarize, draw)
