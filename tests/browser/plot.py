"""What the tests see of a bqplot figure on the page, and how they use the mouse on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator


class Plot:
    """The figure of a range test inside an output area."""

    def __init__(self, output: Locator) -> None:
        self.root = output.locator(".lr-magic-live .bqplot").first
        self.root.wait_for()

    def click_at(self, lr: float, start_lr: float = 1e-7, end_lr: float = 10.0) -> None:
        """Click in the middle of the plot's height at a learning rate."""
        self.root.scroll_into_view_if_needed()
        area = self._axis_box()
        fraction = math.log(lr / start_lr) / math.log(end_lr / start_lr)
        page = self.root.page
        page.mouse.click(area["x"] + fraction * area["width"], area["y"] - 100)

    def smoothed_path(self) -> Locator:
        """The line of the smoothed losses."""
        return self.root.locator("path.line").nth(1)

    def num_points(self) -> int:
        """Number of points of the smoothed curve."""
        return (self.smoothed_path().get_attribute("d") or "").count(",")

    def _axis_box(self) -> dict[str, float]:
        """Box of the learning-rate axis on the page: its domain line spans exactly the sweep."""
        box = self.root.locator("g.axis").first.locator("path.domain").bounding_box()
        assert box is not None
        return box
