#!/bin/sh
# Says in one line why the Rust packet path cannot be built here, and returns 1; says
# nothing where it can.
cd "$(dirname "$0")/../native" || exit 1

if ! command -v cargo >/dev/null 2>&1 || ! command -v rustc >/dev/null 2>&1; then
    echo "there is no cargo"
    exit 1
fi
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
here=$(rustc --version | cut -d' ' -f2)
if [ "$(printf '%s\n%s\n' "$wanted" "$here" | sort -V | head -1)" != "$wanted" ]; then
    echo "rustc $here is older than $wanted, which counts as no cargo"
    exit 1
fi
