#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: test.sh PYTHON [fast|slow]
# Test the built wheel, never the source tree, in an environment of its own for each version of Python.
set -eu
python=$1
suite=${2:-fast}
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
venv=.venvs/$version
pip="$venv/bin/python -m pip --quiet --quiet --disable-pip-version-check --no-input"
wheel=$(ls dist/*.whl)

if ! [ "$venv/.stamp-test" -nt pyproject.toml ]; then
    sh scripts/venv.sh "$python" "$venv"
    $pip install "$wheel" --group test
    touch "$venv/.stamp-test"
fi
$pip install --no-deps --force-reinstall "$wheel"

# One worker a core, so no worker's linear algebra may take all of them.
export OPENBLAS_NUM_THREADS=1

echo "== Python $version, $wheel, $suite tests"
if [ "$suite" = slow ]; then
    code=0
    "$venv/bin/python" -m pytest -n auto -m slow || code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 5 ] # 5: no test is marked slow
else
    "$venv/bin/python" -m pytest -n auto -m "not slow"
    echo "== Python $version, examples in the docstrings"
    "$venv/bin/python" -m pytest --doctest-modules --pyargs reconcile
fi
