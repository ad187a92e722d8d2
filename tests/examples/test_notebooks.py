"""The notebooks run from their first cell to their last, and show what they show in the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.example_runs import EXAMPLES
from fixtures.frameworks import require

require("nbclient", "nbformat", "ipykernel", "tokenizers")

NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SECONDS = 300  # a cell, on a busy machine


def test_there_are_two_and_the_page_tells_of_them() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 2
    for path in NOTEBOOKS:
        assert f"`{path.name}`" in page


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    shown = [_kinds(cell) for cell in notebook.cells]
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    assert [_kinds(cell) for cell in notebook.cells] == shown


def _kinds(cell: dict) -> list[str]:
    """What a cell shows, by kind: figures differ from one Python's standard library to the next."""
    return [output["output_type"] for output in cell.get("outputs", [])]
