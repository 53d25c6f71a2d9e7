"""Several responses of a metal at once."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.engine.declaration import SeaTerm, SurfaceTerm
from adiabloch.engine.dry_run import result_or_forecast
from adiabloch.engine.joint_responses import evaluated_together
from adiabloch.engine.run import SEVERAL_RESULTS, Options
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.models.tight_binding import TightBinding

if TYPE_CHECKING:
    import xarray

GIVEN = {"chemical_potential", "temperature"}
"""Arguments that all these responses share, besides the model and the options."""


def metal_responses(
    model: TightBinding,
    names: Sequence[str],
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    **options: Unpack[Options],
) -> dict[str, xarray.Dataset]:
    """Several responses of a metal in one pass over the Brillouin zone.

    The bands and their derivatives, which take most of the time, are computed once. Each response is accurate to the
    tolerance.

    Parameters
    ----------
    model : TightBinding
        The crystal.
    names : sequence of str
        Names of responses that take a chemical potential and a temperature, such as "anomalous_hall",
        "orbital_magnetization" or "nonlinear_hall".
    chemical_potential, temperature : float or array_like
        As for each response.
    **options
        As for each response, except `absolute`.

    Returns
    -------
    dict {str: xarray.Dataset}
        The result of each response by its name; with `dry_run`, the forecast of the common pass for each.

    Raises
    ------
    InvalidArgumentError
        Unknown names, or an absolute accuracy, whose unit differs between responses.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=0.2, t2=0.1, phi=1.3)
    >>> found = ab.metal_responses(model, ["anomalous_hall", "orbital_magnetization"], [0.0, 0.5], tolerance=1e-2)
    >>> sorted(found)
    ['anomalous_hall', 'orbital_magnetization']
    """
    if isinstance(names, str) or not np.iterable(names) or not names:
        raise InvalidArgumentError(f"names: {names!r}, expected a list of names of responses")
    known = _responses_of_metals()
    for name in names:
        if name not in known:
            raise InvalidArgumentError(
                f"names: {name!r} is no response of metals, expected some of {', '.join(sorted(known))}"
                f"{did_you_mean(str(name), [*known])}"
            )
    different = [*dict.fromkeys(names)]
    results = in_one_pass([known[name] for name in different], model, chemical_potential, temperature, options)
    return dict(zip(different, results, strict=True))


def in_one_pass(
    responses: Sequence[Callable[..., xarray.Dataset]],
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike,
    options: Options,
    **arguments: Any,
) -> list[xarray.Dataset]:
    """Results of responses of metals with the same arguments, from one pass over the zone.

    Raises
    ------
    InvalidArgumentError
        An option that a single response allows only.
    """
    if options.get("checkpoint") is not None:
        raise InvalidArgumentError(SEVERAL_RESULTS)
    accuracy = options.get("accuracy")
    if options.get("absolute") is not None or (accuracy is not None and accuracy.absolute is not None):
        raise InvalidArgumentError("absolute: its unit differs between responses; give a tolerance")
    given = {"chemical_potential": chemical_potential, "temperature": temperature, **options, **arguments}
    calls = [partial(response, model, **given) for response in responses]
    return result_or_forecast(lambda: evaluated_together(calls), lambda found: [found.dataset() for _ in calls])


def _responses_of_metals() -> dict[str, Callable[..., xarray.Dataset]]:
    """Public responses that are terms of the Fermi sea and surface and need no further arguments."""
    from adiabloch import responses

    found = {}
    for module in pkgutil.iter_modules(responses.__path__):
        function = getattr(importlib.import_module(f"{responses.__name__}.{module.name}"), module.name)
        declaration, parameters = function.declaration, inspect.signature(function).parameters.values()
        required = {one.name for one in parameters if one.default is one.empty} - {"model", *GIVEN}
        of_metals = declaration is not None and all(isinstance(x, SeaTerm | SurfaceTerm) for x in declaration.terms)
        if of_metals and not required and {one.name for one in parameters} >= GIVEN:
            found[module.name] = function
    return found
