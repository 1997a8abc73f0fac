#!/bin/sh
# Bring .venv up to a set of pinned packages: sh requirements/install.sh run|dev
#
# Does nothing when it is there. A .venv that was left half-made, was moved, or whose Python is gone is made again.
# PYTHON names the interpreter; otherwise the first python3 that is new enough is taken.
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
    run) files="requirements/embedded.txt requirements/production.txt" size="about 750 MB" ;;
    dev) files="requirements/dev.txt" size="about 1 GB" ;;
    *) echo "usage: sh requirements/install.sh run|dev" >&2; exit 2 ;;
esac

say() { echo "sluicegate: $*" >&2; }
# Everything of `run` is in `dev`, in the same versions.
pinned() { echo "$(cat "$@" | cksum) $(.venv/bin/python -V)"; }
marked() { [ -e ".venv/.$1" ] && [ "$(cat ".venv/.$1")" = "$2" ]; }
here() {
    if marked dev "$(pinned requirements/dev.txt)"; then return; fi
    # shellcheck disable=SC2086  a list of files
    [ "$1" = run ] && marked run "$(pinned $files)"
}
sound() {
    [ ! -e .venv/.half ] && .venv/bin/python -c 'import pip' 2>/dev/null && head -n 2 .venv/bin/pip | grep -qF "$(pwd -P)/.venv/"
}
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for name in ${PYTHON:+"$PYTHON"} ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if new_enough "$name"; then echo "$name"; return; fi
    done
    say "needs Python 3.11 or later; ${PYTHON:-python3} is $({ "${PYTHON:-python3}" -V; } 2>/dev/null || echo missing)"
    say "name another with: make PYTHON=/path/to/python"
    exit 1
}

have_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

make_venv() {
    python=$(find_python)
    if ! have_venv "$python" && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing python3-venv"
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends python3-venv; } >&2
    fi
    if ! have_venv "$python"; then
        say "install python3-venv: apt-get install python3-venv"
        exit 1
    fi
    rm -rf .venv
    mkdir .venv
    touch .venv/.half
    "$python" -m venv .venv
}

mkdir -p var
if command -v flock >/dev/null; then
    exec 9>var/install.lock
    flock 9 # two at once, as of make -j: the second finds the work done
fi
if ! sound; then
    make_venv
elif here "$1"; then
    exit
fi
say "installing the packages of $files into .venv ($size; a few minutes the first time)"
touch .venv/.half
# shellcheck disable=SC2046,SC2086  a list of options
.venv/bin/python -m pip install -q --disable-pip-version-check --no-input --only-binary :all: $(printf -- ' -r %s' $files) >&2
# shellcheck disable=SC2086
pinned $files >".venv/.$1"
rm .venv/.half
