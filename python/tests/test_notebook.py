"""The lesson runs from its first cell to its last, and shows its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "notes.ipynb"


@pytest.mark.filterwarnings("default")
def test_the_lesson() -> None:
    for needed in ("matplotlib", "ipykernel"):
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 9
    text = "".join(output.get("text", "") for output in outputs)
    assert "2·1 + 3·0 + 3·(-1)" in text.replace("(1)", "1").replace("(0)", "0")
