#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: pythons.sh PYTHON
# Print the interpreters to test with, one a line: PYTHON itself, then one for each other supported version that
# is found and runs. A version manager's shim may be on PATH and still refuse, so each is asked for its version.
set -eu
version='import sys; print("%d.%d" % sys.version_info[:2])'
pyenv=$( (pyenv root) 2>/dev/null || echo "${PYENV_ROOT:-$HOME/.pyenv}")

first=$("$1" -c "$version")
echo "$1"
for wanted in 3.11 3.12 3.13; do
    [ "$wanted" = "$first" ] && continue
    for candidate in "python$wanted" "/usr/bin/python$wanted" "/usr/local/bin/python$wanted" \
        "$pyenv"/versions/"$wanted".*/bin/python; do
        if [ "$("$candidate" -c "$version" 2>/dev/null)" = "$wanted" ]; then
            echo "$candidate"
            break
        fi
    done
done
