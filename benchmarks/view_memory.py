"""Whether a long run at full rate fills the page's or the kernel's memory: ``python -m benchmarks.view_memory``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.live_page import LivePage, live_pages
from benchmarks.results_page import machine, table, write_section
from tests.browser.desk import SETUP
from tests.browser.plot import Plot

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

FIRST_S, LAST_S = 10, 60
RUNS = {
    "a sweep": "%lr_find --num-steps 1000000 --no-stop",
    "a training": "%fit_one_cycle --steps 1000000 --max-lr 1e-3",
}
MEGABYTE = 1e6


def main() -> None:
    """Measure both and write the section."""
    rows = []
    with live_pages() as open_page:
        for name, command in RUNS.items():
            page = open_page("lab", "python3")
            page.run(SETUP)
            rows += watched(page, name, command)
            page.notebook.shut_down()
            page.page.close()
    write_section(
        "memory",
        f"""
## A minute at full rate

{machine()}; steps as fast as they come, redraws as fast as they are made, JupyterLab. The page's numbers after a
garbage collection; the kernel's is its resident memory. `python -m benchmarks.view_memory`.

{table(["run", "seconds", "steps", "page: JavaScript heap", "page: DOM nodes", "kernel"], rows)}
""",
    )


def watched(page: LivePage, name: str, command: str) -> list[list[str]]:
    """A row of numbers early in the run and one at its end."""
    kernel = int(page.ask("__import__('os').getpid()"))
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable")
    output = page.start(command)
    Plot(output)
    rows = []
    for begin, end in ((0, FIRST_S), (FIRST_S, LAST_S)):
        page.page.wait_for_timeout(1000 * (end - begin))
        steps = re.search(r"step ([\d,]+)", output.inner_text())
        heap, nodes = page_memory(session)
        rows.append([name, str(end), steps.group(1) if steps else "", heap, nodes, f"{resident(kernel):.0f} MB"])
        print(*rows[-1], flush=True)
    output.get_by_role("button", name=re.compile("Stop$")).click()
    page.wait()
    return rows


def page_memory(session: CDPSession) -> tuple[str, str]:
    session.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return f"{metrics['JSHeapUsedSize'] / MEGABYTE:.1f} MB", f"{metrics['Nodes']:.0f}"


def resident(process: int) -> float:
    """Megabytes of a process that are in memory."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) * 1024 / MEGABYTE


if __name__ == "__main__":
    main()
