r"""Expectation values of bounded observables, and their response to a slow change or a field (App. B).

An observable is a matrix in the basis of the model; it depends on k if it connects different cells. The frame carries
it under its name. It is the derivative of -H along its conjugate field. Its response is a Berry curvature between that
field and the drive.
"""

from __future__ import annotations

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.band_subspace import energy_differences, interband_coupling
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.occupation import Group, subspace_indices


@of_frame
def expectation(frame: Eigenframe, group: Group, operator: Complex) -> Float:
    """Sum of <n|O|n> over a group of bands, for an operator (P, N, N) in the eigenframe; shape (P,)."""
    o, _ = subspace_indices(group, frame.energies.shape[1])
    return operator[:, o, o].trace(axis1=1, axis2=2).real


@of_frame
def observable_shift(frame: Eigenframe, group: Group, drive: str, operator: Complex) -> Float:
    r"""Change of an observable by a slow change of `drive`, summed over a group of bands; shape (P,). Eq. (B6).

    .. math:: \delta O = \sum_{nc} 2 \mathrm{Re} \frac{O_{nc} A_{cn}}{E_c - E_n}
              = -\sum_{nc} 2 \mathrm{Im} \frac{O_{nc} \langle c | \partial_t n \rangle}{E_c - E_n}

    with n inside the group and c outside: the curvature Omega^{ht} for H - h O, summed over n. The drive "theta" gives
    the value pumped by a cycle, in units of omega; "kx" that induced by an electric field (Eq. B7), in units of e E_x.

    Parameters
    ----------
    frame : Eigenframe
    group : int or (int, int)
    drive : str
    operator : complex array, shape (P, N, N)
        Observable in the eigenframe.
    """
    o, c = subspace_indices(group, frame.energies.shape[1])
    A = 1j * interband_coupling(frame, group, drive)
    return -2.0 * (operator[:, c, o].conj() * A / energy_differences(frame, group)).real.sum(axis=(1, 2))
