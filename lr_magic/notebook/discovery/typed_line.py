"""The line that a person would type: the way out that a question ends in."""

from __future__ import annotations

MODEL = "--model"
_WITH_CELL_FORM = ("lr_find", "fit_one_cycle")


def typed_line(magic: str, option: str, value: str) -> str:
    """Return a magic with one option; the model is `%lr_find`'s argument, and an option everywhere else.

    >>> typed_line("lr_find", MODEL, "net"), typed_line("fit_one_cycle", MODEL, "net")
    ('%lr_find net', '%fit_one_cycle --model net')
    """
    if option == MODEL and magic == "lr_find":
        return f"%{magic} {value}"
    return f"%{magic} {option} {value}"


def cell_magic(magic: str) -> str:
    """Return the magic for above a cell: `%%lr_find` says what a cell trains where a magic has no such form.

    >>> cell_magic("fit_one_cycle"), cell_magic("lr_compare")
    ('%%fit_one_cycle', '%%lr_find')
    """
    return f"%%{magic if magic in _WITH_CELL_FORM else 'lr_find'}"
