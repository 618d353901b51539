"""Whether a page that is closed or slow slows the run down: ``python -m benchmarks.view_watched [rounds]``."""

from __future__ import annotations

import ast
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.live_page import TRAINING, LivePage, live_pages
from benchmarks.results_page import machine, table, write_section
from tests.browser.plot import Plot

if TYPE_CHECKING:
    from collections.abc import Callable

NUM_ROUNDS = 5
COMMAND = "start = now()\nh = %fit_one_cycle --steps 400 --max-lr 1e-3{options}"
NOTE = "\nseconds = tuple(end - begin for begin, end in zip(start, now()))"

# Beside the time of the whole run, which changes with the machine's mood, the time that passes within the view's calls:
# a front end that held the kernel up would show there.
WATCH = """
from lr_magic.notebook.views.live_fit import LiveFit
taken = [0.0]

def now():
    return time.perf_counter(), time.process_time(), taken[0]

def watched_step(self, record, on_step=LiveFit.on_step):
    begin = time.perf_counter()
    on_step(self, record)
    taken[0] += time.perf_counter() - begin

LiveFit.on_step = watched_step
"""


def main() -> None:
    """Measure every case in turn, some rounds, and write the section."""
    num_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else NUM_ROUNDS
    seconds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CASES}
    with live_pages() as open_page:
        page = open_page("lab", "python3")
        page.run(TRAINING)
        page.run(WATCH)
        for _ in range(num_rounds):
            for name, case in CASES.items():
                case(page)
                seconds[name].append(ast.literal_eval(page.ask("seconds")))
                print(name, seconds[name][-1], flush=True)
        page.notebook.shut_down()
    rows = [[name, *in_words(each, next(iter(seconds.values())))] for name, each in seconds.items()]
    header = ["page", "run takes", "the kernel's processor time", "ratio", "of the run, within the view's calls"]
    write_section(
        "watched",
        f"""
## A page that is closed or slow

{machine()}; 400 steps of 10 ms on one thread, JupyterLab and Chromium on the same machine, {num_rounds} rounds;
medians, ratios to the first line. Whole runs of equal work differ by a tenth here, so look at the last column: a front
end that held the run up would do so within the view's calls. `python -m benchmarks.view_watched`.

{table(header, rows)}
""",
    )


def in_words(measured: list[tuple[float, ...]], base: list[tuple[float, ...]]) -> list[str]:
    run, processor, view = (median(each[kind] for each in measured) for kind in (0, 1, 2))
    ratio = median(one[1] / other[1] for one, other in zip(measured, base, strict=True))
    share = median(each[2] / each[0] for each in measured)
    return [f"{run:.2f} s", f"{processor:.2f} s", f"{ratio:.3f}", f"{100 * share:.2f} % ({1000 * view:.0f} ms)"]


def unwatched(page: LivePage) -> None:
    page.run(COMMAND.format(options=" --no-live") + NOTE)


def watched(page: LivePage) -> None:
    page.run(COMMAND.format(options="") + NOTE)


def frozen(page: LivePage) -> None:
    """The page stands still from soon after the beginning to the end."""
    Plot(page.start(COMMAND.format(options="") + NOTE))
    go_on = page.notebook.freeze()
    wait_for_kernel(page)
    go_on()
    page.wait()


def closed(page: LivePage) -> None:
    """The page goes once the run has begun, and comes back for the answer."""
    Plot(page.start(COMMAND.format(options="") + NOTE))
    page.notebook.leave()
    wait_for_kernel(page)
    page.notebook.come_back()
    page.page.wait_for_timeout(8000)  # a page that loads takes the processor from the run after this one


def wait_for_kernel(page: LivePage) -> None:
    while page.notebook.kernel_state() != "idle":
        time.sleep(0.2)


CASES: dict[str, Callable[[LivePage], None]] = {
    "none (`--no-live`)": unwatched,
    "open": watched,
    "stands still": frozen,
    "closed": closed,
}


if __name__ == "__main__":
    main()
