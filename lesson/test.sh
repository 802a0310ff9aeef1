#!/usr/bin/env bash
# The lesson, built and tried in a real browser: every number that it shows against what the crate gives natively, every control, the
# keyboard, errors, times, and accessibility.
#
#     lesson/test.sh
#
# It needs the target wasm32-unknown-unknown, node, and, of Debian, chromium, which it installs where it is root; what it needs of
# npm it installs beside the tests. Where one of them cannot be had it says so, and skips.
set -euo pipefail
cd "$(dirname "$0")"

skip() {
    printf '\n== skipped: the lesson, as %s\n' "$1"
    exit 0
}

if [ ! -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)" ]; then
    rustup target add wasm32-unknown-unknown || skip "the target wasm32-unknown-unknown cannot be had"
fi
command -v npm >/dev/null || skip "npm is not there"
if ! command -v chromium >/dev/null; then
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >/dev/null ||
        skip "chromium cannot be installed"
fi
(cd test && npm install --no-package-lock --no-audit --no-fund --ignore-scripts >/dev/null) ||
    skip "playwright-core and axe-core cannot be had"

cargo fmt --all --check
cargo clippy --all-targets -- -D warnings
cargo test -p featuremap-lesson
cargo run -p featuremap-lesson --example expected -- out
cargo run -p xtask
# The scripts of the page, by the types in their comments.
test/node_modules/.bin/tsc --project test
# On one core, as the bars are for one; and before others on it where that is allowed, as times are measured.
nice --adjustment=-15 taskset --cpu-list 0 node --test --test-reporter=spec test/page.test.mjs
