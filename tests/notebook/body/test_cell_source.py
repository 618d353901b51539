from __future__ import annotations

import linecache
from types import SimpleNamespace

import pytest
from IPython.core.compilerop import CachingCompiler

from lr_magic.notebook.body.cell_source import cell_source
from lr_magic.notebook.body.parsing import parse_body


class Recorded:
    """Stands in for the history of a shell: the cells as they were typed."""

    def __init__(self, *cells):
        self.input_hist_raw = list(cells)


@pytest.fixture
def shell():
    return SimpleNamespace(compile=CachingCompiler(), execution_count=3, history_manager=None)


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("%%lr_find for x in loader\nfirst = 1\n", 2),
        ("\n\n%%lr_find for x in loader\nfirst = 1\n", 4),
        ("%%time\n%%lr_find for x in loader\n\nfirst = 1\n", 4),
        ("%%lr_find for x in loader\n\n\n    # note\n    first = 1", 5),
    ],
)
def test_a_body_stands_on_the_lines_on_which_it_was_typed(shell, typed, line):
    body = typed[typed.index("for x in loader\n") + len("for x in loader\n") :]
    if not body.endswith("\n"):
        body += "\n"  # as the shell hands it over
    shell.history_manager = Recorded("other = 1", typed)
    source = cell_source(shell, "lr_find", "for x in loader", body)
    statement = parse_body(body, source)[0]
    assert statement.lineno == line
    assert "first = 1" in linecache.getline(source.filename, statement.lineno)


def test_a_cell_that_is_not_kept_is_put_together(shell):
    shell.history_manager = Recorded("something else")
    source = cell_source(shell, "lr_find", "for x in loader", "first = 1\n")
    assert linecache.getlines(source.filename) == ["%%lr_find for x in loader\n", "first = 1\n"]
    assert source.first_line == 2


def test_tracebacks_name_the_cell(shell):
    shell.history_manager = Recorded("%%lr_find for x in loader\nfirst = 1\n")
    source = cell_source(shell, "lr_find", "for x in loader", "first = 1\n")
    assert shell.compile.format_code_name(source.filename) == ("Cell", "In[3]")
