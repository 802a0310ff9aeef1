#!/usr/bin/env bash
# Fetches the text detector of PP-OCRv4 (Apache-2.0, 4.7 MB) from PyPI, where the package rapidocr-onnxruntime 1.4.4 has it, and prints
# where it lies: nothing of the package is run.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder="${CARGO_TARGET_DIR:-target}/models"
model="$folder/ch_PP-OCRv4_det_infer.onnx"
if [ ! -f "$model" ]; then
    mkdir -p "$folder"
    python3 -m pip download --quiet --no-deps --dest "$folder" rapidocr-onnxruntime==1.4.4 >&2
    python3 - "$folder" <<'END'
import glob, os, sys, zipfile

folder = sys.argv[1]
(wheel,) = glob.glob(os.path.join(folder, "rapidocr_onnxruntime-1.4.4-*.whl"))
with zipfile.ZipFile(wheel) as archive:
    model = archive.read("rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx")
with open(os.path.join(folder, "part"), "wb") as file:
    file.write(model)
os.replace(os.path.join(folder, "part"), os.path.join(folder, "ch_PP-OCRv4_det_infer.onnx"))
END
fi
echo "$model"
