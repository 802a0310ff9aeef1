#!/usr/bin/env python3
"""Draws two of the README's pictures, with Python's standard library alone.

    python3 docs/charts.py            # writes docs/window.svg and docs/speed.svg
    python3 docs/charts.py --check    # fails where a file is not what this would write

`window.svg` is the README's first program: every number in it is computed here once more. `speed.svg` has the tables of
BENCHMARKS.md, which nobody copies by hand: after a new measurement, run this again. Both have a background of their own, so
that they can be read on a dark page, too.
"""

import math
import pathlib
import re
import sys

DOCS = pathlib.Path(__file__).resolve().parent
BENCHMARKS = DOCS.parent / "BENCHMARKS.md"

# Blue and orange can be told apart by people who see fewer colours, too.
STYLE = """
text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #1f2328 }
.card { fill: #ffffff; stroke: #d1d9e0 }
.title { font-size: 16px; font-weight: 600 }
.head { font-weight: 600 }
.quiet, .small { fill: #59636e }
.small { font-size: 11px }
.line { stroke: #d1d9e0 }
.one { stroke: #59636e }
.cell { fill: #f6f8fa; stroke: #afb8c1 }
.number { font-size: 16px }
.window { fill: #0072b2; fill-opacity: 0.18; stroke: #0072b2; stroke-width: 2.5 }
.pooled { fill: #b85000; fill-opacity: 0.18; stroke: #b85000; stroke-width: 2.5 }
.slower { fill: #0072b2 }
.slower.two { fill: #6cb4dd }
.faster { fill: #c25400 }
.faster.two { fill: #eda263 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .card { fill: #0d1117; stroke: #3d444d }
  .quiet, .small { fill: #9198a1 }
  .line { stroke: #3d444d }
  .one { stroke: #9198a1 }
  .cell { fill: #151b23; stroke: #656c76 }
  .window { fill: #58a6ff; stroke: #58a6ff }
  .pooled { fill: #f0883e; stroke: #f0883e }
  .slower { fill: #388bfd }
  .slower.two { fill: #24548f }
  .faster { fill: #f0883e }
  .faster.two { fill: #9a5a2a }
}
"""


class Picture:
    """The elements of an SVG, one a line."""

    def __init__(self, width, height, title):
        self.lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label="{title}">',
            f"<title>{title}</title>",
            f"<style>{STYLE}</style>",
        ]
        self.box(0.5, 0.5, width - 1, height - 1, "card", 8)

    def box(self, x, y, width, height, kind, radius=0):
        self.lines.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}" class="{kind}"/>'
        )

    def line(self, x1, y1, x2, y2, kind):
        self.lines.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def text(self, x, y, text, kind="", anchor="start"):
        """`y` is the middle of the letters."""
        self.lines.append(
            f'<text x="{x:.1f}" y="{y:.1f}" dominant-baseline="central" text-anchor="{anchor}" class="{kind}">{text}</text>'
        )

    def svg(self):
        return "\n".join([*self.lines, "</svg>", ""])


# The README's first program.
IMAGE = [[7, 2, 3, 3, 8], [4, 5, 3, 8, 4], [3, 3, 2, 8, 4], [2, 8, 7, 2, 7], [5, 4, 4, 5, 4]]
FILTER = [[1, 0, -1], [1, 0, -1], [1, 0, -1]]
POOL = 2
CELL = 38


def slide(image, size, combine):
    """What `combine` makes of every window of `size`², at stride 1."""
    places = range(len(image) - size + 1)
    return [[combine([row[x : x + size] for row in image[y : y + size]]) for x in places] for y in places]


def signed(number):
    return f"−{-number}" if number < 0 else str(number)


