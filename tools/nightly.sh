#!/bin/sh
# What needs a nightly compiler, where one is there; without: one line.
# `tools/nightly.sh fuzz [SECONDS]`: coverage-guided input for every parser in Rust.
# `tools/nightly.sh asan`: the Rust tests with the address sanitizer.
set -eu
cd "$(dirname "$0")/.."
what=$1

if ! why=$(tools/cargo.sh); then
    echo "$what: $why"
    exit 0
fi
if ! rustc +nightly --version >/dev/null 2>&1; then
    echo "$what: there is no nightly compiler (rustup toolchain install nightly)"
    exit 0
fi
host=$(rustc -vV | sed -n 's/^host: //p')
cd native
case $what in
fuzz)
    seconds=${2:-600}
    corpus=$PWD/../.fuzz/native/corpus
    mkdir -p "$corpus"
    # the first octet of an input chooses the parser
    "${PYTHON:-python3}" ../tools/native_seeds.py "$corpus"
    # what the fuzzer steers by, and what it stops at
    RUSTFLAGS="-Zsanitizer=address -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
-Ccodegen-units=1" \
        cargo +nightly build -q --release --target "$host" --manifest-path fuzz/Cargo.toml
    "${CARGO_TARGET_DIR:-fuzz/target}/$host/release/parsers" -max_total_time="$seconds" \
        -max_len=2048 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$PWD/../.fuzz/native/" "$corpus"
    ;;
asan)
    RUSTFLAGS="-Zsanitizer=address" \
        cargo +nightly test -q --no-default-features --target "$host" --tests
    ;;
*)
    echo "fuzz or asan, not $what" >&2
    exit 2
    ;;
esac
