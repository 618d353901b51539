"""A command to be run in another cell, with a button that copies it."""

from __future__ import annotations

from pathlib import Path

import anywidget
from traitlets import Unicode


class CommandLine(anywidget.AnyWidget):
    """A line of code to copy; it is not there while `command` is empty."""

    _esm = Path(__file__).with_name("command_line.js")

    label = Unicode("Train with it:").tag(sync=True)
    """What stands before the command."""

    command = Unicode().tag(sync=True)
    """The command."""
