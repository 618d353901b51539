"""Choosing on a finished range test with a real mouse and a real keyboard."""

from __future__ import annotations

import re

import pytest

from tests.browser.plot import Plot
from tests.browser.test_first_light import SLOW_DIGITS

pytestmark = pytest.mark.browser

FAST_DIGITS = SLOW_DIGITS.replace("time.sleep(0.0005)", "pass")
ASK = "print(lr_found.lr, lr_found.lr_range, lr_found.is_chosen)"


@pytest.fixture(params=["lab", "notebook"])
def chosen_on(request, open_notebook):
    """A notebook with a finished range test, and its plot."""
    notebook = open_notebook([FAST_DIGITS, "%lr_find", ASK, "suggested = lr_found.suggestion"], request.param)
    notebook.run(0)
    notebook.run(1)
    return notebook, Plot(notebook.output(1))


def choice(notebook) -> tuple[float, str, bool]:
    lr, *lr_range, is_chosen = notebook.ask(2).split()
    return float(lr), " ".join(lr_range), is_chosen == "True"


def wait_for_range(output, low: str, high: str) -> None:
    """Wait until the words under the plot say this range (patterns): a drag arrives piece by piece."""
    output.get_by_text(re.compile(rf"Chosen: {low} to {high}")).first.wait_for()


def test_mouse_keys_and_typing(chosen_on):
    notebook, plot = chosen_on
    page = notebook.page
    field = notebook.output(1).get_by_label("Chosen learning rate")
    suggested = field.input_value()

    plot.click_at(1e-4)
    notebook.output(1).get_by_text("Chosen: lr").first.wait_for()
    assert choice(notebook)[0] == pytest.approx(1e-4, rel=0.12)

    plot.click_at(1e-4)  # the click moves the focus to the field, so the keys work at once
    before = field.input_value()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("([field, text]) => field.value !== text", arg=[field.element_handle(), before])
    assert choice(notebook)[0] > 1e-4 * 1.05

    field.press("Home")
    page.wait_for_function("([field, text]) => field.value === text", arg=[field.element_handle(), suggested])
    assert choice(notebook)[2] is False

    field.fill("3.3e-3")
    field.press("Enter")
    notebook.output(1).get_by_text("Chosen: lr 3.3e-3").wait_for()
    assert choice(notebook)[0] == 3.3e-3


def test_a_term_of_the_reading_shows_its_explanation_by_mouse_and_by_keyboard(chosen_on):
    notebook, _ = chosen_on
    live = notebook.output(1).locator(".lr-magic-live")
    terms, explanations = live.locator(".lr-magic-term"), live.locator(".lr-magic-explanation")
    assert terms.count() == explanations.count() > 3
    assert not explanations.first.is_visible()
    terms.first.click()
    explanations.first.wait_for(state="visible")
    notebook.page.keyboard.press("Tab")
    explanations.nth(1).wait_for(state="visible")
    assert not explanations.first.is_visible()


def test_a_range_by_toggle_and_by_shift(chosen_on):
    notebook, plot = chosen_on
    output, page = notebook.output(1), notebook.page
    output.get_by_role("button", name="Range").click()
    plot.root.locator(".selector, .brushintsel, .brush").first.wait_for(state="attached")
    plot.drag(1e-5, 1e-2)
    wait_for_range(output, r"(9\.\d|1|1\.[01])e-\d", r"(9\.\d|1|1\.[01])e-[23]")
    low, high = (float(end) for end in choice(notebook)[1].strip("()").split(","))
    assert low == pytest.approx(1e-5, rel=0.15)
    assert high == pytest.approx(1e-2, rel=0.15)

    output.get_by_role("button", name="Range").click()
    plot.root.locator(".selector, .brushintsel, .brush").first.wait_for(state="detached")
    plot.click_at(1e-3)
    output.get_by_text("Chosen: lr").first.wait_for()
    assert choice(notebook)[1] == "None"

    plot.root.hover()
    page.keyboard.down("Shift")
    plot.root.locator(".selector, .brushintsel, .brush").first.wait_for(state="attached")
    plot.drag(1e-4, 1e-1)
    page.keyboard.up("Shift")
    wait_for_range(output, r"(9\.\d|1|1\.[01])e-\d", r"(0\.1|0\.11|9\.\de-2)")
    low, high = (float(end) for end in choice(notebook)[1].strip("()").split(","))
    assert low == pytest.approx(1e-4, rel=0.15)
    assert high == pytest.approx(1e-1, rel=0.15)


def test_zoom_sweep_and_overlay(open_notebook):
    cells = [
        FAST_DIGITS,
        "%lr_find",
        ASK,
        "%lr_find --overlay --num-steps 30",
        "print(lr_found.lrs[0], len(lr_found.lrs))",
    ]
    notebook = open_notebook(cells)
    notebook.run(0)
    notebook.run(1)
    output = notebook.output(1)
    plot = Plot(output)
    output.get_by_role("button", name="Range").click()
    plot.root.locator(".selector, .brushintsel, .brush").first.wait_for(state="attached")
    plot.drag(1e-4, 1e-1)
    wait_for_range(output, r"(9\.\d|1|1\.[01])e-\d", r"(0\.1|0\.11|9\.\de-2)")
    output.get_by_role("button", name="Zoom sweep").click()
    output.get_by_role("button", name="before").wait_for()  # the legend of the sweep that was zoomed into
    output.get_by_text("restored:").first.wait_for()
    first_lr, num_steps = notebook.ask(4).split()
    assert float(first_lr) == pytest.approx(1e-4, rel=0.2)
    assert int(num_steps) > 20
    notebook.run(3)
    assert notebook.output(3).get_by_role("button", name="In [").count() == 1
