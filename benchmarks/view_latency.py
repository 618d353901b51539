"""How soon a run reacts to the mouse, in a real browser: ``python -m benchmarks.view_latency [clicks]``."""

from __future__ import annotations

import ast
import random
import re
import sys
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.live_page import TRAINING, LivePage, live_pages
from benchmarks.results_page import machine, table, write_section
from tests.browser.conftest import FRONT_ENDS
from tests.browser.plot import Plot

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

NUM_CLICKS = 40
SWEEP = "%lr_find --num-steps 100000 --no-stop"

# The moment at which the loop itself has read a command, or drawn a click; both clocks are this machine's.
STAMPS = """
import time
from lr_magic.notebook.views.choice_marks import ChoiceMarks
from lr_magic.pure.control import RunControl
reactions = []

def receive_and_note(self, receive=RunControl.receive):
    command = receive(self)
    if command is not None:
        reactions.append(time.time())
    return command

def draw_and_note(self, lr, lr_range=None, draw=ChoiceMarks.draw_choice):
    if lr is not None:
        reactions.append(time.time())
    return draw(self, lr, lr_range)

RunControl.receive = receive_and_note
ChoiceMarks.draw_choice = draw_and_note
"""

LISTEN = """
() => {
    window.clicked = [];
    window.addEventListener('click', (event) => {
        window.clicked.push((Date.now() - performance.now() + event.timeStamp) / 1000);
    }, true);
}
"""


def main() -> None:
    """Measure every case and write the section."""
    num_clicks = int(sys.argv[1]) if len(sys.argv) > 1 else NUM_CLICKS
    rows = []
    with live_pages() as open_page:
        for app, kernel in FRONT_ENDS:
            page = open_page(app, kernel)
            page.run(TRAINING)
            page.run(STAMPS)
            page.page.evaluate(LISTEN)
            version = page.ask("__import__('ipykernel').__version__")
            for name, measure in (("Stop", stops), ("Pause, Resume", pauses), ("click on the curve", curve_clicks)):
                row = [app, version, name, *in_words(measure(page, num_clicks))]
                print(*row, flush=True)
                rows.append(row)
            page.notebook.shut_down()
            page.page.close()
    write_section(
        "latency",
        f"""
## From the mouse to the run

{machine()}; a sweep with steps of 10 ms on one thread, Chromium on the same machine. From the mouse event in the
page to the moment when the loop has acted on it. `python -m benchmarks.view_latency`.

{table(["app", "ipykernel", "what", "clicks", "lost", "median", "95th percentile", "longest"], rows)}
""",
    )


def stops(page: LivePage, num_clicks: int) -> np.ndarray:
    """Seconds from each click on Stop to the loop; one run each."""
    begin(page)
    for _ in range(num_clicks):
        output = page.start(SWEEP)
        Plot(output).wait_for_points(2)
        wait_somewhat(page.page)
        press(output, "Stop")
        page.wait()
    return reaction_times(page)


def pauses(page: LivePage, num_clicks: int) -> np.ndarray:
    """Seconds from each click on Pause or Resume to the loop."""
    begin(page)
    output = running(page)
    for number in range(num_clicks):
        press(output, "Resume" if number % 2 else "Pause")
        output.get_by_role("button", name=re.compile("Pause$" if number % 2 else "Resume$")).wait_for()
        wait_somewhat(page.page)
    return reaction_times_after_stop(page, output)


def curve_clicks(page: LivePage, num_clicks: int) -> np.ndarray:
    """Seconds from each click on the plot to the choice being drawn."""
    begin(page)
    output = running(page)
    plot = Plot(output)
    for _ in range(num_clicks):
        plot.click_at(10 ** random.uniform(-6.5, 0.5))
        wait_somewhat(page.page, at_least_ms=600)
    return reaction_times_after_stop(page, output)


def running(page: LivePage) -> Locator:
    output = page.start(SWEEP)
    Plot(output).wait_for_points(2)
    return output


def begin(page: LivePage) -> None:
    page.run("reactions.clear()")
    page.page.evaluate("() => { window.clicked = []; }")


def press(output: Locator, name: str) -> None:
    output.get_by_role("button", name=re.compile(f"{name}$")).click()


def wait_somewhat(page: Page, at_least_ms: float = 200) -> None:
    """Clicks are to fall anywhere between two redraws."""
    page.wait_for_timeout(at_least_ms + random.uniform(0, 200))


def reaction_times_after_stop(page: LivePage, output: Locator) -> np.ndarray:
    press(output, "Stop")
    page.wait()
    return reaction_times(page)


def reaction_times(page: LivePage) -> np.ndarray:
    """(n,) seconds from each click to the first reaction before the next click; NaN where there was none."""
    clicked = page.page.evaluate("() => window.clicked")
    reacted = ast.literal_eval(page.ask("reactions"))
    ends = [*clicked[1:], float("inf")]
    first = [
        next((moment for moment in reacted if begin <= moment < end), np.nan)
        for begin, end in zip(clicked, ends, strict=True)
    ]
    return np.array(first) - np.array(clicked)


def in_words(seconds: np.ndarray) -> list[str]:
    seen = seconds[np.isfinite(seconds)]
    middle, high, longest = (f"{1000 * np.quantile(seen, q):.0f} ms" for q in (0.5, 0.95, 1.0))
    return [str(len(seconds)), str(len(seconds) - len(seen)), middle, high, longest]


if __name__ == "__main__":
    main()
