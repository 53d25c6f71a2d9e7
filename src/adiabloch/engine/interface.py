"""Public functions of responses: common options, their documentation, natural units, provenance."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec

from adiabloch.engine.declaration import Response
from adiabloch.engine.natural import in_natural_units
from adiabloch.engine.run import DEFAULTS, Options
from adiabloch.integration.running import one_thread

if TYPE_CHECKING:
    import xarray

P = ParamSpec("P")
DOCUMENTED = {
    "model": "TightBinding\n    The crystal; any object with the interface of `adiabloch.models.Crystal` will do.",
    "cycle": "Cycle\n    Insulating at every k and theta.",
    "occupied": "int\n    Number of occupied bands of an insulator; they may be degenerate.",
    "bands": (
        "int or (int, int), optional\n    In place of `occupied`: a group of bands, the lowest ones or from first to "
        "last + 1, with a direct gap to\n    all others at each k; it may overlap with them in energy."
    ),
    "chemical_potential": "float or array_like\n    In the energy unit of the model.",
    "temperature": (
        "float or array_like\n    k_B T in the energy unit of the model (`adiabloch.units.thermal_energy` converts "
        "kelvin)."
    ),
    "degeneracy": (
        "float, optional\n    Bands closer than this energy count as one degenerate group (fully below half of it); "
        "pairs within a group are\n    left out. By default of equal bands for anomalous Hall, Nernst and "
        "magnetization, and elsewhere 4e-4 of the\n    bandwidth for bands that stay so close around a point, not for "
        "those that cross. Its influence is in `error`."
    ),
    "spin_operators": (
        "array_like, shape (3, N, N), or mapping {R: (3, N, N) array_like}, optional\n    S_x, S_y, S_z in the basis "
        "of the model, in units of hbar; those of the model by default."
    ),
    "operators": (
        "mapping {name: array_like (N, N), or mapping {R: (N, N) array_like}}\n    Hermitian matrices in the basis of "
        "the model; <0 i|O|R j> by R where they reach other cells."
    ),
    "heights": (
        "array_like, shape (N,), or mapping {R: (N, N) array_like}\n    z of each orbital, in the length unit of the "
        "lattice; or <0 i|z|R j> by R, for Wannier functions: for a layer\n    read as a crystal in three dimensions, "
        "`{R[:2]: r[..., 2] for R, r in solid.position_matrix.items()}`.\n    Their origin does not matter."
    ),
    "projections": (
        "sequence of int or array_like of shape (N, occupied), optional\n    Projections for the smooth gauge of "
        "Chern-Simons parts and polarizations: indices of trial orbitals, or columns\n    in the basis of the model. "
        "By default orbitals with a large overlap with the occupied states."
    ),
    "tolerance": (
        "float, optional\n    Relative accuracy of the largest component; by default 1e-6 for insulators and 1e-4 for "
        "scans of metals."
    ),
    "absolute": (
        "float, optional\n    Sufficient accuracy whatever the result, in its unit. By default `tolerance` times a "
        "small fraction of the\n    integrand without its sign, so that results that vanish by symmetry converge."
    ),
    "mesh": (
        "int or sequence of int, optional\n    A fixed uniform mesh (for a cycle with the points along theta last), in "
        "place of as many points as the tolerance\n    needs."
    ),
    "limit": "int, optional\n    Largest number of points; for scans of metals it falls with the number of bands.",
    "strict": (
        "bool, optional\n    Raise `ToleranceNotReachedError` if the tolerance is not reached. By default there is a "
        "warning, the attribute\n    `converged` of the result is False, and `error` holds for the best estimate."
    ),
    "accuracy": (
        "Accuracy, optional\n    In place of tolerance, absolute, mesh, limit and strict: all of them as one value."
    ),
    "executor": (
        "concurrent.futures.Executor or int, optional\n    Executor of the blocks of points, or a number of threads; "
        "by default one for each processor. The result has the\n    same bits on all of them."
    ),
    "progress": (
        "bool, optional\n    Show a progress bar; by default after two seconds (a line every few seconds if the error "
        "stream is no terminal)."
    ),
}
"""Documentation of arguments that several responses share."""


def response(
    declaration: Response | None = None,
) -> Callable[[Callable[P, xarray.Dataset]], Callable[P, xarray.Dataset]]:
    """Decorator for the public function of a response.

    The function takes the crystal as its first argument and `**options`. The decorator adds a signature that lists the
    options, the documentation of all arguments, and natural units. It stores the name of the function in the result as
    the attribute `response`.

    Parameters
    ----------
    declaration : Response, optional
        Its parities, equation and reference are added to the documentation.
    """

    def made(function: Callable[P, xarray.Dataset]) -> Callable[P, xarray.Dataset]:
        signature = _with_options(inspect.signature(function))
        first = next(iter(signature.parameters))

        @functools.wraps(function)
        def public(*args: P.args, **kwargs: P.kwargs) -> xarray.Dataset:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError as error:
                hint = "; options are given by name, as in tolerance=1e-3" if "positional" in str(error) else ""
                raise TypeError(f"{function.__name__}() {error}{hint}") from None
            # small matrices: threads of the linear algebra cost more than they gain
            with one_thread:
                return in_natural_units(function, given, first).assign_attrs(response=function.__name__)

        public.__doc__ = documented(function.__doc__ or "", signature, declaration)
        public.__signature__ = signature  # type: ignore[attr-defined]
        public.declaration = declaration  # type: ignore[attr-defined]
        return public

    return made


def documented(text: str, signature: inspect.Signature, declaration: Response | None) -> str:
    """Docstring with all parameters of a signature, in its order, and the notes of a declaration."""
    text = inspect.cleandoc(text)
    before, own, after = _split(text)
    entries = []
    for name in signature.parameters:
        if name in own:
            entries.append(f"{name} : {own[name]}")
        elif name in DOCUMENTED:
            entries.append(f"{name} : {DOCUMENTED[name]}")
    section = "Parameters\n----------\n" + "\n".join(entries)
    notes = _notes(declaration) if declaration is not None else ""
    if notes and "\nNotes\n-----\n" in after:
        after = after.replace("\nNotes\n-----\n", f"\nNotes\n-----\n{notes}\n\n", 1)
    elif notes:
        for heading in ("\nReferences\n----", "\nExamples\n----"):
            if heading in after:
                at = after.index(heading)
                after = f"{after[:at]}\nNotes\n-----\n{notes}\n{after[at:]}"
                break
        else:
            after = f"{after.rstrip()}\n\nNotes\n-----\n{notes}\n"
    return f"{before.rstrip()}\n\n{section}\n\n{after.lstrip()}"


def _split(text: str) -> tuple[str, dict[str, str], str]:
    """Parts of a docstring: text before the parameters, entries of the parameters by name, and the rest."""
    heading = "\nParameters\n----------\n"
    if heading in text:
        before, rest = text.split(heading, 1)
        lines, after = rest.split("\n"), ""
        for number, line in enumerate(lines[:-1]):
            if line and set(lines[number + 1]) == {"-"}:
                lines, after = lines[:number], "\n".join(lines[number:])
                break
        own: dict[str, str] = {}
        for line in lines:
            if line and not line.startswith(" "):
                names, _, kind = line.partition(" : ")
                for name in names.split(","):
                    own[name.strip()] = kind
            elif line.strip():
                own[name.strip()] += f"\n{line}"
        return before, own, after
    for number, line in enumerate(lines := text.split("\n")):
        if number + 1 < len(lines) and line and set(lines[number + 1]) == {"-"}:
            return "\n".join(lines[:number]), {}, "\n".join(lines[number:])
    return text, {}, ""


def _notes(declaration: Response) -> str:
    """Sentences on the equation, the parities and the source of a response."""
    words = {1: "even", -1: "odd"}
    parities = {"time reversal": declaration.time_reversal, "inversion": declaration.inversion}
    parities_text = [f"{words[sign]} under {name}" for name, sign in parities.items() if sign is not None]
    driven = " of the crystal at the same frequency" if declaration.unit.omega else ""
    sentences = [
        f"Implements {declaration.equation}." if declaration.equation else "",
        f"The result is {' and '.join(parities_text)}{driven}." if parities_text else "",
        f"Source: {declaration.reference}." if declaration.reference else "",
    ]
    return textwrap.fill(" ".join(filter(None, sentences)), 110)


def _with_options(signature: inspect.Signature) -> inspect.Signature:
    """Signature with the options in place of `**options`."""
    annotations = {name: of.__forward_arg__ for name, of in Options.__annotations__.items()}
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            parameters.append(parameter)
            continue
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=annotations[name])
            for name, value in DEFAULTS.items()
        ]
    return signature.replace(parameters=parameters)
