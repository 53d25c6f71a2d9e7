"""Public names of modules and classes: tab completion, and suggestions for names that are misspelt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NoReturn, TypeVar

from adiabloch.errors import did_you_mean

Kind = TypeVar("Kind")


class NoAttributeError(AttributeError):
    """Missing attribute; the most similar name is searched when the message is read, since `hasattr` never reads it."""

    def __init__(self, message: str, name: str, known: Callable[[], Iterable[str]]) -> None:
        super().__init__(message, name=name)
        self.known = known

    def __str__(self) -> str:
        return f"{super().__str__()}{did_you_mean(self.name, self.known())}"

    def __reduce__(self) -> tuple[type[AttributeError], tuple[str]]:
        return AttributeError, (str(self),)


def public_names(module: str, known: Iterable[str]) -> tuple[Callable[[str], NoReturn], Callable[[], list[str]]]:
    """Functions `__getattr__` and `__dir__` of a module: the first suggests the most similar public name."""
    names = sorted(known)

    def missing(name: str) -> NoReturn:
        raise NoAttributeError(
            f"module {module!r} has no attribute {name!r}", name, lambda: [] if name.startswith("__") else names
        )

    return missing, lambda: names


def suggests(*hidden: str) -> Callable[[type[Kind]], type[Kind]]:
    """Class decorator: misspelt attributes suggest the most similar one, and `dir` lists those that are for users.

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

        kind.__dir__ = listed  # type: ignore[method-assign]
        kind.__getattr__ = missing  # type: ignore[attr-defined]
        return kind

    return decorated


__all__ = ["NoAttributeError", "public_names", "suggests"]
