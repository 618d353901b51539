"""Finds what a notebook wants to train: namespace and history in, setup and findings out."""

from __future__ import annotations

from lr_magic.notebook.discovery.discover import discover
from lr_magic.notebook.discovery.request import Discovered, DiscoveryRequest

__all__ = ["Discovered", "DiscoveryRequest", "discover"]