def window():
    def sum_of_products(pixels):
        return sum(p * w for row, weights in zip(pixels, FILTER) for p, w in zip(row, weights))

    maps = slide(IMAGE, len(FILTER), sum_of_products)
    relu = [[max(0, value) for value in row] for row in maps]
    pooled = slide(relu, POOL, lambda pixels: max(map(max, pixels)))

    picture = Picture(860, 330, "A filter of 3×3 slides over an image of 5×5; ReLU and max pooling follow")
    middle = 160
    x = 28
    grids = [
        ("image", IMAGE, None),
        ("filter", FILTER, "∗"),
        ("feature map", maps, "="),
        ("after ReLU", relu, "→"),
        ("max pooled", pooled, "→"),
    ]
    for name, numbers, sign in grids:
        side = CELL * len(numbers)
        if sign:
            picture.text(x + 21, middle, sign, "number", "middle")
            x += 42
        top = middle - side / 2
        picture.text(x + side / 2, top - 32, name, "head", "middle")
        picture.text(x + side / 2, top - 14, f"{len(numbers)}×{len(numbers)}", "quiet", "middle")
        for row, values in enumerate(numbers):
            for column, value in enumerate(values):
                left, up = x + CELL * column, top + CELL * row
                picture.box(left, up, CELL, CELL, "cell")
                picture.text(left + CELL / 2, up + CELL / 2, signed(value), "number", "middle")
                if name == "image" and row < len(FILTER) and column < len(FILTER):
                    weight = signed(FILTER[row][column])
                    picture.text(left + CELL - 4, up + CELL - 7, f"·{weight}", "small", "end")
        marked = {"image": len(FILTER), "filter": len(FILTER), "feature map": 1, "after ReLU": POOL, "max pooled": 1}[name]
        kind = "pooled" if name in ("after ReLU", "max pooled") else "window"
        picture.box(x, top, CELL * marked, CELL * marked, kind)
        x += side

    terms = [
        f"{pixel}·({signed(weight)})" if weight < 0 else f"{pixel}·{weight}"
        for row, weights in zip(IMAGE, FILTER)
        for pixel, weight in zip(row, weights)
    ]
    picture.text(28, 286, f"{' + '.join(terms)} = {signed(maps[0][0])}")
    first = ", ".join(signed(value) for row in relu[:POOL] for value in row[:POOL])
    picture.text(28, 308, f"the largest of {first} is {pooled[0][0]}")
    picture.text(832, 308, "stride 1, no padding: (5 − 3) / 1 + 1 = 3 places a side", "quiet", "end")
    return picture.svg()


NAMES = {
    "torch": "PyTorch",
    "torchcl": "PyTorch, channels last",
    "ort": "ONNX Runtime",
    "openvino": "OpenVINO",
    "burn": "burn (flex)",
}
OTHER_COLUMNS = {"layer", "featuremap", "featuremap forward", "rate", "share", "best peer", "best peer ÷ featuremap"}
THREADS = {"One": 1, "Two": 2}
BEST = "the fastest each time"


def tables():
    """The tables of BENCHMARKS.md with a column for each library: the threads that the text says before it, and its rows
    as `{layer: {column: milliseconds}}`."""
    found, header, threads = [], None, None
    for line in BENCHMARKS.read_text(encoding="utf-8").splitlines():
        if said := re.match(r"(One|Two) threads?\b", line):
            threads = THREADS[said[1]]
        cells = [cell.strip() for cell in line.strip("| ").split("|")] if line.startswith("|") else []
        if cells[:2] == ["layer", "featuremap"] and "torch" in cells:
            header = cells
            found.append((threads, {}))
        elif header and len(cells) == len(header) and not cells[0].startswith("---"):
            rows = dict(zip(header[1:], cells[1:]))
            found[-1][1][cells[0]] = {
                name: float(value) for name, value in rows.items() if re.fullmatch(r"[0-9.]+", value) and "÷" not in name
            }
        elif not cells:
            header = None
    return found


def is_convolution(layer):
    return layer.startswith(("conv_", "dw_", "filter_"))


def is_pooling(layer):
    return layer.startswith(("max_", "avg_", "l2_", "gavg_", "gmax_", "relu_"))


def is_block(layer):
    return layer.startswith("block_")


def is_network(layer):
    return not (is_convolution(layer) or is_pooling(layer) or is_block(layer))


PANELS = [("convolutions", is_convolution), ("pooling and ReLU", is_pooling), ("whole networks", is_network)]


