"""The cell form: a whole training cell, run as it stands; where it is only measured, nothing of it remains."""

from __future__ import annotations

from lr_magic.notebook.shadow.names import names_put_back
from lr_magic.notebook.shadow.read_cell import whole_cell
from lr_magic.notebook.shadow.whole_cell import WholeCell

__all__ = ["WholeCell", "names_put_back", "whole_cell"]
