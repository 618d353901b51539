"""What can go wrong, one class per situation; the magics show each as one line."""

from __future__ import annotations


class LrMagicError(Exception):
    """Base of every error raised by lr_magic itself."""


class SettingError(LrMagicError, ValueError):
    """A setting is out of its range or contradicts another one."""


class DiscoveryError(LrMagicError):
    """The notebook does not say clearly what to train; the message ends in the command that does."""


class NoSuggestionError(LrMagicError):
    """The curve carries no answer; the message says why and what would help."""


class BatchError(LrMagicError):
    """The loader yields nothing, or something that cannot be trained on."""
