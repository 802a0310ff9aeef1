#!/usr/bin/env bash
# The tests that depend on the machine, on machines that are not here: the kernels, the conformance cases and the generator, with NEON
# on an emulated ARM, with simd128 in Node, and with SSE2 alone on an emulated x86.
#
#     tests/other-machines.sh            # all of them
#     tests/other-machines.sh neon       # or one: neon, simd128, sse2
#
# It needs qemu-user, gcc-aarch64-linux-gnu, clang and node, and, of rustup, the targets aarch64-unknown-linux-gnu and wasm32-wasip1. An
# emulated machine is some twenty times as slow as this one; so the tests are optimised, and the generator runs for
# FEATUREMAP_HOSTILE_SECONDS, 60 unless given.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_PROFILE_RELEASE_LTO=off CARGO_INCREMENTAL=0 PROPTEST_CASES="${PROPTEST_CASES:-16}"
export FEATUREMAP_HOSTILE_SECONDS="${FEATUREMAP_HOSTILE_SECONDS:-60}"

# Runs the tests for a target, by the runner that is set for it.
tests_on() {
    local start=$SECONDS
    printf '\n== %s\n' "$1"
    cargo test -p featuremap --release --target "$2" --lib --test conformance --test hostile
    printf '== %s: %s s\n' "$1" $((SECONDS - start))
}

neon() {
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
        tests_on neon aarch64-unknown-linux-gnu
}

# Without threads, and a panic ends all: the seed that failed is printed before.
simd128() {
    CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="-C target-feature=+simd128" \
        CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $PWD/tests/other-machines.mjs" CC_wasm32_wasip1=clang \
        tests_on simd128 wasm32-wasip1
}

# An x86 without AVX2, which has no kernels.
sse2() {
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="qemu-x86_64 -cpu Nehalem" tests_on sse2 x86_64-unknown-linux-gnu
}

if [ $# -eq 0 ]; then
    set -- neon simd128 sse2
fi
for machine in "$@"; do
    "$machine"
done
