"""Links from pages to the reference: names of public objects in code font, and numbers of equations."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import equations
from public_names import documented_names

NUMBER = re.compile(equations.NUMBER)
CALL = re.compile(r"(ab(?:\.\w+)+)\(")
GENERATED = "reference/generated/"
TABLE = "theory/equations"


def spellings() -> dict[str, str]:
    """Full name of each public object by the ways in which pages write it."""
    found = {}
    for full in documented_names():
        short = full.removeprefix("adiabloch.")
        for name in (full, short, f"ab.{short}", *bare_names(short)):
            found[name] = found[f"{name}()"] = full
    return found


def bare_names(short: str) -> list[str]:
    """Names without their namespace that cannot be mistaken: exceptions, and functions of files such as read_tb."""
    namespace, _, name = short.rpartition(".")
    return [name] if namespace == "errors" or (namespace == "io" and "_" in name) else []


def target(text: str, names: dict[str, str]) -> str | None:
    """Full name of the object that code names, also in a call such as ab.bands(model), or of a method."""
    call = CALL.match(text)
    name = call[1] if call else text
    owner, _, method = name.rpartition(".")
    if owner in names and method.isidentifier():
        return f"{names[owner]}.{method}"
    return names.get(name)


class Links(SphinxTransform):
    """Replace names of public objects and numbers of equations by links."""

    default_priority = 400
    names: dict[str, str] | None = None

    def apply(self, **kwargs: Any) -> None:
        """Change the document."""
        if Links.names is None:
            Links.names = spellings()
        for name in list(self.document.findall(self.is_name)):
            full = target(name.astext(), Links.names)
            if full and not isinstance(name.parent, nodes.reference | nodes.title | addnodes.pending_xref):
                name.replace_self(self.to_object(full, name))
        if self.env.docname != TABLE:
            for text in list(self.document.findall(nodes.Text)):
                if not isinstance(text.parent, nodes.literal | nodes.reference | nodes.title | nodes.math | nodes.raw):
                    self.link_equations(text)

    def is_name(self, node: nodes.Node) -> bool:
        """Code font, and in docstrings also names that Sphinx did not resolve, which it sets in italics."""
        if isinstance(node, nodes.literal):
            return True
        in_docstring = isinstance(node, nodes.emphasis) and self.env.docname.startswith(GENERATED)
        return in_docstring and ("." in node.astext() or node.astext().endswith(("Error", "Warning")))

    def to_object(self, full: str, content: nodes.Node) -> addnodes.pending_xref:
        """Link to an object in the reference."""
        return addnodes.pending_xref(
            "", content.deepcopy(), refdomain="py", reftype="obj", reftarget=full, refdoc=self.env.docname
        )

    def link_equations(self, text: nodes.Text) -> None:
        """Replace the numbers in "Eqs. (2), (3)" by links to their rows."""
        whole, parts, end = str(text), [], 0
        for phrase in equations.PHRASE.finditer(whole):
            for number in NUMBER.finditer(whole, phrase.start(), phrase.end()):
                if number[0].strip("()") in equations.ALL:
                    parts += [nodes.Text(whole[end : number.start()]), self.to_equation(number[0])]
                    end = number.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(whole[end:])])

    def to_equation(self, number: str) -> nodes.reference:
        """Link to the row of an equation."""
        target = self.env.app.builder.get_relative_uri(self.env.docname, TABLE)
        row = equations.anchor(number.strip("()"))
        return nodes.reference("", number, refuri=f"{target}#{row}", internal=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.add_transform(Links)
    return {"parallel_read_safe": True}
