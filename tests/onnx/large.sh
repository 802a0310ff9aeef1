#!/usr/bin/env bash
# ONNX's larger tests, those of modules exported by PyTorch, and the light models, which are too large for the repository: installs the
# packages onnx and onnxruntime from PyPI into target/onnx-python, and runs the tests on what `cases.py` collects with them. The light
# models need 3 GB of memory.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder="${CARGO_TARGET_DIR:-target}"
python="$folder/onnx-python"
cases="$(mkdir -p "$folder" && cd "$folder" && pwd)/onnx-cases.safetensors"
[ -x "$python/bin/python" ] || python3 -m venv "$python"
"$python/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy safetensors
"$python/bin/python" tests/onnx/cases.py "$cases" --large
FEATUREMAP_ONNX_CASES="$cases" cargo test --release -p featuremap --features onnx --test onnx
