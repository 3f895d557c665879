#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: test.sh PYTHON [fast|slow|plain|smoke]
# Test the built wheel, never the source tree, in an environment of its own for each version of Python.
#   fast   all but the slow tests, and the examples in the docstrings
#   slow   the slow tests
#   plain  what learns, with the likelihood in NumPy, as where nothing was compiled
#   smoke  what another version of Python may break, with few examples: language, imports, files in and out, the
#          command line, an estimate by each way, the laws
set -eu
python=$1
suite=${2:-fast}
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
venv=.venvs/$version
pip="$venv/bin/python -m pip --quiet --quiet --disable-pip-version-check --no-input"
wheel=$(ls dist/*.whl)
stamp=$venv/.stamp-test # everything that a test may want
[ "$suite" != smoke ] || [ "$stamp" -nt pyproject.toml ] || stamp=$venv/.stamp-smoke

if ! [ "$stamp" -nt pyproject.toml ]; then
    sh scripts/venv.sh "$python" "$venv"
    if [ "$suite" = smoke ]; then
        $pip install "$wheel[cli,report,testing]" pytest pytest-xdist pandas pyyaml
    else
        $pip install "$wheel" --group test
    fi
    touch "$stamp"
fi
$pip install --no-deps --force-reinstall "$wheel"

# One worker a core, so no worker's linear algebra may take all of them.
export OPENBLAS_NUM_THREADS=1
pytest="$venv/bin/python -m pytest -n auto --costs=15"

echo "== Python $version, $wheel, $suite tests"
case $suite in
fast)
    $pytest -m "not slow"
    echo "== Python $version, examples in the docstrings"
    "$venv/bin/python" -m pytest -n auto --doctest-modules --pyargs reconcile
    ;;
slow) $pytest -m slow ;;
plain)
    set --
    for room in arrays batches lone_counts linked_counts trees models; do
        set -- "$@" "tests/test_$room.py"
    done
    RECONCILE_KERNEL=numpy $pytest -m "not slow" "$@"
    ;;
smoke)
    set -- tests/test_laws.py::test_estimate_keeps_the_law
    for name in two_claims_are_bayes_by_hand the_readme_example the_order_of_claims_does_not_matter_to_the_last_bit; do
        set -- "$@" "tests/test_posterior.py::test_$name"
    done
    for room in project plumbing claims values vocabulary columns formats json models cli; do
        set -- "$@" "tests/test_$room.py"
    done
    $pytest --hypothesis-profile=smoke -m "not slow" "$@"
    ;;
esac
