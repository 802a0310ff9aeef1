#!/usr/bin/env python3
"""Holds the modules of `src`, the rooms, to their map:

    python3 docs/house.py

The map is the list of rooms in CONTRIBUTING.md, from the top down, and the crate docs of src/lib.rs have the same. A room knows only what
lies below it: no path of its code, tests apart, leads up. So there is no circle either, as one would have to lead up somewhere. No two
types, tests apart, have the same name. And no file has more than 400 lines. (Functions are held to sixty by clippy: see clippy.toml.)
"""

import pathlib
import re
import sys

LINES = 400
ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"


def map_of(path, heading):
    """The rooms that the table under a heading names in its first column."""
    text = path.read_text(encoding="utf-8").split(heading + "\n", 1)[1]
    text = re.split(r"^(?://! )?#", text, maxsplit=1, flags=re.M)[0]
    return re.findall(r"^(?://! )?\| \[?`(\w+)`", text, re.M)


def items(tree):
    """The paths of a tree of imports, `a::{b, c::d}`, each as a list of its names."""
    tree, paths, depth, start = tree.strip(), [], 0, 0
    for at, character in enumerate(tree + ","):
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            part, start = tree[start:at].strip(), at + 1
            head, brace, group = part.partition("{")
            names = re.findall(r"\w+", head.split(" as ")[0])
            paths += [names + path for path in items(group.rsplit("}", 1)[0])] if brace else [names] if names else []
    return paths


def tree_at(code, start):
    """The path, or the tree of paths in braces, that begins at a place."""
    if code[start] != "{":
        return re.match(r"[\w:]*", code[start:])[0].rstrip(":")
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] == "{") - (code[at] == "}")
        if depth == 0:
            return code[start + 1 : at]
    raise ValueError("a brace is not closed")


def code_of(path):
    """What is compiled, without comments and the imports and modules of tests."""
    code = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
    tests = r"#\[cfg\((?:all\()?test[^\]]*\]\s*(?:mod \w+ \{.*?^\}|(?:mod|use)\b[^;]*;)"
    return re.sub(tests, "", code, flags=re.M | re.S)


def types_of(code):
    """The names of the types that are declared, but for associated ones: a `type` that is indented."""
    return re.findall(r"^(?! +type) *(?:pub(?:\([^)]*\))? )?(?:struct|enum|union|trait|type) (\w+)", code, re.M)


def names_of_crate():
    """In which room each name is that src/lib.rs gives out."""
    rooms = {}
    for tree in re.findall(r"^pub(?:\(crate\))? use ([^;]+);", code_of(SRC / "lib.rs"), re.M):
        names = items(tree)
        rooms |= {path[-1]: path[0] for path in names}
        rooms |= {alias: tree.split("::")[0] for alias in re.findall(r" as (\w+)", tree)}
    return rooms


def targets(code, depth):
    """The first names behind `crate::`, and behind so many `super::` that they stand at the root of the crate."""
    for match in re.finditer(r"\bcrate::|\b(?:super::)+", code):
        if match[0] == "crate::" or match[0].count("super") == depth:
            for path in items(tree_at(code, match.end())):
                yield path[0], match[0] == "crate::"


def main():
    rooms = map_of(ROOT / "CONTRIBUTING.md", "## The rooms")
    faults = []
    if map_of(SRC / "lib.rs", "//! # Crate layout") != rooms:
        faults.append("src/lib.rs: the crate layout does not name the rooms of CONTRIBUTING.md in their order")
    level = {room: -number for number, room in enumerate(rooms)}
    home = names_of_crate()
    found, declared = set(), {}
    for path in sorted(SRC.rglob("*.rs")):
        place = path.relative_to(SRC)
        parts = [part for part in place.with_suffix("").parts if part != "mod"]
        if "tests" in parts:
            continue
        name = f"src/{place.as_posix()}"
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > LINES:
            faults.append(f"{name}: {count} lines, more than {LINES}")
        for type_name in types_of(code_of(path)):
            if type_name in declared:
                faults.append(f"{name}: {type_name} is the name of a type in {declared[type_name]}, too")
            declared.setdefault(type_name, name)
        if parts == ["lib"]:
            continue
        room = parts[0]
        found.add(room)
        if room not in level:
            faults.append(f"{name}: the map has no room {room}")
            continue
        for target, is_sure in targets(code_of(path), len(parts)):
            other = target if target in level else home.get(target)
            if other in level and level[other] > level[room]:
                faults.append(f"{name}: {room} knows {target} of {other}, which lies above it")
            elif is_sure and other not in level and target != "ndarray":
                faults.append(f"{name}: crate::{target} is in no room of the map")
    faults += [f"the map has a room {room}, and src has not" for room in rooms if room not in found]
    print("\n".join(dict.fromkeys(faults)) or f"{len(rooms)} rooms, and no path leads up; {len(declared)} types of as many names")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
