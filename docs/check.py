#!/usr/bin/env python3
"""Holds the pages of the documentation to what a reader sees of them, after `cargo doc --no-deps --all-features`:

    python3 docs/check.py    # target/doc/featuremap and README.md

A line of code is at most 95 columns wide: more does not fit beside the list of items, and is read by scrolling. Every page of a
type alias, a struct of this crate or a function has an example.
"""

import html.parser
import pathlib
import re
import sys

WIDTH = 95
ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ROOT / "target/doc/featuremap"
# What comes out of something else, whose example shows it.
WITHOUT_EXAMPLE = {
    *("ChannelScale", "LayerSummary", "ParallelWindows", "Pixels", "Port", "Result", "Run", "Summary", "Supported"),
    *("TapRun", "Taps", "Unmatched", "Value", "ValueInfo"),
}


class Code(html.parser.HTMLParser):
    """The text of all blocks of code; a signature, which rustdoc breaks itself, is none."""

    def __init__(self):
        super().__init__()
        self.blocks, self.inside = [], False

    def handle_starttag(self, tag, attributes):
        if tag == "pre":
            classes = (dict(attributes).get("class") or "").split()
            self.inside = "item-decl" not in classes
            if self.inside:
                self.blocks.append("")

    def handle_endtag(self, tag):
        if tag == "pre":
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.blocks[-1] += data


def main():
    pages = sorted(PAGES.rglob("*.html"))
    if not pages:
        sys.exit("there is no documentation: cargo doc --no-deps --all-features")
    faults = {}
    for page in pages:
        name = page.relative_to(PAGES).as_posix()
        text = page.read_text(encoding="utf-8")
        if 'http-equiv="refresh"' in text:
            continue  # The item is at another place.
        code = Code()
        code.feed(text)
        for line in "\n".join(code.blocks).splitlines():
            if len(line) > WIDTH:
                faults.setdefault(line, f"{name}: {len(line)} columns")
        item = re.fullmatch(r"(?:.*/)?(?:type|struct|fn)\.(\w+)\.html", name)
        if item and not code.blocks and item[1] not in WITHOUT_EXAMPLE:
            faults.setdefault(item[1], f"{name} has no example")
    inside = False
    for number, line in enumerate((ROOT / "README.md").read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
        elif inside and len(line) > WIDTH:
            faults.setdefault(line, f"README.md:{number}: {len(line)} columns")
    for line, fault in faults.items():
        print(f"{fault}\n    {line}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
