"""Draws the page that find_text reads, and what ONNX Runtime makes of it: `python reference.py MODEL`, with Pillow, NumPy and
onnxruntime. Both are in examples/data/find_text."""

import os
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageFont

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "find_text")
LINES = [
    (32, 24, 34, "Where is the text?"),
    (32, 96, 20, "A network looks at every pixel of this page"),
    (32, 132, 20, "and says how likely it is part of a line."),
    (330, 190, 26, "Two columns,"),
    (32, 190, 26, "one to the left"),
    (330, 230, 26, "one to the right"),
    (60, 276, 15, "and a small one at the bottom"),
]


def page():
    picture = Image.new("L", (576, 320), 236)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((32, 76, 544, 79), fill=120)
    for x, y, size, text in LINES:
        draw.text((x, y), text, fill=30, font=ImageFont.load_default(size))
    return picture


def main():
    picture = page()
    picture.save(os.path.join(DATA, "page.png"), optimize=True)
    pixels = np.asarray(picture, np.float32) / 255
    image = np.broadcast_to((pixels - 0.5) / 0.5, (1, 3, *pixels.shape)).astype(np.float32)
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    (map_,) = session.run(None, {"x": image})
    # Numbers from 0 to 1 in 16 bits, each the nearest.
    bits = np.rint(map_[0, 0].astype(np.float64) * 65535).astype(np.uint16)
    Image.fromarray(bits).save(os.path.join(DATA, "map.png"), optimize=True)


main()
