"""Local currents in gapped graphene with rotating atoms whose gap changes slowly with the position.

The paper has the theory, Eqs. (6) and (16) to (18), and no figure of it. This study shows the two simplest cases for
its model, Eq. (22), and the cycle of Eq. (24). In the first the gap changes in a disk, and the pumped magnetization
causes a current around the disk. In the second the gap changes as a wave, and long supercells serve as a reference.
"""

from adiabloch.paper.study import Study
from adiabloch.paper.textures.calculation import compute
from adiabloch.paper.textures.picture import draw
from adiabloch.paper.textures.summary import summarize

__all__ = ["STUDY", "compute", "draw", "summarize"]

STUDY = Study("textures", compute, summarize, draw)
