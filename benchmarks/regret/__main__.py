"""Write the regret section of ``benchmarks/RESULTS.md``: ``python -m benchmarks.regret [FOLDER of more tasks]``."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.regret.evaluate import interval_quality, spreads, table
from benchmarks.regret.store import TaskData, nine_tasks, own_tasks, tasks_of_folder
from benchmarks.regret.tasks import all_tasks
from benchmarks.results_page import write_section

INTRODUCTION = """## How good is the number?

Truth: final validation loss of one-cycle trainings over a third-decade grid of peak rates, two or three seeds each.
Normalised regret of a rate: (its loss - best loss) / (untrained loss - best loss), losses between grid points
interpolated in log-log, clipped to 0..1. Each answer comes from one sweep (100 steps, 1e-7 to 10) and counts for
itself; a task's regret is the mean over its sweeps that gave an answer, and *no answer* is the share of sweeps that
gave none. The last column is a Wilcoxon test over the tasks against the default rule."""


def is_tuned_on(task: TaskData) -> bool:
    """Even-numbered tasks were used to choose the constants of the default rule, odd ones were not."""
    return int(task.name.split("-")[1]) % 2 == 0


def is_trained_already(task: TaskData) -> bool:
    return {known.name: known.start for known in all_tasks()}[task.name] == "part_trained"


def report(folder: Path | None = None) -> str:
    own = own_tasks()
    trained = [task for task in own if is_trained_already(task)]
    own = [task for task in own if task not in trained]
    held_out = [task for task in own if not is_tuned_on(task)]
    tuned = [task for task in own if is_tuned_on(task)]
    nine = nine_tasks()
    parts = [INTRODUCTION, ""]
    groups = [
        (f"{len(nine)} classic tasks, none tuned on; the peers with their own sweeps", nine),
        (f"{len(held_out)} generated tasks, none tuned on", held_out),
        (f"{len(tuned)} generated tasks that the constants were tuned on", tuned),
    ]
    if folder is not None:
        more = tasks_of_folder(folder)
        groups.insert(0, (f"{len(more)} tasks of {folder.name}", more))
    for title, tasks in groups:
        parts += [f"### {title}", "", *table(tasks, 1.0), ""]
    for length, words in ((0.25, "A quarter of the length"), (4.0, "Four times the length")):
        known = [task for task in held_out if length in task.truths]
        parts += [f"### {words}: {len(known)} generated tasks, none tuned on", "", *table(known, length), ""]
    parts += [f"### {len(trained)} models trained for a while before", "", *table(trained, 1.0), ""]
    parts += ["### How far the default answer scatters (generated tasks)", "", *spreads(own), ""]
    parts += [interval_quality(held_out), ""]
    return "\n".join(parts)


def main() -> None:
    text = report(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    write_section("regret", text)
    print(text)


if __name__ == "__main__":
    main()
