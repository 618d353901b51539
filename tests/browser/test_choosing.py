"""Choosing on a finished range test with a real mouse and a real keyboard: Lab and Notebook, both kernels."""

from __future__ import annotations

import ast
import re

import pytest

from tests.browser.contrast import faint_words, wait_for_words
from tests.browser.plot import Plot, tooltip_of

pytestmark = pytest.mark.browser

# The front end replaces the whole element of a picture that is drawn anew.
COUNT_PICTURES = """
(output) => {
    let shown = output.querySelector('img').src;
    window.numPictures = 0;
    new MutationObserver(() => {
        const now = output.querySelector('img')?.src;
        if (now && now !== shown) { shown = now; window.numPictures += 1; }
    }).observe(output, { subtree: true, childList: true, attributes: true });
}
"""


@pytest.fixture
def swept(desk):
    """The output of a finished range test."""
    return desk.run("model, optimizer = new_model()\n%lr_find")


def choice(desk) -> tuple[float, tuple[float, float] | None, bool]:
    return ast.literal_eval(desk.ask("(lr_found.lr, lr_found.lr_range, lr_found.is_chosen)"))


def wait_for_range(output, low: str, high: str) -> None:
    """Wait until the words under the plot say this range (patterns): a drag arrives piece by piece."""
    output.get_by_text(re.compile(rf"Chosen: {low} to {high}")).first.wait_for()


def wait_until_changed(desk, field, text: str) -> None:
    desk.page.wait_for_function("([field, text]) => field.value !== text", arg=[field.element_handle(), text])


def test_mouse_keys_and_typing(desk, swept):
    plot, page = Plot(swept), desk.page
    field = swept.get_by_label("Chosen learning rate")
    suggested = field.input_value()

    plot.click_at(1e-4)
    swept.get_by_text("Chosen: lr").first.wait_for()
    assert choice(desk)[0] == pytest.approx(1e-4, rel=0.12)
    assert swept.get_by_text("times below the blow-up").count() == 1

    plot.click_at(1e-4)  # the click moves the focus to the field, so the keys work at once
    for key, is_upwards in (("ArrowRight", True), ("ArrowLeft", False), ("ArrowUp", True), ("PageDown", False)):
        before, lr = field.input_value(), choice(desk)[0]
        field.focus()
        page.keyboard.press(key)
        wait_until_changed(desk, field, before)
        assert (choice(desk)[0] > lr) == is_upwards

    field.press("Home")
    page.wait_for_function("([field, text]) => field.value === text", arg=[field.element_handle(), suggested])
    assert choice(desk)[2] is False

    field.fill("3.3e-3")
    field.press("Enter")
    swept.get_by_text("Chosen: lr 3.3e-3").wait_for()
    assert choice(desk)[0] == 3.3e-3
    field.fill("much")
    field.press("Enter")
    swept.get_by_text("A learning rate is a number above 0").wait_for()
    assert choice(desk)[0] == 3.3e-3


def test_a_key_held_down_moves_the_choice_and_the_saved_picture_follows_when_it_rests(desk, swept):
    field, page = swept.get_by_label("Chosen learning rate"), desk.page
    swept.evaluate(COUNT_PICTURES)
    Plot(swept).click_at(1e-5)
    page.wait_for_function("() => window.numPictures === 1")
    lr = choice(desk)[0]
    for _ in range(15):
        field.press("ArrowRight")
    page.wait_for_function("() => window.numPictures > 1")
    assert choice(desk)[0] > 5 * lr
    assert page.evaluate("() => window.numPictures") <= 4


def test_a_term_of_the_reading_shows_its_explanation_by_mouse_and_by_keyboard(desk, swept):
    live = swept.locator(".lr-magic-live")
    terms, explanations = live.locator(".lr-magic-term"), live.locator(".lr-magic-explanation")
    assert terms.count() == explanations.count() > 3
    assert not explanations.first.is_visible()
    terms.first.click()
    explanations.first.wait_for(state="visible")
    desk.page.keyboard.press("Tab")
    explanations.nth(1).wait_for(state="visible")
    assert not explanations.first.is_visible()


def test_a_range_by_toggle_and_by_shift(desk, swept):
    plot, page = Plot(swept), desk.page
    swept.get_by_role("button", name="Range").click()
    plot.wait_for_brush()
    plot.drag(1e-5, 1e-2)
    wait_for_range(swept, r"(9\.\d|1|1\.[01])e-\d", r"(9\.\d|1|1\.[01])e-[23]")
    assert choice(desk)[1] == pytest.approx((1e-5, 1e-2), rel=0.15)
    assert swept.get_by_text("first layers train at").count() == 1

    swept.get_by_role("button", name="Range").click()
    plot.wait_for_brush(is_there=False)
    plot.click_at(1e-3)
    swept.get_by_text("Chosen: lr").first.wait_for()
    assert choice(desk)[1] is None

    plot.root.hover()
    page.keyboard.down("Shift")
    plot.wait_for_brush()
    plot.drag(1e-4, 1e-1)
    page.keyboard.up("Shift")
    wait_for_range(swept, r"(9\.\d|1|1\.[01])e-\d", r"(0\.1|0\.11|9\.\de-2)")
    assert choice(desk)[1] == pytest.approx((1e-4, 1e-1), rel=0.15)


