"""Takes the README's pictures: runs the quickstart in a real JupyterLab and photographs it.

Run from the repository's root: ``.venv/bin/python -m docs.take_pictures``
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.desk import SETUP
from tests.browser.lab_server import jupyter_server, write_notebook
from tests.browser.notebook_page import NotebookPage
from tests.browser.plot import Plot
from tests.browser.test_first_light import QUICKSTART, code_cells

PICTURES = Path(__file__).parent / "pictures"
SLOW = [f"{SETUP}\nDigits.delay_s = 0.002", "%lr_find"]


def main() -> None:
    """Write every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        root = Path(folder)
        write_notebook(root / "slow.ipynb", SLOW)
        write_notebook(root / "quickstart.ipynb", code_cells(QUICKSTART))
        with jupyter_server(root, "lab") as address:
            page = browser.new_page(viewport={"width": 1240, "height": 1500})
            during(NotebookPage(page, address, "lab", root / "slow.ipynb"))
            page = browser.new_page(viewport={"width": 1240, "height": 1500})
            quickstart(NotebookPage(page, address, "lab", root / "quickstart.ipynb"))


def during(notebook: NotebookPage) -> None:
    """The sweep while it runs."""
    notebook.run(0)
    notebook.start(1)
    Plot(notebook.output(1)).wait_for_points(30)
    notebook.output(1).screenshot(path=PICTURES / "lr_find_running.png")
    notebook.wait_until_done()


def quickstart(notebook: NotebookPage) -> None:
    """The finished sweep, a choice on it, and the training."""
    for index in range(3):
        notebook.run(index)
    Plot(notebook.output(2)).click_at(5e-3)
    notebook.page.get_by_text("Chosen: lr").first.wait_for()
    notebook.output(2).screenshot(path=PICTURES / "lr_find.png")
    notebook.run(4)
    notebook.output(4).screenshot(path=PICTURES / "fit_one_cycle.png")


if __name__ == "__main__":
    main()
