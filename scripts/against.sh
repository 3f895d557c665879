#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: against.sh PYTHON REF
# Build the wheel of a commit, and the present one is built already; install each in an environment of its own with the
# same versions of everything else; time one beside the other.
set -eu
python=$1
ref=$2
commit=$(git rev-parse --verify --quiet "$ref^{commit}") || {
    echo "'$ref' names no commit of this repository; name one, as: make bench-against REF=8eec1a5" >&2
    exit 1
}
home=.venvs/against
quiet="--quiet --quiet --disable-pip-version-check --no-input"

# shellcheck disable=SC2086  # $quiet is several words
install() { # ENVIRONMENT WHAT...
    environment=$1
    shift
    [ -x "$environment/bin/python" ] || sh scripts/venv.sh "$python" "$environment"
    "$environment/bin/python" -m pip $quiet install "$@"
}

mkdir -p "$home"
install "$home/now" 'pandas>=2.2' dist/*.whl
install "$home/now" --no-deps --force-reinstall dist/*.whl
"$home/now/bin/python" -m pip freeze --exclude reconcile-claims >"$home/versions.txt"
if ! [ -e "$home/$commit/.stamp" ]; then
    rm -rf "${home:?}/$commit" && mkdir -p "$home/$commit/tree"
    git archive "$commit" | tar -x -C "$home/$commit/tree"
    install "$home/$commit/env" --constraint "$home/versions.txt" 'pandas>=2.2' "./$home/$commit/tree"
    touch "$home/$commit/.stamp"
fi
"$home/now/bin/python" bench/against.py "$ref" "$home/$commit/env/bin/python" "$home/now/bin/python"
