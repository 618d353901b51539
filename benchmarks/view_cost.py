"""What the live view costs in the kernel: ``python -m benchmarks.view_cost``."""

from __future__ import annotations

import json

import nbformat
from nbclient import NotebookClient

from benchmarks.results_page import machine, table, write_section

CELL = """
import itertools, json, time
import ipywidgets, torch, numpy as np
from lr_magic.notebook.views.live_range_test import LiveRangeTest
from lr_magic.notebook.views.live_fit import LiveFit
from lr_magic.pure.control import RunControl
from lr_magic.pure.results.records import StepRecord
from lr_magic.pure.schedules import OneCycle

NUM_REDRAWS = 200
sent = []  # bytes of each message
send = ipywidgets.Widget._send
def counted(self, message, buffers=None):
    sent.append(len(json.dumps(message)) + sum(memoryview(each).nbytes for each in buffers or ()))
    return send(self, message, buffers)
rng = np.random.default_rng(0)

# what a training does in between: its caches are not the view's
torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
optimizer = torch.optim.AdamW(model.parameters())
inputs, targets = torch.randn(512, 256), torch.randint(0, 10, (512,))

def train():
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(inputs), targets).backward()
    optimizer.step()

def sweep_records(num_steps):
    lrs = np.geomspace(1e-7, 10, num_steps)
    losses = 2 - 1 / (1 + 1e-2 / lrs) + 0.05 * rng.normal(size=num_steps)
    return [StepRecord(i, float(lr), float(loss)) for i, (lr, loss) in enumerate(zip(lrs, losses))]

def fit_records(num_steps):
    return [StepRecord(i, 1e-2, 2.0 + float(rng.normal()), 0.9) for i in range(num_steps)]

def run(live, records, step_s):
    redraws = []
    parts = live._turns._parts
    live._turns._parts = (counting(redraws, part) for part in parts)
    sent.clear()
    spent, began = 0.0, time.perf_counter()
    for record in records:
        until = time.perf_counter() + step_s
        while time.perf_counter() < until:
            pass
        start = time.process_time()
        live.on_step(record)
        spent += time.process_time() - start
    seconds = time.perf_counter() - began
    return {
        "share": spent / seconds, "redraws_per_s": len(redraws) / seconds, "messages": len(sent),
        "messages_per_redraw": len(sent) / len(redraws), "kilobytes_per_s": sum(sent) / seconds / 1000,
    }

def counting(redraws, part):
    def draw():
        if part() is False:
            return False
        redraws.append(1)
    return draw

def step_cost(live, records):
    live._turns.take = lambda: None
    start = time.process_time()
    for record in records:
        live.on_step(record)
    if isinstance(live, LiveRangeTest):  # what waits for the next redraw belongs to the steps
        live._curve.refresh()
        end = time.process_time()
        live._curve.refresh()
        return (2 * end - start - time.process_time()) / len(records)
    return (time.process_time() - start) / len(records)

def redraw_times(live, records, draw):
    for record in records:
        live.on_step(record)
        for _ in range(3):
            train()
        start = time.thread_time()
        draw()
        yield time.thread_time() - start

def until_sent(draw):
    start = time.process_time()
    draw()
    time.sleep(0.005)
    return time.process_time() - start

def sending(draw):
    # in all threads: ipykernel sends from one of its own
    spent, idle = np.array([(until_sent(draw), until_sent(lambda: None)) for _ in range(300)]).T
    return float(np.median(spent) - np.median(idle))

def sweep(num_steps):
    return LiveRangeTest(1e-7, 10, num_steps, RunControl())

def fit(num_steps):
    return LiveFit(OneCycle(1e-2, num_steps), 5, RunControl(), has_momentum=True)

results = {"sweep": {}, "fit": {}}
cases = []
for n in (100, 1_000, 10_000, 100_000):
    for kind, live, records in (
        ("sweep", sweep(n), sweep_records(n + NUM_REDRAWS)), ("fit", fit(n), fit_records(n + NUM_REDRAWS))
    ):
        draw = live._draw_curve if kind == "sweep" else live._losses_turn
        results[kind][n] = {"step": step_cost(live, records[:n]), "redraw": []}
        cases.append((results[kind][n]["redraw"], redraw_times(live, records[n:], draw)))
for _ in range(NUM_REDRAWS // 20):  # in turns: the machine's speed changes
    for times, redraws in cases:
        times.extend(itertools.islice(redraws, 20))
for each in (*results["sweep"].values(), *results["fit"].values()):
    each["redraw"] = float(np.median(each["redraw"]))
results["nothing"] = sending(lambda: live.figure.curve.comm.send({}))
results["curve"] = sending(lambda: live.figure.curve.send_state(["x", "y"]))
ipywidgets.Widget._send = counted
results["a sweep"] = run(sweep(1000), sweep_records(1000), 0.010)
results["a training"] = run(fit(1000), fit_records(1000), 0.010)
print(json.dumps(results))
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
    runs = {name: found[name] for name in ("a sweep", "a training")}
    of_runs = [
        ["part of the time that the view takes", *(f"{100 * run['share']:.2f} %" for run in runs.values())],
        ["redraws per second", *(f"{run['redraws_per_s']:.1f}" for run in runs.values())],
        ["messages per redraw", *(f"{run['messages_per_redraw']:.3f}" for run in runs.values())],
        ["sent", *(f"{run['kilobytes_per_s']:.0f} kB/s" for run in runs.values())],
    ]
    of_lengths = [
        [
            f"{int(n):,}",
            *(f"{1e6 * found[kind][n]['step']:.1f} µs" for kind in ("sweep", "fit")),
            *(f"{1e3 * found[kind][n]['redraw']:.2f} ms" for kind in ("sweep", "fit")),
        ]
        for n in found["sweep"]
    ]
    curve, nothing = (f"{1e3 * found[sent]:.2f} ms" for sent in ("curve", "nothing"))
    write_section(
        "view",
        f"""
## The live view

{machine()}; processor seconds of the kernel, in a real kernel without a page. `python -m benchmarks.view_cost`.

{table(["1,000 steps of 10 ms", *runs], of_runs)}

By the length of the run; a redraw is that of the curve, the largest part of the view, in the thread of a real training
and between its steps:

{table(["steps so far", "a step of a sweep", "of a training", "a redraw of a sweep", "of a training"], of_lengths)}

In all threads of the kernel, ipykernel's own included, sending a curve takes {curve}, a message with nothing in it
{nothing}.
""",
    )


if __name__ == "__main__":
    main()
