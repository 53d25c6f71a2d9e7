"""Check the built documentation: links, anchors, pictures, summaries, and a page for every public name.

python tools/check_site.py docs/_build
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "extensions"))

from public_names import ABBREVIATIONS, public_names

LINKS = {"a": "href", "img": "src", "link": "href", "script": "src"}


class Page(HTMLParser):
    """Links, anchors and summaries of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.summaries: list[str] = []
        self._in_table = self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note links, anchors, and the beginning of a cell of a table of summaries."""
        found = dict(attributes)
        self.anchors.update(value for value in (found.get("id"), found.get("name")) if value)
        link = found.get(LINKS.get(tag, ""))
        if link:
            self.links.append(link)
        if tag == "table":
            self._in_table = "autosummary" in (found.get("class") or "")
        if tag == "td" and self._in_table:
            self._cell = True
            self.summaries.append("")

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a cell."""
        self._cell = self._cell and tag != "td"

    def handle_data(self, data: str) -> None:
        """Collect the text of a cell."""
        if self._cell:
            self.summaries[-1] += data


def broken_links(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Links within the site that lead nowhere."""
    for path, page in pages.items():
        for link in page.links:
            target, anchor = urldefrag(link)
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            file = (path.parent / unquote(urlsplit(target).path)).resolve() if target else path
            if not file.is_file():
                yield f"{path.relative_to(site)}: {link}: there is no such file"
            elif anchor and file in pages and unquote(anchor) not in pages[file].anchors:
                yield f"{path.relative_to(site)}: {link}: there is no such place on the page"


def cut_summaries(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Names without a summary, and summaries that are no whole sentences."""
    for path, page in pages.items():
        for name, summary in zip(page.summaries[::2], page.summaries[1::2], strict=True):
            text = summary.strip()
            if not text.endswith(".") or text.endswith(ABBREVIATIONS) or text.count("(") != text.count(")"):
                yield f"{path.relative_to(site)}: {name.split('(')[0].strip()}: the summary is cut: {text!r}"


def missing_names(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Public names without a place in the reference."""
    documented = {anchor for page in pages.values() for anchor in page.anchors}
    for name, public in public_names():
        places = {name, f"{getattr(public, '__module__', '')}.{getattr(public, '__qualname__', '')}"}
        if not places & documented:
            yield f"{name}: it is not in the reference"


def problems(site: Path) -> list[str]:
    """Everything that is wrong with a built site."""
    pages = {path.resolve(): Page(path.read_text()) for path in sorted(site.resolve().rglob("*.html"))}
    return [found for check in (broken_links, cut_summaries, missing_names) for found in check(site.resolve(), pages)]


if __name__ == "__main__":
    found = problems(Path(sys.argv[1]))
    sys.stderr.write("".join(f"{problem}\n" for problem in found))
    sys.exit(bool(found))
