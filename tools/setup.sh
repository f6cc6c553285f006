#!/bin/sh
# Create the virtual environment and install the project into it, within constraints.txt.
set -eu
cd "$(dirname "$0")/.."
: "${PYTHON:=python3}" "${VENV:=.venv}"

fail() { echo "setup: $*" >&2; exit 2; }

command -v "$PYTHON" >/dev/null 2>&1 || fail "no $PYTHON; install Python 3.11 or newer"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$PYTHON" --version) is too old: Python 3.11 or newer is needed (make PYTHON=python3.12)"

if ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        apt-get update -q >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv >/dev/null
    else
        fail "no venv module; type: sudo apt-get install python3-venv"
    fi
fi

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"

# libp2p brings fastecdsa, for which there is no wheel
compiles() {
    "$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))' |
        { read -r include; printf '#include <Python.h>\n#include <gmp.h>\n' |
            "${CC:-cc}" -I"$include" -E - >/dev/null 2>&1; }
}
if ! "$VENV/bin/python" -c 'import fastecdsa' 2>/dev/null && ! compiles; then
    packages="gcc libc6-dev libgmp-dev python3-dev"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "setup: installing Debian packages: $packages"
        apt-get update -q >/dev/null
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q $packages >/dev/null
    else
        fail "a C compiler, Python's and GMP's headers are needed; type: sudo apt-get install $packages"
    fi
fi
echo "setup: installing into $VENV (once)"
# crates that cannot be had must not hold anybody up
export CARGO_NET_RETRY="${CARGO_NET_RETRY:-1}" CARGO_HTTP_TIMEOUT="${CARGO_HTTP_TIMEOUT:-15}"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check \
    -c constraints.txt -e '.[test,dev]' || fail "pip could not install the project, see above"
if why=$(tools/cargo.sh); then
    [ -e meshnode/_native.abi3.so ] || echo "setup: cargo could not build the packet path in Rust; \`make native\` shows why"
else
    echo "setup: $why, so the packet path in Python serves alone"
fi
