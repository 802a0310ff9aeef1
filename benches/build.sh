#!/usr/bin/env bash
# What the crate costs to build, as a table. Nothing else should run meanwhile: times are of two cores.
#
#   benches/build.sh            everything: some ten minutes
#   benches/build.sh --exact    only what is the same on every run, and fails beyond the bars: for CI
#   benches/build.sh --peers    other crates of the kind, too
#   benches/build.sh --profiles only what layers take under the profiles that a user may have
#
# It works on a copy of the files that git knows, in target/build-cost, with target folders of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

# The bars of what is exact: bytes of machine code in the release rlib, and the share of the largest codegen unit. They hold what has
# been reached on x86-64.
text_bar=2200000
unit_bar=25

root=$PWD/target/build-cost
crate=$root/crate
rm -rf "$crate"
mkdir -p "$crate"
git ls-files -z --cached --others --exclude-standard | xargs -0 tar c 2>/dev/null | tar x -C "$crate"

# A package that depends on the copy, with this main.rs.
program() {
    mkdir -p "$root/$1/src"
    cat >"$root/$1/Cargo.toml" <<EOF
[package]
name = "$1"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
$2
EOF
    cat >"$root/$1/src/main.rs"
}

ours='featuremap = { path = "../crate" }
ndarray = "0.17"'

# Seconds that a command takes; what it prints goes to a file.
seconds() {
    local start=$EPOCHREALTIME
    "$@" >"$root/log" 2>&1 || { cat "$root/log" >&2; return 1; }
    awk -v start="$start" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.1f", end - start }'
}

row() { printf '| %s | %s |\n' "$1" "$2"; }

# A cold build of a program, its dependencies included; they are fetched before.
cold() {
    (cd "$root/$1" && cargo fetch --quiet && rm -rf target && seconds cargo build "${@:2}")
}

# A second build of the program alone.
again() {
    (cd "$root/$1" && cargo build "${@:2}" --quiet && touch src/main.rs && seconds cargo build "${@:2}")
}

# The machine code of the release rlib: its codegen units are the members of the archive.
text() {
    local units="$root/units" rlib
    rlib=$(ls -t "$root/$1/target/release/deps/"libfeaturemap-*.rlib | head -n 1)
    rm -rf "$units"
    mkdir -p "$units"
    (cd "$units" && ar x "$rlib" && size ./*.o) |
        awk 'NR > 1 { text += $1; if ($1 > largest) largest = $1 } END { printf "%d %.1f\n", text, largest * 100 / text }'
}

# The README's first program.
awk '/^```rust/ { inside = 1; next } /^```/ && inside { exit } inside' README.md | program first "$ours"

if [ "${1-}" = --exact ]; then
    (cd "$root/first" && cargo build --release --quiet)
    read -r bytes share <<<"$(text first)"
    echo "text of the rlib $bytes bytes (at most $text_bar), the largest codegen unit $share % (at most $unit_bar)"
    awk -v bytes="$bytes" -v share="$share" -v text="$text_bar" -v unit="$unit_bar" 'BEGIN { exit !(bytes <= text && share <= unit) }'
    exit
fi

# Builds the program of layers under a profile of this name, `release` or `dev`, with these settings, and moves its binary aside.
build_profile() {
    local name="$1" profile="$2" folder=release
    shift 2
    [ "$profile" = release ] || folder=debug
    (cd "$root/profiles" && env "$@" cargo build --quiet --profile "$profile" --target-dir "$root/profiles/target/$name")
    mv "$root/profiles/target/$name/$folder/profiles" "$root/profiles/$name"
    rm -r "$root/profiles/target/$name"
}

# The layers in turns: one core, nine rounds of every binary, the least of the medians of each.
if [ "${1-}" = --profiles ]; then
    program profiles "$ours" <benches/build/profiles.rs
    release=CARGO_PROFILE_RELEASE_
    build_profile default release
    build_profile lto-off release ${release}LTO=off
    build_profile lto-thin release ${release}LTO=thin
    build_profile lto-fat release ${release}LTO=fat
    build_profile one-unit release ${release}CODEGEN_UNITS=1
    build_profile opt-level-2 release ${release}OPT_LEVEL=2
    build_profile dev dev
    # What the README says to put into a Cargo.toml.
    printf '\n' >>"$root/profiles/Cargo.toml"
    sed -n '/^\[profile.dev.package.featuremap\]/,/^```/{/^```/!p}' README.md >>"$root/profiles/Cargo.toml"
    build_profile dev-optimised dev
    names='default lto-off lto-thin lto-fat one-unit opt-level-2 dev dev-optimised'
    for _ in 1 2 3 4 5 6 7 8 9; do
        for name in $names; do
            RAYON_NUM_THREADS=1 "$root/profiles/$name" | sed "s/^/$name|/"
        done
    done | awk -F '|' -v names="$names" '
        !(($1, $2) in least) || $3 < least[$1, $2] { least[$1, $2] = $3 }
        !($2 in known) { known[$2]; layers[++count] = $2 }
        END {
            split(names, profiles, " ")
            printf "| layer | default, ms |"
            for (p = 2; p in profiles; p++) printf " %s |", profiles[p]
            printf "\n| --- | ---: |"
            for (p = 2; p in profiles; p++) printf " ---: |"
            for (l = 1; l <= count; l++) {
                all = least["default", layers[l]]
                printf "\n| %s | %.4f |", layers[l], all
                for (p = 2; p in profiles; p++) printf " %.2f |", least[profiles[p], layers[l]] / all
            }
            printf "\n"
        }'
    exit
fi

echo "$(rustc --version), $(nproc) cores"
echo
echo '| what | |'
echo '| --- | ---: |'
row "the README's first program, \`cargo build\`" "$(cold first) s"
row "the same with \`--release\`" "$(cold first --release) s"
row "its binary" "$(stat -c %s "$root/first/target/release/first" | awk '{ printf "%.2f MB", $1 / 1e6 }')"
read -r bytes share <<<"$(text first)"
row "machine code of the release rlib" "$(awk -v bytes="$bytes" 'BEGIN { printf "%.2f MB", bytes / 1e6 }')"
row "its largest codegen unit" "$share %"
if command -v cargo-llvm-lines >/dev/null; then
    lines=$(cd "$crate" && cargo llvm-lines --release --lib 2>/dev/null | awk '/\(TOTAL\)/ { print $1; exit }')
    row "\`cargo llvm-lines --release --lib\`" "$lines"
fi

program every "$ours" <benches/build/every_module.rs
row "a program with every module type, again, \`cargo build\`" "$(again every) s"
row "the same with \`--release\`" "$(again every --release) s"

cd "$crate"
rm -rf target
row "\`cargo run --release --example worked_examples\`, fresh clone" "$(seconds cargo run --release --example worked_examples) s"
rm -rf target
row "\`cargo test\`, fresh clone" "$(seconds cargo test) s"
cd "$root/.."

if [ "${1-}" = --peers ]; then
    while read -r name line; do
        echo 'fn main() {}' | program "$name-peer" "$line"
        row "$name alone, \`cargo build --release\`" "$(cold "$name-peer" --release) s"
    done <<'EOF'
ndarray-conv ndarray-conv = "0.6"
candle-core candle-core = "0.11"
rten rten = "0.27"
tract-onnx tract-onnx = "0.23"
EOF
fi
