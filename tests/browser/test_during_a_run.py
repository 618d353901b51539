"""Watching and steering a run while it goes on: Lab and Notebook, both kernels, a real mouse."""

from __future__ import annotations

import re

import pytest

from tests.browser.plot import Plot, tooltip_of

pytestmark = pytest.mark.browser


def press(output, name: str) -> None:
    output.get_by_role("button", name=re.compile(f"{name}$")).click()  # before it stands the icon


def edge(locator) -> float:
    """The right edge on the page."""
    box = locator.bounding_box()
    return box["x"] + box["width"]


def test_a_sweep_grows_and_takes_a_pause_a_click_and_a_stop(desk):
    output = desk.start_slow("%lr_find --num-steps 2000 --no-stop")
    plot = Plot(output)
    plot.wait_for_points(5)
    plot.wait_for_points(plot.num_points() + 5)
    press(output, "Pause")
    output.get_by_role("button", name="Resume").wait_for()
    plot.click_at(1.5e-7)
    plot.root.get_by_text(re.compile(r"^1\.[3-7]e-7$")).wait_for()  # also while no step is made
    press(output, "Resume")
    output.get_by_role("button", name="Pause").wait_for()
    assert output.get_by_text("Clicks do not reach").count() == 0
    press(output, "Stop")
    desk.wait()
    reason, steps, lr = desk.ask("lr_found.stop_reason.name, len(lr_found.lrs), lr_found.lr").split()
    assert reason == "STOPPED"
    assert 10 < int(steps) < 2000
    assert 1e-7 <= float(lr) < 1.7e-7  # snapped to what was measured


def test_a_training_is_paused_steered_and_stopped(desk):
    output = desk.start_slow("%fit_one_cycle 20 --max-lr 1e-3")
    output.get_by_text(re.compile(r"step [2-9]\d? of 580")).first.wait_for()
    press(output, "Pause")
    press(output, "Resume")
    output.get_by_role("button", name="Pause").wait_for()
    press(output, "Extend")
    output.get_by_text(re.compile("of 609 ")).first.wait_for()
    press(output, "Lower rates")
    output.get_by_text(re.compile(r"^step \d+: rates divided by 3")).first.wait_for()
    press(output, "Anneal now")
    output.get_by_text(re.compile("^step .*: .*(anneal|cool)", re.IGNORECASE)).first.wait_for()
    desk.wait()
    kinds = desk.ask("*(event.kind.value for event in fit_history.events)").split()
    assert kinds == ["paused", "extended", "peak_lowered", "annealed"]
    assert "COMPLETED" in desk.ask("fit_history.stop_reason.name")
    assert desk.ask("len(fit_history.steps) < 300") == "True"
    diamonds = output.locator(".lr-magic-live .bqplot").nth(1).locator(".dot")
    assert diamonds.count() == 4
    diamonds.last.hover()
    tooltip_of(desk.page, "annealed from step").wait_for()


def test_a_training_in_a_narrow_window_is_stopped(desk):
    desk.page.set_viewport_size({"width": 620, "height": 1400})
    output = desk.start_slow("%fit_one_cycle 20 --max-lr 1e-3")
    Plot(output)
    right = edge(output)
    assert all(edge(each) <= right + 1 for each in output.locator(".lr-magic-live button:visible").all())
    assert all(edge(each) <= right + 1 for each in output.locator(".lr-magic-live .bqplot").all())
    desk.page.set_viewport_size({"width": 1200, "height": 1400})
    press(output, "Stop")
    desk.wait()
    assert desk.ask("fit_history.stop_reason.name") == "STOPPED"


def test_a_zoom_sweep_is_stopped(desk):
    output = desk.run("%lr_find")
    plot = Plot(output)
    output.get_by_role("button", name="Range").click()
    plot.wait_for_brush()
    plot.drag(1e-4, 1e-1)
    output.get_by_text("Chosen: ").first.wait_for()
    desk.ask("setattr(Digits, 'delay_s', 0.0005)")
    output.get_by_role("button", name="Zoom sweep").click()
    output.get_by_text(re.compile(r"step [1-9]\d? of")).first.wait_for()
    if desk.ends_zoom_by_stop:
        press(output, "Stop")
    else:  # between cells nobody hands out the clicks of this kernel: the plot says so
        output.get_by_text("Clicks do not reach this run now").wait_for()
        desk.notebook.interrupt()
    reason = "STOPPED" if desk.ends_zoom_by_stop else "INTERRUPTED"
    assert desk.ask("lr_found.stop_reason.name, lr_found.lrs[0] > 1e-5") == f"{reason} True"


def test_a_zoom_sweep_does_not_begin_while_a_cell_runs(desk):
    if not desk.ends_zoom_by_stop:
        pytest.skip("this kernel hands the click over when the cell has ended, and then the sweep may begin")
    output = desk.run("%lr_find")
    plot = Plot(output)
    output.get_by_role("button", name="Range").click()
    plot.wait_for_brush()
    plot.drag(1e-4, 1e-1)
    output.get_by_text(re.compile(r"Chosen: .* to (0\.1|0\.11|9\.\de-2)")).first.wait_for()
    before = desk.ask("len(lr_found.lrs), lr_found.lrs[0]")
    desk.begin_to_wait_for_a_file()
    output.get_by_role("button", name="Zoom sweep").click()
    output.get_by_text("A cell is running, so nothing was started").wait_for()
    desk.write_that_file()
    assert desk.ask("len(lr_found.lrs), lr_found.lrs[0]") == before


def test_a_comparison_is_watched_and_stopped(desk):
    output = desk.start_slow("c = %lr_compare 1e-3 1e-2 --steps 400")
    output.locator(".lr-magic-live .bqplot .curve_label").get_by_text("1e-3").wait_for()
    press(output, "Stop")
    desk.wait()
    assert desk.ask("c.stop_reason.name") == "STOPPED"
