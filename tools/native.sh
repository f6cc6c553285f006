#!/bin/sh
# The Rust packet path, where cargo is there: lint, its own tests, and the extension in
# place, for `--plane native` and for tests/native.  Without cargo: one line.
# `tools/native.sh build` only builds.
set -eu
cd "$(dirname "$0")/.."

if ! why=$(tools/cargo.sh); then
    echo "native: $why, so the packet path in Rust is left out"
    exit 0
fi
cd native
if [ "${1:-}" != build ]; then
    cargo fmt --check
    cargo clippy -q --all-targets -- -D warnings
    cargo test -q --no-default-features
fi
cargo build -q --release
# why by way of another name: a node that runs has the old one in its memory
cp "${CARGO_TARGET_DIR:-target}/release/libmeshnode_native.so" ../meshnode/_native.abi3.so.new
mv ../meshnode/_native.abi3.so.new ../meshnode/_native.abi3.so
cd ..
# what it is and what its stub says
if [ "${1:-}" != build ] && [ -x .venv/bin/stubtest ]; then
    .venv/bin/stubtest --mypy-config-file pyproject.toml meshnode._native
fi
