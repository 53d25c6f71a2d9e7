"""Chemical potential of a given filling, by bracketing."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.engine.arguments import checked_model, model_digest
from adiabloch.engine.dry_run import ForecastFound
from adiabloch.engine.interface import response
from adiabloch.engine.metal_integral import integrate_scan
from adiabloch.engine.metal_task import ScanTask
from adiabloch.engine.metals import Plan
from adiabloch.engine.results import labelled
from adiabloch.engine.run import Options, Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.gaps import energy_bound
from adiabloch.models.tight_binding import TightBinding
from adiabloch.occupation import Scan
from adiabloch.responses.filling import FILLING
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

TOLERANCE = 1e-6
"""Default tolerance of the filling."""
FINEST = 1e-9
"""Default accuracy of the chemical potential, relative to the spread of the energies."""


@response()
def chemical_potential(
    model: TightBinding, filling: float, temperature: ArrayLike = 0.0, **options: Unpack[Options]
) -> xarray.Dataset:
    r"""Chemical potential for a given number of electrons in each cell.

    .. math:: V \int \frac{dk}{(2\pi)^d} \sum_n f(E_n - \mu) = N

    Parameters
    ----------
    filling : float
        Electrons per cell, between 0 and the number of orbitals.
    tolerance : float
        Accuracy of the filling, per orbital.
    absolute : float, optional
        Sufficient accuracy of the chemical potential; by default about 1e-9 of the spread of the energies.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `temperature`: the chemical potential, in the middle of the gap for an insulator. The
        error bar is half the interval in which the filling agrees within its own error.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=2.0, t2=0.1, phi=1.1)
    >>> f"{float(ab.chemical_potential(model, filling=0.5).total):.3f}"
    '-2.611'
    """
    run = Run.of(options, TOLERANCE)
    model = checked_model(model)
    if not (isinstance(filling, Real) and 0 < filling < model.size):
        raise InvalidArgumentError(f"filling: {filling!r}, expected electrons per cell, 0 < filling < {model.size}")
    temperatures = Scan.of(0.0, temperature)
    bound = energy_bound(model)
    found, reached = [], []
    for kT in temperatures.temperatures:
        reach = bound + kT * (4 + abs(np.log(filling / (model.size - filling))) + np.log(model.size))
        try:
            low, high, converged = _bracketed(model, filling, float(kT), (-reach, reach), run)
        except ForecastFound as one:
            scans = 2 * math.ceil(math.log(1 / FINEST, 32)) * len(temperatures.temperatures)
            raise ForecastFound(one.forecast.times(scans)) from None
        found.append((low, high))
        reached.append(converged)
    low, high = np.array(found).T
    dims = ["temperature"] if np.ndim(temperature) else []
    shape = np.shape(temperature)
    middle, width = (0.5 * (low + high)).reshape(shape), (0.5 * (high - low)).reshape(shape)
    energy = Unit(energy=1)
    variables = {
        "total": (dims, middle, energy, "chemical potential"),
        "error": (dims, width, energy, "half the interval that agrees with the filling"),
    }
    return labelled(
        variables,
        {"temperature": temperatures.coordinates["temperature"]},
        model=model_digest(model),
        filling=float(filling),
        converged=all(reached),
        seconds=run.elapsed,
    )


def _bracketed(
    model: TightBinding, filling: float, kT: float, bracket: tuple[float, float], run: Run
) -> tuple[float, float, bool]:
    """Interval of chemical potentials with this filling, by successively narrower scans around its two ends.

    Returns
    -------
    low, high : float
    converged : bool
        True if every scan reached the tolerance of the filling.
    """
    cell = model.lattice.measure
    slack = run.tolerance * model.size
    finest = max(FINEST * (bracket[1] - bracket[0]), (run.absolute or 0.0) / model.units.energy)
    counting = replace(run, absolute=None)
    integrand = Plan.of(FILLING, {}, model.lattice.dimension).integrand(model, Scan.of(0.0, kT), {}, Degeneracy())
    unit = Unit(length=-model.lattice.periodic_directions)
    reached = []

    def excess(potentials: Float) -> Float:
        title = f"filling {filling:g}"
        integral = integrate_scan(ScanTask(integrand, Scan.of(potentials, kT), counting, [[0]], title, unit))
        reached.append(bool(integral.provenance["converged"]))
        return cell * integral.value[..., 0] - filling

    def edge(side: float) -> float:
        """Lower (-1) or upper (1) end of the interval in which the filling agrees."""
        low, high = bracket
        while high - low > finest:
            potentials = np.linspace(low, high, 33)
            above = excess(potentials) > side * slack
            first = int(np.argmax(above)) if above.any() else len(potentials)
            low, high = potentials[max(first - 1, 0)], potentials[min(first, len(potentials) - 1)]
        return 0.5 * (low + high)

    return edge(-1.0), edge(1.0), all(reached)
