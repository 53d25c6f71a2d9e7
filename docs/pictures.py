"""Write outputs and pictures of pages anew with the code of the pages: ``python docs/pictures.py docs/howto/bands.md``.

The first figure that a block of code draws is the picture that follows it on the page, and what the block prints is
the block of text that follows it.
"""

import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

from blocks import Block, blocks


def run(block: Block, page: Path, namespace: dict[str, Any]) -> str:
    """Run a block, and return what it prints."""
    output = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
    with contextlib.redirect_stdout(output):
        exec(code, namespace)
    return output.getvalue()


def draw(page: Path) -> None:
    """Run the blocks of a page, and write their pictures and outputs."""
    text, namespace, moved = page.read_text(), {}, 0
    new = text
    for block in blocks(text):
        plt.close("all")
        if not block.continues:
            namespace = {}
        printed = run(block, page, namespace)
        if block.output is not None:
            start, end = (place + moved for place in block.output_span)
            printed = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
            new = new[:start] + printed + new[end:]
            moved += len(printed) - len(block.output)
        if block.picture:
            target = page.parent / block.picture
            plt.figure(plt.get_fignums()[0]).savefig(target, dpi=150)
            print(target)
    page.write_text(new)


if __name__ == "__main__":
    plt.switch_backend("agg")
    pages = [Path(name).resolve() for name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for page in pages:
            draw(page)
