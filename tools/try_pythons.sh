#!/bin/sh
# A quick part of the tests with the lowest versions that pyproject.toml states on the lowest Python, and with the
# newest versions, every function once on every later Python that this machine has. PYTHONS="3.11 3.12" tries these only.
set -eu
here=$(pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$PYTHON" -m venv "$place/tool"
"$place/tool/bin/pip" install --quiet --disable-pip-version-check uv
uv="$place/tool/bin/uv"
lowest=3.11

# all functions of the library once
once="tests/interface/test_bad_input.py tests/interface/test_messages.py"
# files of all kinds, commands
more="tests/interface/test_inspect_command.py tests/interface/test_files_and_commands.py
    tests/interface/test_phonon_files.py tests/interface/test_si.py
    tests/models/test_mistakes.py tests/geometry/test_gaps.py tests/integration/test_simplices.py"
# time on a busy machine, the last bit, which NumPy 1 does not promise, and the figure that `make wheel` makes
without="not quick_enough and not other_processes and not test_figure1"

found() {  # the interpreter of a version: on the path, or one of pyenv's
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2> /dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

tried=0
for version in ${PYTHONS:-3.11 3.12 3.13 3.14}; do
    interpreter=$(found "$version")
    if [ -z "$interpreter" ]; then
        echo "Python $version: not on this machine, not tried"
        continue
    fi
    if [ "$version" = "$lowest" ]; then
        which=lowest resolution=lowest-direct quick="$once $more"
    else
        which=newest resolution=highest quick=$once
    fi
    echo "Python $version, $which versions:"
    "$uv" pip compile --quiet --resolution "$resolution" --only-binary :all: --python "$interpreter" --extra test \
        --output-file "$place/$version.txt" pyproject.toml
    "$uv" venv --quiet --python "$interpreter" "$place/$version"
    "$uv" pip install --quiet --python "$place/$version/bin/python" --requirement "$place/$version.txt"
    "$uv" pip install --quiet --python "$place/$version/bin/python" --no-deps "$here"
    grep -E '^(numpy|scipy|xarray|matplotlib|h5py|typer|ase|phonopy)==' "$place/$version.txt" | tr '\n' ' '
    echo
    # shellcheck disable=SC2086
    "$place/$version/bin/python" -m pytest -q -p no:cacheprovider --numprocesses auto -m "not slow" -k "$without" $quick
    tried=$((tried + 1))
done
test "$tried" -gt 0
