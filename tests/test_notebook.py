"""The notebook of the documentation runs from the first cell to the last."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("pandas")

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a kernel of its own; what it shows is of the release and no cell is stored with an output."""
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs do not belong in the tree"
    done = nbclient.NotebookClient(notebook, timeout=250, resources={"metadata": {"path": tmp_path}}).execute()
    nbformat.validate(done)
    text = str([cell.get("outputs") for cell in done.cells])
    assert "covered_reviewed" in text
    assert "not reviewed" in text
    assert "coverage.xlsx" in text
    assert all(cell["outputs"] for cell in done.cells[1::1] if cell.cell_type == "code")
