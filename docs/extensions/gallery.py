"""Gallery: runs `examples/gallery` when the documentation is built, and writes pictures and pages."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from adiabloch.plotting.style import project_style
from generated_pages import write_if_changed
from public_names import documented_names

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "gallery"
PAGES = ROOT / "docs" / "gallery"
SECTIONS = ("bands", "magnetization", "transport", "atoms", "studies")
"""Folders of programs in the order of the page; the heading of the README is the title of the section."""
HEAD = """# Gallery

Short programs and the pictures that they draw. All of them are run whenever this documentation is built, and each
takes a few seconds. They are the files of `examples/gallery`.
"""


@dataclass(frozen=True)
class Example:
    """A program of the gallery: its docstring is title and text of the page."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the file without its ending."""
        return self.path.stem

    @property
    def docstring(self) -> tuple[str, str]:
        """Title, and the text below it."""
        title, _, text = (ast.get_docstring(ast.parse(self.path.read_text())) or "").partition("\n")
        return title.rstrip("."), text.strip()

    @property
    def picture(self) -> Path:
        """The figure that the program draws."""
        return PAGES / f"{self.name}.png"

    @property
    def printed(self) -> Path:
        """Text that the program prints."""
        return PAGES / f"{self.name}.txt"

    def is_current(self) -> bool:
        """Picture and text are newer than the program."""
        return all(
            made.exists() and made.stat().st_mtime > self.path.stat().st_mtime for made in (self.picture, self.printed)
        )

    def run(self) -> None:
        """Run the program in an empty folder; warnings are errors."""
        plt.close("all")
        code, here, output = compile(self.path.read_text(), str(self.path), "exec"), os.getcwd(), io.StringIO()
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            stack.enter_context(contextlib.redirect_stdout(output))
            stack.enter_context(warnings.catch_warnings())
            stack.enter_context(project_style())
            warnings.simplefilter("error")
            os.chdir(folder)
            stack.callback(os.chdir, here)
            exec(code, {"__name__": "__main__"})
            plt.figure(plt.get_fignums()[0]).savefig(self.picture, dpi=120)
        plt.close("all")
        self.printed.write_text(output.getvalue())

    def page(self) -> str:
        """Page of the example in Markdown."""
        title, text = self.docstring
        source = os.path.relpath(self.path, PAGES)
        lines = [f"# {title}", "", text, "", f"![{title}]({self.picture.name})", ""]
        lines += [f"```{{literalinclude}} {source}", ":language: python", f":lines: {self.first_line()}-", "```", ""]
        if self.printed.read_text():
            lines += ["Output:", "", f"```{{literalinclude}} {self.printed.name}", ":language: text", "```", ""]
        lines += ["Reference: " + ", ".join(f"`ab.{name}`" for name in self.functions()), ""]
        return "\n".join(lines)

    def functions(self) -> list[str]:
        """Public functions that the program calls, by their names below `adiabloch`."""
        documented = {name.removeprefix("adiabloch.") for name in documented_names()}
        return sorted(documented & set(re.findall(r"\bab\.([\w.]+)", self.path.read_text())))

    def first_line(self) -> int:
        """Line after the docstring."""
        return (ast.parse(self.path.read_text()).body[0].end_lineno or 0) + 2

    def card(self) -> list[str]:
        """Card of the example in a grid."""
        return [
            f":::{{grid-item-card}} {self.docstring[0]}",
            f":link: {self.name}",
            ":link-type: doc",
            f":img-top: {self.picture.name}",
            f":img-alt: {self.docstring[0]}",
            ":::",
            "",
        ]


def examples(section: str) -> Iterator[Example]:
    """Programs of a section by name."""
    yield from (Example(path) for path in sorted((EXAMPLES / section).glob("*.py")))


def index() -> str:
    """Page with a card for each example."""
    lines, names = [HEAD], []
    for section in SECTIONS:
        title = (EXAMPLES / section / "README.md").read_text().split("\n", 1)[0]
        lines += [f"#{title}", "", "::::{grid} 1 2 3 3", ":gutter: 3", ":class-container: gallery", ""]
        for example in examples(section):
            lines += example.card()
            names.append(example.name)
        lines += ["::::", ""]
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *names, "```", ""])


def write_pages(app: Sphinx) -> None:
    """Run the programs that are newer than their pictures, and write all pages."""
    logger = logging.getLogger(__name__)
    plt.switch_backend("agg")
    PAGES.mkdir(exist_ok=True)
    for section in SECTIONS:
        for example in examples(section):
            if not example.is_current():
                began = time.perf_counter()
                try:
                    example.run()
                except Exception as error:
                    raise ExtensionError(f"{example.path} fails: {error!r}", error) from error
                logger.info("gallery: %s, %.1f s", example.name, time.perf_counter() - began)
            write_if_changed(PAGES / f"{example.name}.md", example.page())
    write_if_changed(PAGES / "index.md", index())


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_pages, priority=100)
    return {"parallel_read_safe": True}
