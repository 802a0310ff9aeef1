#!/usr/bin/env bash
# Installs the package into a fresh environment of Python, as its README says, and runs all that must pass.
#
#   python/test.sh          what is quick: a build without optimisation, the types, and small cases
#   python/test.sh --all    PyTorch, SciPy, OpenCV, Ray and the lesson, too, the package as users build it, and the examples
#
# PYTHON is the interpreter, python3 unless given. Where PyPI cannot be reached, it says so and ends without an error.
set -euo pipefail
cd "$(dirname "$0")"

all=false
case "${1:-}" in
    --all) all=true ;;
    "") ;;
    *) echo "usage: python/test.sh [--all]" >&2 && exit 2 ;;
esac

step() {
    printf '\n== %s s: %s\n' "$SECONDS" "$*"
    "$@"
}

folder="$PWD/target/environment"
rm -rf "$folder"
"${PYTHON:-python3}" -m venv "$folder"
bin="$folder/bin"
needs=(maturin mypy numpy pytest 'dask[array]')
if $all; then
    needs+=(distributed ipykernel matplotlib nbclient onnx opencv-python-headless pillow ray safetensors scipy torch xarray zarr)
fi
if ! reason="$("$bin/pip" install --quiet --disable-pip-version-check "${needs[@]}" 2>&1)"; then
    printf 'skipped: pip cannot install what the tests need: %s\n' "$(tail -n 1 <<<"$reason")"
    exit 0
fi
export PATH="$bin:$PATH"
# Compiling takes longer than a few hundred small cases do, however they are compiled.
export FEATUREMAP_PROFILE=release
$all || export FEATUREMAP_PROFILE=dev CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0
export MATURIN_PEP517_ARGS="--profile $FEATUREMAP_PROFILE"
step pip install --quiet --disable-pip-version-check --no-build-isolation .
step cargo fmt --check
step cargo clippy --profile $FEATUREMAP_PROFILE --all-targets -- -D warnings
step mypy package tests examples bench.py
if $all; then
    step python -m pytest -q -rs
    step maturin build --release --quiet
    step python bench.py
    step python examples/raster.py --size 4000
    step python examples/digits_ray.py
else
    step python -m pytest -q -rs tests/test_{stored,modules,bits}.py
    step python -m pytest -q -rs tests/test_arrays.py -k 'errors or out or written or views or environment or records'
fi
