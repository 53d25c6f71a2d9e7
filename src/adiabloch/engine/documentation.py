"""Documentation of responses: entries of shared arguments, and notes on equation, parities and source."""

from __future__ import annotations

import inspect
import textwrap

from adiabloch.engine.declaration import Response

ARGUMENTS = """
model : TightBinding
    The crystal; any object with the interface of `adiabloch.models.Crystal` will do.
cycle : Cycle
    Insulating at every k and theta; any object with the interface of `adiabloch.models.Crystal` and the direction
    "theta" will do.
deformation : Deformation
    The crystal with its atoms at rest and displaced; responses are those at rest. Displacements are lengths.
occupied : int
    Number of occupied bands of an insulator; they may be degenerate.
bands : int or (int, int), optional
    In place of `occupied`: a group of bands, the lowest ones or from first to last + 1, with a direct gap to
    all others at each k; it may overlap with them in energy.
chemical_potential : float or array_like
    In the energy unit of the model.
temperature : float or array_like
    k_B T in the energy unit of the model (`adiabloch.units.thermal_energy` converts kelvin).
degeneracy : float, optional
    Bands closer than this energy count as one degenerate group (fully below half of it); pairs within a group are
    left out. By default of equal bands for anomalous Hall, Nernst and magnetization, and elsewhere 4e-4 of the
    bandwidth for bands that stay so close around a point, not for those that cross; for third powers of the gap in
    three dimensions, those that cross count within a fraction of the temperature. Its influence is in `error`.
spin_operators : array_like, shape (3, N, N), or mapping {R: (3, N, N) array_like}, optional
    S_x, S_y, S_z in the basis of the model, in units of hbar; those of the model by default.
operators : mapping {name: array_like (N, N), or mapping {R: (N, N) array_like}}
    Hermitian matrices in the basis of the model; <0 i|O|R j> by R where they reach other cells.
heights : array_like, shape (N,), or mapping {R: (N, N) array_like}
    z of each orbital, in the length unit of the lattice; or <0 i|z|R j> by R, for Wannier functions: for a layer
    read as a crystal in three dimensions, `{R[:2]: r[..., 2] for R, r in solid.position_matrix.items()}`.
    Their origin does not matter.
projections : sequence of int or array_like of shape (N, occupied), optional
    Projections for the smooth gauge of Chern-Simons parts and polarizations: indices of trial orbitals, or columns
    in the basis of the model. By default orbitals with a large overlap with the occupied states.
tolerance : float, optional
    Relative accuracy of the largest component; by default 1e-6 for insulators and 1e-4 for scans of metals.
absolute : float, optional
    Sufficient accuracy whatever the result, in its unit. By default `tolerance` times a small fraction of the
    integrand without its sign, so that results that vanish by symmetry converge.
mesh : int or sequence of int, optional
    A fixed uniform mesh (for a cycle with the points along theta last), in place of as many points as the tolerance
    needs.
limit : int, optional
    Largest number of points; for scans of metals it falls with the number of bands.
strict : bool, optional
    Raise `ToleranceNotReachedError` if the tolerance is not reached. By default there is a warning, the attribute
    `converged` of the result is False, and `error` holds for the best estimate.
accuracy : Accuracy, optional
    In place of tolerance, absolute, mesh, limit and strict: all of them as one value.
symmetry : {"find", "none"} or sequence of (d, d) array_like, optional
    Symmetries by which the points are reduced: all that the energies and the formulas have (to eight digits for a
    metal, to ten for an insulator), none, or orthogonal matrices that act on Cartesian wave vectors. The result has
    the given ones exactly, and `error` includes what the model lacks of them. Uniform meshes of insulators do not use
    given ones, and those of cycles none.
executor : concurrent.futures.Executor or int, optional
    Executor of the blocks of points, or a number of threads; by default one for each processor. The result has the
    same bits on all of them.
progress : bool, optional
    Show a progress bar; by default after two seconds (a line every few seconds if the error stream is no terminal).
checkpoint : path-like, optional
    Folder that keeps the sums of the integral every ten seconds. After Ctrl-C, a crash or a kill, the same call
    continues from there and gives the same numbers. Remove it when the result is saved.
dry_run : bool, optional
    Return a forecast in place of the result: `points`, `seconds` and `memory` (largest resident memory of the process,
    in bytes), from trials with few points; usually right within a factor of two.
"""
"""Entries of arguments that several responses share, in the format of numpydoc."""


def documented(text: str, signature: inspect.Signature, declaration: Response | None) -> str:
    """Docstring with all parameters of a signature, in its order, and the notes of a declaration."""
    text = inspect.cleandoc(text)
    before, own, after = _split(text)
    shared = _entries(ARGUMENTS.strip().split("\n"))
    entries = []
    for name in signature.parameters:
        if name in own:
            entries.append(f"{name} : {own[name]}")
        elif name in shared:
            entries.append(f"{name} : {shared[name]}")
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
        return before, _entries(lines), after
    for number, line in enumerate(lines := text.split("\n")):
        if number + 1 < len(lines) and line and set(lines[number + 1]) == {"-"}:
            return "\n".join(lines[:number]), {}, "\n".join(lines[number:])
    return text, {}, ""


def _entries(lines: list[str]) -> dict[str, str]:
    """Entries of a section of parameters by the names of the arguments."""
    entries: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            for name in names.split(","):
                entries[name.strip()] = kind
        elif line.strip():
            entries[name.strip()] += f"\n{line}"
    return entries


def _notes(declaration: Response) -> str:
    """Sentences on the equation, the parities and the source of a response."""
    words = {1: "even", -1: "odd"}
    parities: dict[str, list[str]] = {}
    for name in declaration.parts:
        signs = zip(declaration.parities_of(name), ("time reversal", "inversion"), strict=True)
        text = " and ".join(f"{words[sign]} under {operation}" for sign, operation in signs if sign is not None)
        parities.setdefault(text, []).append(name)
    driven = " of the crystal at the same frequency" if declaration.unit.omega else ""
    if declaration.of_observables:
        driven += ", for observables that are even"
    sentences = [
        f"Implements {declaration.equation}." if declaration.equation else "",
        *(f"{_subject(names, parities)} {text}{driven}." for text, names in parities.items() if text),
        f"In units of {_units(declaration)}.",
        f"Source: {declaration.reference}." if declaration.reference else "",
    ]
    return textwrap.fill(" ".join(filter(None, sentences)), 110)


def _subject(names: list[str], groups: dict[str, list[str]]) -> str:
    """Beginning of a sentence on some parts of a result."""
    if len(groups) == 1:
        return "The result is"
    return f"{', '.join(f'`{name}`' for name in names)} {'is' if len(names) == 1 else 'are'}"


def _units(declaration: Response) -> str:
    """Units of the parts; those of observables of the user are relative to the unit of the observable."""
    times = "the observable times " if declaration.of_observables else ""
    groups = declaration.unit_labels
    if len(groups) == 1:
        return f"{times}{next(iter(groups))}"
    return "; ".join(f"{times}{label} for {', '.join(f'`{one}`' for one in names)}" for label, names in groups.items())
