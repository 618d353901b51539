"""The `for` form of a cell: the inside of a person's loop becomes the step of a `TrainingSetup`."""

from __future__ import annotations

from lr_magic.notebook.body.cell_source import CellSource, cell_source
from lr_magic.notebook.body.clause import ForClause, parse_clause, split_line
from lr_magic.notebook.body.setup import setup_from_body

__all__ = ["CellSource", "ForClause", "cell_source", "parse_clause", "setup_from_body", "split_line"]
