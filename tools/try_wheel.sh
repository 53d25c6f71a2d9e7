#!/bin/sh
# Build the wheel and use it as a stranger would: in empty environments, far from the sources.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$BIN/pip" wheel --quiet --no-deps --wheel-dir "$place" .
wheel=$(ls "$place"/adiabloch-*.whl)
cd "$place"

echo "with the commands:"
"$PYTHON" -m venv full
full/bin/pip install --quiet "$wheel[cli]"
full/bin/adiabloch figure1 --fast --output figures
for kind in pdf png nc md; do test -s "figures/figure1.$kind"; done

echo "the core alone:"
"$PYTHON" -m venv core
core/bin/pip install --quiet "$wheel"
core/bin/python - <<'PYTHON'
import adiabloch as ab

cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
pumped = ab.pumped_magnetization(cycle, occupied=1)
assert abs(float(pumped.total[0]) - 6.8900828e-4) < 1e-9, pumped
print("pumped magnetization", float(pumped.total[0]))
PYTHON
status=0
core/bin/adiabloch 2> said || status=$?
test "$status" -eq 2 && test "$(wc -l < said)" -eq 1 && grep "adiabloch\[cli\]" said
