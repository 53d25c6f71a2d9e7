"""Public functions of responses: common options, their documentation, natural units, provenance."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, get_args

from adiabloch.digests import digest_of
from adiabloch.engine.declaration import Response
from adiabloch.engine.documentation import documented
from adiabloch.engine.dry_run import Forecast, result_or_forecast
from adiabloch.engine.natural import in_natural_units
from adiabloch.engine.run import DEFAULTS, SEVERAL_RESULTS, Options
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.blas_threads import one_thread
from adiabloch.integration.checkpoints import Checkpoint, in_use, using
from adiabloch.names import bound_arguments
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

P = ParamSpec("P")


def response(
    declaration: Response | None = None,
    *,
    checkpoint: bool = True,
) -> Callable[[Callable[P, xarray.Dataset]], Callable[P, xarray.Dataset]]:
    """Decorator for the public function of a response.

    The function takes the crystal as its first argument and `**options`. The decorator adds a signature that lists the
    options, the documentation of all arguments, and natural units. It stores the name of the function in the result as
    the attribute `response`.

    Parameters
    ----------
    declaration : Response, optional
        Its parities, equation and reference are added to the documentation.
    checkpoint : bool
        False for a function that computes several integrals.
    """

    def made(function: Callable[P, xarray.Dataset]) -> Callable[P, xarray.Dataset]:
        signature = _with_options(function)
        first = next(iter(signature.parameters))

        @functools.wraps(function)
        def public(*args: P.args, **kwargs: P.kwargs) -> xarray.Dataset:
            given = bound_arguments(function.__name__, signature, args, kwargs).arguments
            # small matrices: threads of the linear algebra cost more than they gain
            with one_thread, _kept(function.__name__, given, allowed=checkpoint):
                return result_or_forecast(
                    lambda: in_natural_units(function, given, first).assign_attrs(response=function.__name__),
                    Forecast.dataset,
                )

        public.__doc__ = documented(function.__doc__ or "", signature, declaration)
        public.__signature__ = signature  # type: ignore[attr-defined]
        public.declaration = declaration  # type: ignore[attr-defined]
        return public

    return made


@contextmanager
def _kept(name: str, given: dict[str, Any], *, allowed: bool) -> Iterator[None]:
    """Context in which the integrals of a response keep their sums in the checkpoint of the user, if there is one."""
    path = given.pop("checkpoint", None)
    if path is None or given.get("dry_run") or in_use():
        yield
        return
    if not allowed:
        raise InvalidArgumentError(SEVERAL_RESULTS)
    identity = {key: digest_of(value) for key, value in given.items() if key not in ("executor", "progress")}
    with using(Checkpoint(path, {"version of adiabloch": __version__, "response": name, **identity})):
        yield


def _with_options(function: Callable[..., Any]) -> inspect.Signature:
    """Signature of a function with the entries of a typed dictionary in place of `**options: Unpack[...]`."""
    signature = inspect.signature(function)
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            parameters.append(parameter)
            continue
        annotations = {
            name: of.__forward_arg__ for name, of in _options_of(function, parameter).__annotations__.items()
        }
        own = dict.fromkeys(name for name in annotations if name not in DEFAULTS)
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=annotations[name])
            for name, value in {**own, **DEFAULTS}.items()
        ]
    return signature.replace(parameters=parameters)


def _options_of(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Typed dictionary in the annotation Unpack[...] of `**options`, as text or as an object; `Options` without one."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return Options
    if isinstance(annotation, str):
        return function.__globals__[annotation.removeprefix("Unpack[").removesuffix("]")]
    return get_args(annotation)[0]
