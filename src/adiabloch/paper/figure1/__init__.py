"""Fig. 1 of the paper: bands, pumped magnetization and its dependence on the parameters."""

from adiabloch.paper.figure1.calculation import compute
from adiabloch.paper.figure1.picture import draw
from adiabloch.paper.figure1.summary import summarize
from adiabloch.paper.study import Study

__all__ = ["STUDY", "compute", "draw", "summarize"]

STUDY = Study("figure1", compute, summarize, draw)
