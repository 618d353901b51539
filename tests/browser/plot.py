"""What the tests see of a bqplot figure on the page, and how they use the mouse on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


# The longest line of the figure is the curve; the others mark levels and choices.
_NUM_POINTS = """
(root) => Math.max(0, ...[...root.querySelectorAll('path.line')].map(
    (path) => (path.getAttribute('d') ?? '').split(',').length - 1))
"""

_NUM_LINES = """
(root) => [...root.querySelectorAll('path.line')].filter(
    (path) => path.checkVisibility() && path.getBoundingClientRect().width > 1).length
"""


class Plot:
    """The figure of a range test inside an output area."""

    def __init__(self, output: Locator) -> None:
        self.root = output.locator(".lr-magic-live .bqplot").first
        self.root.wait_for()

    def click_at(self, lr: float) -> None:
        """Click on the plot at a learning rate."""
        self.root.page.mouse.click(*self._point(lr))

    def num_points(self) -> int:
        """Number of points of the curve."""
        return int(self.root.evaluate(_NUM_POINTS))

    def wait_for_points(self, num_points: int) -> None:
        """Wait until the curve has more points than that."""
        self.root.page.wait_for_function(
            f"([root, n]) => ({_NUM_POINTS})(root) > n", arg=[self.root.element_handle(), num_points]
        )

    def num_lines(self) -> int:
        """Number of lines that are seen."""
        return int(self.root.evaluate(_NUM_LINES))

    def wait_for_lines(self, num_lines: int) -> None:
        """Wait until exactly so many lines are seen."""
        self.root.page.wait_for_function(
            f"([root, n]) => ({_NUM_LINES})(root) === n", arg=[self.root.element_handle(), num_lines]
        )

    def wait_for_brush(self, *, is_there: bool = True) -> None:
        """Wait until a range can be dragged, or cannot any more."""
        brush = self.root.locator(".selector, .brushintsel, .brush").first
        brush.wait_for(state="attached" if is_there else "detached")

    def drag(self, low: float, high: float) -> None:
        """Drag from one learning rate to another with the mouse button down."""
        start, end = self._point(low), self._point(high)
        mouse = self.root.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, start[1], steps=5)
        mouse.move(*end, steps=5)
        mouse.up()

    def _point(self, lr: float) -> tuple[float, float]:
        """Place of a learning rate on the page, somewhat above the axis."""
        self.root.scroll_into_view_if_needed()
        area = self._axis_box()
        labels = self.root.locator("g.axis").first.locator("g.tick text")
        start_lr, end_lr = (
            float((end.text_content() or "").replace("\u2212", "-")) for end in (labels.first, labels.last)
        )
        fraction = math.log(lr / start_lr) / math.log(end_lr / start_lr)
        return area["x"] + fraction * area["width"], area["y"] - 100

    def _axis_box(self) -> dict[str, float]:
        """Box on the page between the ticks of the lowest and the highest decade."""
        ticks = self.root.locator("g.axis").first.locator("g.tick line")
        first, last = ticks.first.bounding_box(), ticks.last.bounding_box()
        assert first is not None
        assert last is not None
        return {"x": first["x"], "y": first["y"], "width": last["x"] - first["x"]}


def tooltip_of(page: Page, text: str) -> Locator:
    """The tooltip with a text; bqplot puts it beside the notebook, not into it."""
    return page.locator(".bqplot_mark_tooltip").get_by_text(text).first
