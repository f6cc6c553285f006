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

# packages of $1/package.json into $2
npm_packages() {
    mkdir -p "$2"
    cmp -s "$1/package.json" "$2/package.json" && [ -d "$2/node_modules" ] && return
    cp "$1/package.json" "$2/"
    (cd "$2" && npm install --no-package-lock --silent) || {
        rm -f "$2/package.json"
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

npm_packages "$clients" "$INTEROP_INSTALLED" ||
    missing "npm packages (werift, node-datachannel)"
npm_packages "$clients/js-libp2p" "$INTEROP_INSTALLED/js-libp2p" ||
    missing "npm packages of js-libp2p"
python_packages || missing "PyPI package wrtc"
go_program || missing "Go program (pion)"
exit 0
