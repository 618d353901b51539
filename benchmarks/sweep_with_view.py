"""What a sweep costs with its live view on: ``python -m benchmarks.sweep_with_view``.

In a real kernel without a page. Making the view and drawing the end are listed by themselves, since they happen once,
before the first step and after the last. The kernel sends the messages of the making in a thread of its own, and all of
it drives the sweep's code out of the processor's caches: so a view is made before every run, also before those that do
without, and its messages are waited for.

Where other guests share the processors, each of them needs nearly twice as long for seconds at a time: so the
training's thread stays on one, and a run is compared with the bare loops right before and after it, in many rounds.
"""

from __future__ import annotations

import json

import nbformat
from nbclient import NotebookClient

from benchmarks.results_page import machine, table, with_quartiles, write_section

CELL = """
import json, os, statistics, threading, time, torch
from benchmarks import workloads
from benchmarks.sweep_cost import END_LR, NUM_STEPS, START_LR
from benchmarks.workloads import bare_sweep
from lr_magic import TrainingSetup, range_test
from lr_magic.notebook.views.live_range_test import LiveRangeTest
from lr_magic.pure.control import RunControl
torch.set_num_threads(1)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

def timed(run):
    begin = time.process_time()
    value = run()
    return time.process_time() - begin, value

sender = next(each for each in threading.enumerate() if each.name == "IOPub")

def sending_time():
    return time.clock_gettime(time.pthread_getcpuclockid(sender.ident))

class Watched:  # adds up the processor time that a view takes of the training's thread
    def __init__(self, on_step):
        self.spent, self._on_step = 0.0, on_step

    def __call__(self, record):
        begin = time.thread_time()
        self._on_step(record)
        self.spent += time.thread_time() - begin

def made_view():
    view = LiveRangeTest(START_LR, END_LR, NUM_STEPS, RunControl())
    time.sleep(0.2)  # what the kernel's sending thread has still to do belongs to the making
    return view

def ours(workload, on_step=None):
    model, optimizer, loader = workload.fresh()
    setup = TrainingSetup.supervised(model, optimizer, loader, workload.loss_fn)
    return range_test(setup, start_lr=START_LR, end_lr=END_LR, num_steps=NUM_STEPS, stop_when_diverged=False,
                      on_step=on_step)

def bare(workload):
    made_view()
    return timed(lambda: bare_sweep(workload, NUM_STEPS, START_LR, END_LR))[0]

def round_of(workload, before, seconds):
    made_view()
    without, _ = timed(lambda: ours(workload))
    between = bare(workload)
    making, view = timed(made_view)
    watched, sent = Watched(view.on_step), sending_time()
    view._turns.begin()  # in a notebook the sweep follows on the making at once
    live, result = timed(lambda: ours(workload, watched))
    itself = watched.spent + sending_time() - sent
    ending, _ = timed(lambda: (view.finish(result), time.sleep(0.2)))
    after = bare(workload)
    for name, value in {"bare": between, "without": 2 * without / (before + between),
                        "live": 2 * live / (between + after), "itself": itself / live,
                        "making": making, "ending": ending}.items():
        seconds.setdefault(name, []).append(value)
    return after

found = {}
for workload, num_rounds in ((workloads.mlp(), 101), (workloads.cnn(), 25), (workloads.transformer(), 15)):
    last, seconds = round_of(workload, bare(workload), {}), {}
    for _ in range(num_rounds):
        last = round_of(workload, last, seconds)
    found[workload.name] = {name: statistics.quantiles(values, n=4) for name, values in seconds.items()}
print(json.dumps(found))
"""


def measured() -> dict[str, dict[str, list[float]]]:
    """Run the measurement in a real kernel: the quartiles of each number."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=1800).execute()
    text = "".join(output["text"] for output in notebook.cells[0].outputs if output.get("name") == "stdout")
    found: dict[str, dict[str, list[float]]] = json.loads(text.strip().splitlines()[-1])
    return found


def main() -> None:
    """Measure and write the section."""
    rows = []
    for name, each in measured().items():
        bare, itself, making, ending = (each[part][1] for part in ("bare", "itself", "making", "ending"))
        rows.append(
            [
                f"{name}: {1e3 * bare:.0f} ms",
                with_quartiles(each["without"]),
                with_quartiles(each["live"]),
                f"{100 * itself:.1f} %",
                f"{1e3 * making:.0f} ms",
                f"{1e3 * ending:.0f} ms",
            ]
        )
    header = [
        "bare loop",
        "without a view",
        "with the live view",
        "the view itself",
        "making the view",
        "drawing the end",
    ]
    write_section(
        "live",
        f"""
## A sweep with its live view

{machine()}; a sweep of 100 steps / the bare loops before and after it, processor seconds of the whole kernel process;
medians, the middle half of the rounds in brackets: at times the processor needs nearly twice as long, by itself. *The
view itself*: the processor time of its calls and of the thread that sends its messages, as a part of the sweep.
`python -m benchmarks.sweep_with_view`.

{table(header, rows)}
""",
    )


if __name__ == "__main__":
    main()