def mean_quotients(rows):
    """For each library, the geometric mean of its time over that of featuremap, and in how many rows that is above 1."""
    libraries = {}
    for times in rows:
        ours = times["featuremap"]
        others = {name: time / ours for name, time in times.items() if name not in OTHER_COLUMNS}
        others[BEST] = min(others.values())
        for name, quotient in others.items():
            libraries.setdefault(name, []).append(quotient)
    return {
        name: (math.exp(sum(map(math.log, quotients)) / len(quotients)), sum(q > 1 for q in quotients), len(quotients))
        for name, quotients in libraries.items()
    }


def speed():
    found = tables()
    # The first table of layers, and the first of networks, for one thread and for two.
    panels = []
    for title, belongs in PANELS:
        means = {}
        for threads, rows in found:
            chosen = [times for layer, times in rows.items() if belongs(layer)]
            whole = is_network if belongs is is_network else is_pooling
            if threads and threads not in means and chosen and any(map(whole, rows)):
                means[threads] = mean_quotients(chosen)
        if set(means) != {1, 2}:
            sys.exit(f"BENCHMARKS.md has no table of {title} for one thread and one for two")
        panels.append((title, means))

    order = [BEST, *sorted({name for _, means in panels for name in means[1]} - {BEST}, key=lambda n: rank(n, panels))]
    left, width, gap, top, row = 176, 150, 72, 96, 36
    bottom = top + row * len(order)
    low, high = 0.5, 32.0

    def place(panel, quotient):
        share = math.log(min(max(quotient, low), high) / low) / math.log(high / low)
        return left + (width + gap) * panel + width * share

    picture = Picture(860, bottom + 74, "Time of other libraries over that of featuremap")
    picture.text(20, 26, "How many times as long other libraries take", "title")
    for number, (kind, name) in enumerate([("", "one thread"), ("two", "two threads")]):
        x = 560 + 130 * number
        picture.box(x, 19, 14, 14, f"slower {kind}")
        picture.box(x + 16, 19, 14, 14, f"faster {kind}")
        picture.text(x + 36, 26, name)

    for panel, (title, means) in enumerate(panels):
        count = means[1][BEST][2]
        picture.text(place(panel, low), 58, f"{title} <tspan class='quiet'>({count})</tspan>", "head")
        for tick in (0.5, 1, 2, 4, 8, 16, 32):
            x = place(panel, tick)
            picture.line(x, top - 16, x, bottom, "one" if tick == 1 else "line")
            picture.text(x, bottom + 12, f"{tick:g}", "small", "middle")
        for number, name in enumerate(order):
            for offset, threads in ((0, 1), (15, 2)):
                y = top + row * number + offset
                if name not in means[threads]:
                    if threads == 1:
                        picture.text(place(panel, 1) + 5, y + 14, "no figure", "small")
                    continue
                quotient, won, rows = means[threads][name]
                start, end = sorted((place(panel, 1), place(panel, quotient)))
                kind = ("slower" if quotient >= 1 else "faster") + ("" if threads == 1 else " two")
                picture.box(start, y, max(end - start, 1), 13, kind)
                label = f"{quotient:.2f}" if quotient < 9.995 else f"{quotient:.1f}"
                label = f"{label} <tspan class='quiet'>· {won}/{rows}</tspan>"
                after = max(end, place(panel, 1)) + 4
                picture.text(after, y + 7, label, "small")
    for number, name in enumerate(order):
        y = top + row * number + 14
        picture.text(left - 10, y, NAMES.get(name, name), "head" if name == BEST else "", "end")
    picture.text(
        20,
        bottom + 36,
        "Geometric means of each library's time ÷ that of a plan of featuremap: blue where featuremap is the faster, orange where the other is;",
        "small",
    )
    picture.text(
        20,
        bottom + 54,
        "after the dot, in how many rows featuremap is the faster. Every row, the machines and the versions are in BENCHMARKS.md.",
        "small",
    )
    return picture.svg()


def rank(name, panels):
    """Libraries that are near come first."""
    return panels[0][1][1].get(name, (math.inf,))[0]


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    stale = []
    for name, draw in (("window.svg", window), ("speed.svg", speed)):
        path, text = DOCS / name, draw()
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
    if stale:
        sys.exit(f"docs: {' and '.join(stale)} would be drawn anew; run python3 docs/charts.py")


if __name__ == "__main__":
    main()
