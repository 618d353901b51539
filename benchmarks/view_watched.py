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
COMMAND = "start = time.perf_counter(), time.process_time()\nh = %fit_one_cycle --steps 400 --max-lr 1e-3{options}"
NOTE = "\nseconds = time.perf_counter() - start[0], time.process_time() - start[1]"


def main() -> None:
    """Measure every case in turn, some rounds, and write the section."""
    num_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else NUM_ROUNDS
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    with live_pages() as open_page:
        page = open_page("lab", "python3")
        page.run(TRAINING)
        for _ in range(num_rounds):
            for name, case in CASES.items():
                case(page)
                seconds[name].append(ast.literal_eval(page.ask("seconds")))
                print(name, seconds[name][-1], flush=True)
        page.notebook.shut_down()
    rows = [[name, *in_words(each, next(iter(seconds.values())))] for name, each in seconds.items()]
    write_section(
        "watched",
        f"""
## A page that is closed or slow

{machine()}; 400 steps of 10 ms on one thread, JupyterLab and Chromium on the same machine, {num_rounds} rounds;
ratios are to the first line, medians of the rounds
(the speed of this machine changes within minutes, so rounds are short and many). `python -m benchmarks.view_watched`.

{table(["page", "run takes", "ratio", "the kernel's processor time", "ratio"], rows)}
""",
    )


def in_words(measured: list[tuple[float, float]], base: list[tuple[float, float]]) -> list[str]:
    words = []
    for kind in (0, 1):
        ratio = median(one[kind] / other[kind] for one, other in zip(measured, base, strict=True))
        words += [f"{median(one[kind] for one in measured):.2f} s", f"{ratio:.3f}"]
    return words


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
