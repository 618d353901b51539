"""Every word of ours against what is behind it, in JupyterLab's two themes."""

from __future__ import annotations

import pytest

from tests.browser.contrast import faint_words, wait_for_words
from tests.browser.desk import SETUP

pytestmark = pytest.mark.browser

# With something assumed, a table of epochs, coloured words, and a step that is told.
CELLS = [
    SETUP + "del criterion\n%config LrMagics.epochs = 2",
    "%lr_find --sharpness",
    "%fit_one_cycle 3 --max-lr 1e-2 --valid train_loader --metric accuracy",
    "c = %lr_compare 1e-4 1e-3 1e-2 1e-1 --steps 5",
    "%lr_find --overlay",
    "%freeze 1",
    "%fit_one_cycle 1 --max-lr 1e-2 --dry-run",
    "%lr_find --no-live",
]


def test_in_a_dark_and_in_a_light_theme(open_notebook):
    notebook = open_notebook(CELLS)
    for index in range(len(CELLS)):
        notebook.run(index)
    faint = {}
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.use_theme(theme)
        for index in range(1, len(CELLS)):
            wait_for_words(notebook.output(index), 5)
            faint |= {(theme, index, text): value for text, value in faint_words(notebook.output(index)).items()}
    assert not faint
