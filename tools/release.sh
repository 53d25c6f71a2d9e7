#!/bin/sh
# A release without its last step: changelog, source distribution and wheel built twice with the same bytes, checked and
# installed from both. Nothing is tagged or uploaded. Usage: make release [DATE=2026-12-31]
set -eu
date=${DATE:-$(date +%F)}
version=$("$BIN/python" -c 'from adiabloch.version import __version__; print(__version__)')
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

"$BIN/python" tools/changelog.py "$version" "$date" > "$place/CHANGELOG.md"
echo "changelog of $version ($date): $(grep -c '^- ' "$place/CHANGELOG.md") entries"

"$PYTHON" -m venv "$place/tool"
"$place/tool/bin/pip" install --quiet --disable-pip-version-check build twine
# the time in archives is that of the last commit
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
for turn in first second; do
    git archive --prefix="$turn/" HEAD | tar -x -C "$place"
    (cd "$place/$turn" && "$place/tool/bin/python" -m build --outdir "$place/$turn-dist" . > "$place/$turn.log") ||
        { tail -20 "$place/$turn.log"; exit 1; }
done
for file in "$place"/first-dist/*; do
    cmp "$file" "$place/second-dist/$(basename "$file")"
done
echo "both builds have the same bytes: $(cd "$place/first-dist" && echo *)"
"$place/tool/bin/twine" check --strict "$place"/first-dist/*

for file in "$place"/first-dist/*; do
    "$PYTHON" -m venv "$place/try"
    "$place/try/bin/pip" install --quiet --disable-pip-version-check "$file"
    (cd "$place" && test "$("$place/try/bin/python" -c 'import adiabloch; print(adiabloch.__version__)')" = "$version")
    rm -rf "$place/try"
done
(cd "$place/first-dist" && sha256sum -- *)
cat <<TEXT
Next: python tools/changelog.py $version $date --write; commit; git tag v$version; upload the files; put the SHA-256 sum
of the source distribution into packaging/conda/recipe.yaml.
TEXT
