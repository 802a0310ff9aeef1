#!/usr/bin/env bash
# Builds an earlier state of the crate and the working tree into one program, and times them in turns, row by row.
#
#   benches/versus.sh [REVISION] [--threads N] [--seconds S] [PATTERN …]
#
# Without a revision it is HEAD: what has not been committed yet, beside what has.
set -euo pipefail
cd "$(dirname "$0")/.."

revision=HEAD
if [ $# -gt 0 ] && git rev-parse --quiet --verify "$1^{commit}" >/dev/null; then
    revision=$1
    shift
fi
revision=$(git rev-parse "$revision^{commit}")

# The earlier state is laid out once for each revision, so that it is not compiled again.
before=target/versus/before
if [ "$(cat "$before.revision" 2>/dev/null)" != "$revision" ]; then
    rm -rf "$before"
    mkdir -p "$before"
    git archive "$revision" | tar x -C "$before"
    # Two packages of one name need two versions.
    sed -i '0,/^version = .*/s//version = "0.0.0"/' "$before/Cargo.toml"
    echo "$revision" >"$before.revision"
fi

cargo build --release --quiet --manifest-path benches/versus/Cargo.toml --target-dir target/versus
echo "before: $(git log -1 --format='%h %s' "$revision")"
exec target/versus/release/featuremap-versus "$@"
