#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: venv.sh PYTHON DIRECTORY
# Make a virtual environment with a pip that knows dependency groups, from any Python: one that refuses to
# install outside environments (PEP 668), one without ensurepip, one without pip.
set -eu
python=$1
venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "'$python' is not a Python 3.11 or later; name one, as: make PYTHON=python3.12" >&2
    exit 1
}
rm -rf "$venv"
"$python" -m venv --without-pip "$venv"
inside=$venv/bin/python
quiet="--quiet --quiet --disable-pip-version-check --no-input"

# shellcheck disable=SC2086  # $quiet is several words
if "$python" -m pip --version >/dev/null 2>&1 && "$python" -m pip $quiet --python "$inside" install 'pip>=25.1'; then
    exit 0
elif "$inside" -m ensurepip >/dev/null 2>&1 && "$inside" -m pip $quiet install --upgrade 'pip>=25.1'; then
    exit 0
fi
rm -rf "$venv"
echo "'$python' has neither a working pip nor ensurepip (or no index can be reached)." >&2
echo "On Debian or Ubuntu: apt install python3-pip, or python3-venv; or name another Python: make PYTHON=..." >&2
exit 1
