"""The guide's code runs as it stands there, from the first block to the last."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("dask.array", reason="Dask is not installed")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(<!-- skip: .*? -->\n)?```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    run = [block for skip, block in blocks if not skip]
    for block in run:
        exec(block, names)
    assert len(run) >= 3 and len(blocks) - len(run) == 3
    assert names["scores"].shape == (8, 10) and names["out"].shape == (8, 10)
    shown = capsys.readouterr().out
    assert "[-3.  0. -2.]]" in shown and "fc (Linear)" in shown
