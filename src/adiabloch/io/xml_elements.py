"""Elements of XML files of Quantum ESPRESSO; errors name file, line and element."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn
from xml.etree import ElementTree

import numpy as np

from adiabloch.arrays import Float
from adiabloch.io.text_lines import LineReader
from adiabloch.io.text_numbers import parse_words, shown


def is_xml(text: str) -> bool:
    """True for the text of an XML file."""
    return text.lstrip("\ufeff\ufffd \n\t").startswith("<?xml")


def xml_element(file: LineReader, text: str, expected: str) -> XmlElement:
    """Root of the XML text; document types and entities are rejected.

    Parameters
    ----------
    file : LineReader
    text : str
    expected : str
        Contents of the file that are expected, for messages.

    Raises
    ------
    FileFormatError
    """
    start = text.find("<")
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        file.refuse(f"an XML document type, expected {expected}, which has none", line=1)
    try:
        return XmlElement(file, ElementTree.fromstring(text[max(start, 0) :]), expected)
    except ElementTree.ParseError as reason:
        line = 1 + text[: max(start, 0)].count("\n") + reason.position[0] - 1
        file.refuse(f"not XML ({reason}), expected {expected}", line=min(line, len(file.lines)))


@dataclass(frozen=True, eq=False)
class XmlElement:
    """Element of the XML tree; errors name it."""

    file: LineReader
    element: ElementTree.Element
    expected: str
    """Contents of the file that are expected, for messages."""
    name: str = ""

    def refuse(self, message: str) -> NoReturn:
        """Raise an error that names the file and the element."""
        self.file.refuse(f"{self.name + ': ' if self.name else ''}{message}", line=self._line())

    def _line(self) -> int:
        """Approximate line of the element: names occur once, except for those in the matrices of a star."""
        tag = f"<{self.name.rpartition('/')[2]}"
        return next((at for at, line in enumerate(self.file.lines, start=1) if self.name and tag in line), 1)

    def child(self, tag: str) -> XmlElement:
        """Child element with a tag."""
        found = self.element.find(tag)
        if found is None:
            self.refuse(f"lacks {tag}, expected {self.expected}")
        return XmlElement(self.file, found, self.expected, f"{self.name}/{tag}" if self.name else tag)

    def children(self, tag: str) -> list[XmlElement]:
        """All child elements with a tag, at least one, numbered from 1 in messages."""
        self.child(tag)
        found = enumerate(self.element.findall(tag), start=1)
        return [XmlElement(self.file, one, self.expected, f"{tag} {number}") for number, one in found]

    def text(self) -> str:
        """Text of the element."""
        return (self.element.text or "").strip()

    def numbers(self, tag: str, count: int) -> Float:
        """Read `count` numbers from a child element; the parts of complex numbers are separated by commas."""
        return self._numbers(tag, self.child(tag).text(), count)

    def numbers_attribute(self, name: str, count: int) -> Float:
        """Read `count` numbers from an attribute."""
        return self._numbers(name, self.element.get(name, ""), count)

    def integer(self, tag: str) -> int:
        """Read a positive integer from a child element."""
        return self._integer(tag, self.numbers(tag, 1)[0], 10**4)

    def integer_attribute(self, name: str, largest: int) -> int:
        """Read a positive integer from an attribute."""
        return self._integer(name, self.numbers_attribute(name, 1)[0], largest)

    def _integer(self, name: str, number: float, largest: int) -> int:
        """Convert a number to an integer from 1 to `largest`."""
        if number != round(number) or not 1 <= number <= largest:
            self.refuse(f"{name}: {number:g}, expected an integer from 1 to {largest}")
        return int(number)

    def _numbers(self, name: str, text: str, count: int) -> Float:
        """Convert a text to `count` numbers."""
        words = text.replace(",", " ").replace("(", " ").replace(")", " ").split()
        found = parse_words([words]) if words else np.zeros((1, 0))
        # comparisons with NaN are false
        if found.shape != (1, count) or not (np.abs(found) < 1e9).all():
            self.refuse(f"{name}: {shown(' '.join(words))}, expected {count} numbers")
        return np.ascontiguousarray(found[0])
