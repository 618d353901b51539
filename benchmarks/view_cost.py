"""What the live view costs in the kernel: ``python -m benchmarks.view_cost``."""

from __future__ import annotations

import json

import nbformat
from nbclient import NotebookClient

from benchmarks.results_page import machine, write_section

CELL = """
import json, time
import ipywidgets, numpy as np
from lr_magic.notebook.views.live_range_test import LiveRangeTest
from lr_magic.notebook.views.live_fit import LiveFit
from lr_magic.pure.control import RunControl
from lr_magic.pure.results.records import StepRecord
from lr_magic.pure.schedules import OneCycle

messages = []
send = ipywidgets.Widget._send
def counted(self, message, **rest):
    messages.append(type(self).__name__)
    return send(self, message, **rest)
ipywidgets.Widget._send = counted
rng = np.random.default_rng(0)

def sweep(num_steps, step_s):
    lrs = np.geomspace(1e-7, 10, num_steps)
    losses = 2 - 1 / (1 + 1e-2 / lrs) + 0.05 * rng.normal(size=num_steps)
    live = LiveRangeTest(1e-7, 10, num_steps, RunControl())
    messages.clear()
    spent, began = 0.0, time.perf_counter()
    for step in range(num_steps):
        until = time.perf_counter() + step_s
        while time.perf_counter() < until:
            pass
        start = time.process_time()
        live.on_step(StepRecord(step, float(lrs[step]), float(losses[step])))
        spent += time.process_time() - start
    return spent / (time.perf_counter() - began), messages.count("Lines"), len(messages)

def redraw(num_points):
    live = LiveRangeTest(1e-7, 10, num_points, RunControl())
    live._redraws.is_due = lambda: False
    lrs = np.geomspace(1e-7, 10, num_points)
    for step in range(num_points):
        live.on_step(StepRecord(step, float(lrs[step]), 2.0 + float(rng.normal())))
    live._statuses.is_due = lambda: False
    live._redraw()
    times = []
    for _ in range(50):
        live._losses[-1] += 0.01
        start = time.process_time()
        live._redraw()
        times.append(time.process_time() - start)
    return float(np.median(times))

def fit_redraw(num_steps):
    live = LiveFit(OneCycle(1e-2, num_steps), 5, RunControl(), has_momentum=True)
    live._clock.is_due = lambda: False
    start = time.process_time()
    for step in range(num_steps):
        live.on_step(StepRecord(step, 1e-2, 2.0, 0.9))
    per_step = (time.process_time() - start) / num_steps
    times = []
    for _ in range(20):
        live.on_step(StepRecord(num_steps, 1e-2, float(rng.normal()), 0.9))
        start = time.process_time()
        live._redraw()
        times.append(time.process_time() - start)
    return per_step, float(np.median(times))

share, curve_messages, all_messages = sweep(1000, 0.010)
print(json.dumps({
    "share": share, "curve_messages": curve_messages, "all_messages": all_messages,
    "redraw_100": redraw(100), "redraw_1000": redraw(1000),
    "fit": {str(n): fit_redraw(n) for n in (100, 10_000, 100_000)},
}))
"""


def measured() -> dict[str, object]:
    """Run the measurement in a real kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=300).execute()
    text = "".join(output["text"] for output in notebook.cells[0].outputs if output.get("name") == "stdout")
    return json.loads(text.strip().splitlines()[-1])


def main() -> None:
    """Measure and write the section."""
    found = measured()
    fits = "\n".join(
        f"| {int(n):,} | {1e6 * per_step:.1f} µs | {1e3 * redraw:.2f} ms |"
        for n, (per_step, redraw) in found["fit"].items()
    )
    write_section(
        "view",
        f"""
## The live view

{machine()}; processor seconds of the kernel, in a real kernel without a page. `python -m benchmarks.view_cost`.

| a sweep of 1,000 steps of 10 ms | |
|---|---|
| part of the time that the view takes | {100 * found["share"]:.2f} % |
| messages with the curve / all messages | {found["curve_messages"]} / {found["all_messages"]} |
| one redraw at 100 points | {1e3 * found["redraw_100"]:.2f} ms |
| one redraw at 1,000 points | {1e3 * found["redraw_1000"]:.2f} ms |

A training's view, by its length:

| steps so far | a step | a redraw |
|---|---|---|
{fits}
""",
    )


if __name__ == "__main__":
    main()
