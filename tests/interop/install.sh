#!/bin/sh
# Install what the interop clients need beyond the test extra, into .interop/: npm and
# PyPI packages and the Go program.  What cannot be had is left out; its cells then say
# `not installed`.  (Debian packages: tools/system.sh interop.)
set -u
cd "$(dirname "$0")/../.."
: "${PYTHON:=.venv/bin/python}" "${INTEROP_INSTALLED:=$PWD/.interop}"
clients="$PWD/tests/interop/clients"
mkdir -p "$INTEROP_INSTALLED"

missing() { echo "interop: no $1" >&2; }

npm_packages() {
    cmp -s "$clients/package.json" "$INTEROP_INSTALLED/package.json" &&
        [ -d "$INTEROP_INSTALLED/node_modules" ] && return
    cp "$clients/package.json" "$INTEROP_INSTALLED/"
    (cd "$INTEROP_INSTALLED" && npm install --no-package-lock --silent) || {
        rm -f "$INTEROP_INSTALLED/package.json"
        return 1
    }
}

python_packages() {
    [ -d "$INTEROP_INSTALLED/python/webrtc" ] || "$PYTHON" -m pip install -q \
        --disable-pip-version-check --target "$INTEROP_INSTALLED/python" wrtc==0.1.0
}

go_program() {
    built="$INTEROP_INSTALLED/pionclient"
    [ -z "$(find "$clients/pion" -newer "$built" -type f 2>/dev/null)" ] &&
        [ -x "$built" ] && return
    PATH="$PATH:/usr/local/go/bin"
    (cd "$clients/pion" && go build -o "$built" .)
}

npm_packages || missing "npm packages (werift, node-datachannel)"
python_packages || missing "PyPI package wrtc"
go_program || missing "Go program (pion)"
exit 0
