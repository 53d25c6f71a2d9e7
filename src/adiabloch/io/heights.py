"""Heights of the Wannier functions of a layer."""

from __future__ import annotations

from collections.abc import Sequence

from adiabloch.arrays import Complex
from adiabloch.io.periodic_axes import checked_axes
from adiabloch.io.seed_files import PathLike
from adiabloch.io.wannier90 import read_tb_matrices
from adiabloch.names import checked_call


@checked_call
def read_heights(
    path: PathLike, *, axes: Sequence[int] | None = None, wsvec: PathLike | bool | None = None
) -> dict[tuple[int, ...], Complex]:
    """Read the heights of the Wannier functions of a layer from a `_tb.dat` file.

    The position matrix across the layer, which `read_tb` drops, is the argument `heights` of
    `adiabloch.inplane_magnetization`, `adiabloch.pumped_inplane_magnetization` and `adiabloch.layer_magnetoelectric`.

    Parameters
    ----------
    path, axes, wsvec
        As for `read_tb`; the latter with dimension = 2.

    Returns
    -------
    dict {(R1, R2): complex array (n, n)}
        In Angstrom, for the model that `read_tb` gives with the same arguments.

    Raises
    ------
    FileFormatError
        The file is malformed.
    InvalidArgumentError
        `axes` are not two lattice vectors.
    """
    _, axes = checked_axes(2, axes)
    return read_tb_matrices(path, wsvec).heights(axes)
