"""Which learning rate? Find it live in the notebook, click it, train with it."""

from __future__ import annotations

__version__ = "0.1.0"
