"""papermill and nbconvert: the magics run to the end and leave a picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.notebook_run

DEMOS = sorted((Path(__file__).parents[2] / "demo_notebooks").glob("*.ipynb"))
QUICKSTART = next(path for path in DEMOS if path.name == "quickstart.ipynb")


def pictures(notebook: nbformat.NotebookNode) -> list[str]:
    """Sources of the code cells that left a picture."""
    return [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and any("image/png" in output.get("data", {}) for output in cell.outputs)
    ]


def run(*command: str | Path) -> None:
    subprocess.run([sys.executable, "-m", *map(str, command)], check=True, env={**os.environ, "MPLBACKEND": "agg"})


@pytest.mark.parametrize("demo", DEMOS, ids=lambda path: path.stem)
def test_demo_runs_under_nbconvert(demo, tmp_path):
    run("jupyter", "nbconvert", "--to", "notebook", "--execute", "--output-dir", tmp_path, demo)
    executed = nbformat.read(tmp_path / demo.name, as_version=4)
    assert any("%lr_find" in source for source in pictures(executed))
    assert any("fit_one_cycle" in source for source in pictures(executed))


def test_quickstart_runs_under_papermill(tmp_path):
    run("papermill", QUICKSTART, tmp_path / "out.ipynb")
    assert len(pictures(nbformat.read(tmp_path / "out.ipynb", as_version=4))) == 3


def test_a_page_made_of_the_notebook_has_the_picture_and_the_words(tmp_path):
    run("papermill", QUICKSTART, tmp_path / "out.ipynb")
    run("jupyter", "nbconvert", "--to", "html", tmp_path / "out.ipynb")
    page = (tmp_path / "out.html").read_text()
    assert len(re.findall(r"<img [^>]*src=.data:image/png", page)) == 3
    words = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "Suggested lr" in words
    assert "valid_loss" in words


def test_a_screen_reader_has_the_words_of_each_picture(tmp_path):
    run("papermill", QUICKSTART, tmp_path / "out.ipynb")
    outputs = [o for c in nbformat.read(tmp_path / "out.ipynb", 4).cells for o in c.get("outputs", ())]
    alternatives = [o["metadata"]["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})]
    assert len(alternatives) == 3
    assert "Suggested lr" in alternatives[0]
