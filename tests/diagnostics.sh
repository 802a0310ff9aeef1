#!/usr/bin/env bash
# Lines that people type and that cannot compile: what the compiler says is to name the remedy.
#
#     tests/diagnostics.sh             # holds each message to the lines in its file that begin with `//~`
#     tests/diagnostics.sh NAME        # or shows one message
#
# They are held on the compiler that makes the crate: others may word what is theirs otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

message() {
    cargo check --quiet --package featuremap-diagnostics --example "$1" 2>&1 || true
}

if [ $# -gt 0 ]; then
    message "$1"
    exit
fi

failed=0
cargo check --quiet --package featuremap
for file in tests/diagnostics/*.rs; do
    name=$(basename "$file" .rs)
    found=$(message "$name")
    said=true
    if [[ $found != *error* ]]; then
        printf '%s compiles\n' "$file"
        said=false
    fi
    while IFS= read -r expected; do
        if [[ $found != *"$expected"* ]]; then
            printf '%s: the compiler does not say: %s\n' "$file" "$expected"
            said=false
        fi
    done < <(sed -n 's|^//~ ||p' "$file")
    if ! $said; then
        printf '%s\n\n' "$found"
        failed=1
    fi
done
[ $failed = 0 ] && echo "All messages name the remedy."
exit $failed
