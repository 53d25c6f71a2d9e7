"""Draw the pictures of a page anew with the code of the page: ``python docs/pictures.py docs/bands.md``.

The last axes of each block of code are the picture that follows it on the page.
"""

import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt

BLOCK = re.compile(r"```python[^\n]*\n(.*?)```\s*(?:!\[[^\]]*\]\((_static/[^)]*\.png)\))?", re.DOTALL)


def draw(page: Path) -> None:
    """Run the blocks of a page that are followed by a picture, and write these pictures."""
    for code, picture in BLOCK.findall(page.read_text()):
        if not picture:
            continue
        plt.close("all")
        exec(compile(code, str(page), "exec"), {})
        # an animation has a figure of its own
        plt.figure(plt.get_fignums()[0]).savefig(page.parent / picture, dpi=150)
        print(page.parent / picture)


if __name__ == "__main__":
    plt.switch_backend("agg")
    for name in sys.argv[1:]:
        draw(Path(name))