def test_names_of_rules_are_seen_hovering_explains_and_a_click_chooses(desk, swept):
    plot = Plot(swept)
    rules = ast.literal_eval(desk.ask("{k: v for k, v in lr_found.suggestions.items() if v != lr_found.suggestion}"))
    boxes = [plot.root.get_by_text(rule, exact=True).first.bounding_box() for rule in rules]
    for i, one in enumerate(boxes):
        assert not any(overlap(one, other) for other in boxes[:i])
    tick = plot.root.locator(".dot").first
    tick.hover()
    tooltip_of(desk.page, f"{next(iter(rules))} ").wait_for()
    tick.click()
    swept.get_by_text("Chosen: lr").first.wait_for()
    assert choice(desk)[0] == pytest.approx(next(iter(rules.values())), rel=0.12)


def overlap(one, other) -> bool:
    return (
        one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    )


def test_words_in_the_plot_can_be_read_in_a_dark_and_in_a_light_theme(desk, swept):
    plot = Plot(swept)
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        desk.notebook.use_theme(theme)
        wait_for_words(plot.root, 15)
        assert not faint_words(plot.root)


def test_a_screen_reader_is_told_what_the_plot_shows_and_what_the_field_does(swept):
    Plot(swept)
    swept.get_by_role("img", name="Plot of the loss by learning rate").wait_for()
    swept.get_by_role("textbox", name="Chosen learning rate").wait_for()


def test_the_command_is_copied(desk, swept):
    Plot(swept).click_at(1e-3)
    swept.get_by_text("Chosen: lr").first.wait_for()
    swept.get_by_role("button", name="Copy the command").click()
    swept.get_by_text("copied").wait_for()
    copied = desk.page.evaluate("() => navigator.clipboard.readText()")
    assert re.fullmatch(r"%fit_one_cycle 5 --max-lr (9\.\d+e-4|1(\.\d+)?e-3)", copied)
    assert copied == swept.locator(".lr-magic-live code").inner_text()
    assert not swept.get_by_text("The live plot cannot be drawn").is_visible()


def test_zoom_sweep(desk, swept):
    plot = Plot(swept)
    swept.get_by_role("button", name="Range").click()
    plot.wait_for_brush()
    plot.drag(1e-4, 1e-1)
    wait_for_range(swept, r"(9\.\d|1|1\.[01])e-\d", r"(0\.1|0\.11|9\.\de-2)")
    swept.get_by_role("button", name="Zoom sweep").click()
    swept.get_by_role("button", name="before").wait_for()  # the legend of the sweep that was zoomed into
    swept.get_by_text("restored:").first.wait_for()
    first_lr, num_steps = ast.literal_eval(desk.ask("(float(lr_found.lrs[0]), len(lr_found.lrs))"))
    assert first_lr == pytest.approx(1e-4, rel=0.2)
    assert num_steps > 20


def test_a_zoom_sweep_that_shows_no_answer_keeps_the_suggestion(desk, swept):
    suggested = float(desk.ask("lr_found.suggestion"))
    plot = Plot(swept)
    swept.get_by_role("button", name="Range").click()
    plot.wait_for_brush()
    plot.drag(1e-6, 1e-5)
    wait_for_range(swept, r"(9\.\d|1|1\.[01])e-\d", r"(9\.\d|1|1\.[01])e-\d")
    swept.get_by_role("button", name="Zoom sweep").click()
    swept.locator(".lr-magic-reading", has_text="The suggestion is that of the wider sweep").wait_for()
    assert ast.literal_eval(desk.ask("(lr_found.lr, bool(lr_found.no_suggestion_reason))")) == (suggested, True)


def test_earlier_sweeps_are_laid_over_and_their_legend_toggles(desk, swept):
    del swept
    output = desk.run("%lr_find --overlay --num-steps 30")
    plot = Plot(output)
    toggle = output.get_by_role("button", name="In [").last
    before = plot.num_lines()
    toggle.click()
    plot.wait_for_lines(before - 1)
    toggle.click()
    plot.wait_for_lines(before)
    plot.click_at(1e-3)
    output.get_by_text("Chosen: lr").first.wait_for()


def test_a_comparison_says_what_to_take(desk):
    output = desk.run("c = %lr_compare 1e-3 1e-2 --steps 30")
    assert [name for name in output.locator(".curve_label").all_text_contents() if name] == ["1e-3", "1e-2"]
    output.get_by_role("button", name="Copy the command").click()
    output.get_by_text("copied").wait_for()
    copied = desk.page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("%fit_one_cycle 5 --max-lr ")
