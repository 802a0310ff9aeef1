#!/usr/bin/env bash
# The tests that depend on the machine, on machines that are not here: the kernels, the conformance cases and the generator, with NEON
# on an emulated ARM, with simd128 and without vectors in Node, and on emulated x86s with AVX2 and no AVX-512, and with neither.
#
#     tests/other-machines.sh            # all of them
#     tests/other-machines.sh neon       # or some: neon, simd128, avx2, sse2, scalar
#
# It needs qemu-user, gcc-aarch64-linux-gnu, clang and node, and, of rustup, the targets aarch64-unknown-linux-gnu and wasm32-wasip1. An
# emulated machine is some twenty times as slow as this one; so the tests are optimised, and the generator runs for
# FEATUREMAP_HOSTILE_SECONDS, 60 unless given. It says how many cases it has tried; FEATUREMAP_HOSTILE_START has it begin elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_PROFILE_RELEASE_LTO=off CARGO_INCREMENTAL=0 PROPTEST_CASES="${PROPTEST_CASES:-16}"
export FEATUREMAP_HOSTILE_SECONDS="${FEATUREMAP_HOSTILE_SECONDS:-60}"

# Runs the tests for a target, by the runner that is set for it.
tests_on() {
    local start=$SECONDS
    printf '\n== %s\n' "$1"
    cargo test -p featuremap --release --target "$2" --lib --test conformance
    cargo test -p featuremap --release --target "$2" --test hostile -- --nocapture
    printf '== %s: %s s\n' "$1" $((SECONDS - start))
}

neon() {
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
        tests_on neon aarch64-unknown-linux-gnu
}

# Without threads, and a panic ends all: the seed that failed is printed before.
in_node() {
    CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="$2" \
        CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $PWD/tests/other-machines.mjs" CC_wasm32_wasip1=clang \
        tests_on "$1" wasm32-wasip1
}

simd128() {
    in_node simd128 "-C target-feature=+simd128"
}

# The kernels as numbers without vectors: every x86 has some.
scalar() {
    in_node scalar ""
}

x86() {
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="qemu-x86_64 -cpu $2" tests_on "$1" x86_64-unknown-linux-gnu
}

avx2() {
    x86 avx2 Haswell
}

# An x86 without AVX2, which has no kernels.
sse2() {
    x86 sse2 Nehalem
}

if [ $# -eq 0 ]; then
    set -- neon simd128 avx2 sse2 scalar
fi
for machine in "$@"; do
    "$machine"
done
