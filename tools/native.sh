#!/bin/sh
# The Rust packet path, where cargo is there: lint, its own tests, and the extension in
# place, so that tests/native can compare it with the reference.  Without cargo: one line.
set -eu
cd "$(dirname "$0")/../native"

if ! command -v cargo >/dev/null 2>&1; then
    echo "native: no cargo, so the comparison of Rust with Python is left out"
    exit 0
fi
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
here=$(rustc --version | cut -d' ' -f2)
if [ "$(printf '%s\n%s\n' "$wanted" "$here" | sort -V | head -1)" != "$wanted" ]; then
    echo "native: rustc $here is older than $wanted, which counts as no cargo"
    exit 0
fi
cargo fmt --check
cargo clippy -q --all-targets -- -D warnings
cargo test -q --no-default-features
cargo build -q
cp "${CARGO_TARGET_DIR:-target}/debug/libmeshnode_native.so" ../meshnode/_native.abi3.so
