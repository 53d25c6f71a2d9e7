r"""The orbital magnetization that a slow change induces: perturbative part.

`drive` is whatever changes: "theta" for a cycle, "kx" and the like for an electric field. The two functions are the two
groupings of one quantity: over occupied and empty groups, which degenerate bands do not disturb, and band by band, as
the paper has it.
"""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.bands import PLANES, connection, interband_moment, metric_gradient
from adiabloch.geometry.frame import Eigenframe


def occupied_shift(frame: Eigenframe, occupied: int, drive: str, component: str) -> Float:
    r"""d_B a^drive summed over the occupied bands, in units of e; shape (P,).

    With n, v occupied and c, c' empty,

    .. math:: \sum_{nc} 2 \mathrm{Re} \frac{-A^t_{nc} m_{cn}}{E_n - E_c}, \qquad
              m_{cn} = -\frac{e}{2} \Big[ \sum_{c'} v_{cc'} \times A_{c'n} + \sum_v v_{vn} \times A_{cv} \Big]

    the first term of Eq. (8) in the form that holds for any number of degenerate bands: denominators are between
    occupied and empty states only. For one occupied band it is the paper's.
    """
    o, c = slice(None, occupied), slice(occupied, None)
    a, b = PLANES[component]
    inverse = 1.0 / (frame.energies[:, None, o] - frame.energies[:, c, None])
    va, vb = frame.derivative(a), frame.derivative(b)
    Aa, Ab = 1j * va[:, c, o] * inverse, 1j * vb[:, c, o] * inverse
    cross = va[:, c, c] @ Ab - vb[:, c, c] @ Aa + Ab @ va[:, o, o] - Aa @ vb[:, o, o]
    At = 1j * frame.derivative(drive)[:, c, o] * inverse
    return (At.conj() * cross * inverse).real.sum(axis=(1, 2))


def band_shift(frame: Eigenframe, drive: str, component: str) -> Float:
    r"""d_B a^drive of every band, in units of e; shape (P, N). Implements Eq. (8).

    .. math:: \partial_B a^t_n = 2 \mathrm{Re} \sum_{n_1 \ne n} \frac{-A^t_{n n_1} m_{n_1 n}}{E_n - E_{n_1}}
              + \frac{e}{2} \partial_k \times G^{kt}_n

    The frame must carry the drive and the second derivatives that the curl needs (`band_shift_derivatives`).
    """
    return interband_part(frame, drive, component) + metric_curl_part(frame, drive, component)


def interband_part(frame: Eigenframe, drive: str, component: str) -> Float:
    """First term of Eq. (8), which alone survives in an insulator; shape (P, N)."""
    weighted = connection(frame, drive) / frame.gaps()  # A_{n n1}/(E_n1 - E_n)
    return 2.0 * np.einsum("pnm,pmn->pn", weighted, interband_moment(frame, component)).real


def metric_curl_part(frame: Eigenframe, drive: str, component: str) -> Float:
    """Second term of Eq. (8), a total derivative in k: it redistributes the map; shape (P, N)."""
    a, b = PLANES[component]
    return 0.5 * (metric_gradient(frame, b, drive, along=a) - metric_gradient(frame, a, drive, along=b))


def band_shift_derivatives(drive: str, component: str) -> list[str | tuple[str, str]]:
    """Derivatives that a frame must carry for `band_shift`."""
    a, b = PLANES[component]
    return [a, b, drive, (a, b), (a, drive), (b, drive)]
