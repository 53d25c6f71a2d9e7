"""Public names of modules and classes: tab completion, and suggestions for names that are misspelt."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, ParamSpec, TypeVar

from adiabloch.errors import CallError, did_you_mean

Kind = TypeVar("Kind")
P = ParamSpec("P")
T = TypeVar("T")


class NoAttributeError(AttributeError):
    """Missing attribute; the most similar name is searched when the message is read, since `hasattr` never reads it."""

    def __init__(self, message: str, name: str, known: Callable[[], Iterable[str]]) -> None:
        super().__init__(message, name=name)
        self.known = known

    def __str__(self) -> str:
        # of names in modules, such as "io.read_tb", the last part is compared
        places = {name.rpartition(".")[2]: name for name in reversed([*self.known()])}
        nearest = re.sub("'(.+)'", lambda name: repr(places[name[1]]), did_you_mean(self.name, places))
        return f"{super().__str__()}{nearest}"

    def __reduce__(self) -> tuple[type[AttributeError], tuple[str]]:
        return AttributeError, (str(self),)


def public_names(
    module: str, known: Iterable[str], inside: Callable[[], Iterable[str]] = list
) -> tuple[Callable[[str], NoReturn], Callable[[], list[str]]]:
    """Functions `__getattr__` and `__dir__` of a module: the first suggests the most similar public name.

    Parameters
    ----------
    module : str
        Name of the module.
    known : iterable of str
        Its public names.
    inside : callable
        Returns further names for suggestions, those in its modules, such as "io.read_tb".
    """
    names = sorted(known)

    def missing(name: str) -> NoReturn:
        def proposed() -> list[str]:
            return [] if name.startswith("__") else [*names, *inside()]

        raise NoAttributeError(f"module {module!r} has no attribute {name!r}", name, proposed)

    return missing, lambda: names


def suggests(*hidden: str) -> Callable[[type[Kind]], type[Kind]]:
    """Class decorator: misspelt attributes and arguments suggest the most similar one, `dir` lists those for users.

    Parameters
    ----------
    *hidden : str
        Public attributes for other parts of this library, which `dir` leaves out.
    """

    def decorated(kind: type[Kind]) -> type[Kind]:
        def listed(self: object) -> list[str]:
            return [name for name in object.__dir__(self) if name not in hidden]

        def missing(self: object, name: str) -> object:
            if hasattr(type(self), name):
                # an AttributeError within a property: raised again, since Python has dropped it
                return object.__getattribute__(self, name)

            def known() -> list[str]:
                return [] if name.startswith("_") else [one for one in listed(self) if not one.startswith("_")]

            raise NoAttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name, known)

        kind.__init__ = _checked_init(kind)  # type: ignore[method-assign]
        kind.__dir__ = listed  # type: ignore[method-assign]
        kind.__getattr__ = missing  # type: ignore[attr-defined]
        return kind

    return decorated


def _checked_init(kind: type[Any]) -> Callable[..., None]:
    """Constructor whose error for a wrong call is that of `checked_call`."""
    original = kind.__init__
    signature = inspect.signature(original)

    @functools.wraps(original)
    def constructed(self: object, *args: object, **kwargs: object) -> None:
        bound_arguments(kind.__name__, signature, (self, *args), kwargs)
        original(self, *args, **kwargs)

    return constructed


def checked_call(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator of a public function: the error for a wrong call names the nearest argument, and is of our family."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        bound_arguments(function.__name__, signature, args, kwargs)
        return function(*args, **kwargs)

    return called


def bound_arguments(
    name: str, signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]
) -> inspect.BoundArguments:
    """Arguments of a call by name.

    Raises
    ------
    CallError
        They do not fit the signature.
    """
    try:
        return signature.bind(*args, **named)
    except TypeError as error:
        raise CallError(_call_message(name, signature, named, error)) from None


def _call_message(name: str, signature: inspect.Signature, named: Mapping[str, Any], error: TypeError) -> str:
    """Message for a call that does not fit a signature.

    Parameters
    ----------
    name : str
        Name of the function.
    signature : inspect.Signature
    named : mapping
        Arguments given by name.
    error : TypeError
        Raised when they were bound.
    """
    unknown = [one for one in named if one not in signature.parameters]
    if "positional" in str(error):
        return f"{name}() {error}{_expected_order(signature)}"
    if not unknown:
        return f"{name}() {error}; expected {name}({_required(signature)})"
    close = did_you_mean(unknown[0], signature.parameters)
    hint = close if repr(unknown[0]) in str(error) else f"; there is no argument {unknown[0]!r}{close}"
    hint = hint or f"; expected some of {', '.join(signature.parameters)}"
    return f"{name}() {error}{hint}"


def _expected_order(signature: inspect.Signature) -> str:
    """Number of arguments that may be given without a name, and an example of one that may not."""
    kinds = [one.kind for one in signature.parameters.values()]
    by_name = [name for name, one in signature.parameters.items() if one.kind == inspect.Parameter.KEYWORD_ONLY]
    example = "tolerance=1e-3" if "tolerance" in by_name else "".join(f"{name}=..." for name in by_name[:1])
    most = f"; expected at most {kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)}"
    return f"{most}; options are given by name, as in {example}" if example else most


def _required(signature: inspect.Signature) -> str:
    """Names of the required arguments, and dots for those that may be left out."""
    empty = inspect.Parameter.empty
    names = [name for name, one in signature.parameters.items() if one.default is empty and one.kind != one.VAR_KEYWORD]
    return ", ".join(names if len(names) == len(signature.parameters) else [*names, "..."])


__all__ = ["NoAttributeError", "bound_arguments", "checked_call", "public_names", "suggests"]
