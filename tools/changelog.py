"""Assemble the changelog from the fragments in `changes/`: `python tools/changelog.py VERSION DATE`, printed.

With ``--write``, the section replaces the heading of the unreleased version in `CHANGELOG.md`, and the fragments are
deleted.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = {"added": "Added", "changed": "Changed", "removed": "Removed", "fixed": "Fixed", "security": "Security"}
"""Kinds of fragments, and their headings."""


def fragments(folder: Path) -> dict[str, list[str]]:
    """Texts of all fragments by kind, each as one line.

    Raises
    ------
    ValueError
        A file whose name does not end with a known kind, or without text.
    """
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for path in sorted(folder.glob("*.md")):
        if path.name == "README.md":
            continue
        kind = path.name.split(".")[-2]
        text = " ".join(path.read_text().split())
        if kind not in KINDS or not text:
            raise ValueError(
                f"{path.name}: expected text in a file <topic>.<kind>.md, with the kind {', '.join(KINDS)}"
            )
        found[kind].append(text)
    return found


def sections(text: str) -> dict[str, str]:
    """Entries of a section of the changelog by kind.

    Raises
    ------
    ValueError
        A heading that is not that of a kind.
    """
    parts = re.split(r"^### (\w+)\n", text, flags=re.MULTILINE)
    found = {heading.lower(): body.strip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)}
    if unknown := found.keys() - KINDS.keys():
        raise ValueError(f"CHANGELOG.md: headings {sorted(unknown)}, expected {', '.join(KINDS.values())}")
    return found


def assembled(changelog: str, news: dict[str, list[str]], version: str, date: str) -> str:
    """Changelog whose unreleased section has become a version, with the fragments.

    Raises
    ------
    ValueError
        There is no unreleased section of this version.
    """
    heading = f"## {version} (unreleased)\n"
    if heading not in changelog:
        raise ValueError(f"CHANGELOG.md: expected a heading {heading.strip()!r}")
    before, rest = changelog.split(heading)
    position = rest.find("\n## ")
    own, older = (rest, "") if position < 0 else (rest[:position], rest[position:])
    known = sections(own)
    lines = [f"## {version} ({date})", ""]
    for kind, title in KINDS.items():
        entries = [known[kind]] if known.get(kind) else []
        entries += [f"- {text}" for text in news[kind]]
        if entries:
            lines += [f"### {title}", "", *entries, ""]
    return before + "\n".join(lines) + older


def main() -> None:
    """Print or write the changelog."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("date", help="date of the release, YYYY-MM-DD")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given.date):
        parser.error(f"date: {given.date!r}, expected YYYY-MM-DD")
    path, folder = ROOT / "CHANGELOG.md", ROOT / "changes"
    try:
        text = assembled(path.read_text(), fragments(folder), given.version, given.date)
    except ValueError as error:
        sys.exit(str(error))
    if not given.write:
        print(text, end="")
        return
    path.write_text(text)
    for fragment in folder.glob("*.*.md"):
        fragment.unlink()


if __name__ == "__main__":
    main()
