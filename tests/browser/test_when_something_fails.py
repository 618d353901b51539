"""Front ends that cannot do all: clicks that do not arrive, scripts of bqplot that do not load, a kernel gone."""

from __future__ import annotations

import pytest

from tests.browser.desk import Desk
from tests.browser.plot import Plot

pytestmark = pytest.mark.browser

HINT = "Clicks do not reach this run now"
NO_PLOT = "The live plot cannot be drawn here"
KERNEL_GONE = "The kernel of this plot has ended"


def test_where_clicks_do_not_arrive_the_plot_says_so_and_the_interrupt_keeps_what_was_measured(open_notebook):
    notebook = open_notebook(["", ""])
    desk = Desk(notebook)
    notebook.deliver_no_clicks()
    output = desk.start_slow("%lr_find --num-steps 2000 --no-stop")
    output.get_by_text(HINT).wait_for()
    Plot(output).wait_for_points(5)
    notebook.interrupt()
    output.get_by_text("KeyboardInterrupt").first.wait_for()
    desk.wait()
    output.get_by_text(HINT).wait_for(state="hidden")
    assert desk.ask("lr_found.stop_reason.name") == "INTERRUPTED"
    assert desk.ask("len(lr_found.lrs) > 5") == "True"


def test_where_bqplot_cannot_load_the_picture_appears_and_a_line_says_why(page, open_notebook):
    page.route("**/bqplot/**", lambda route: route.abort())
    desk = Desk(open_notebook(["", ""]))
    output = desk.run("%lr_find")
    output.get_by_text(NO_PLOT).wait_for(state="visible")
    assert output.locator("img").first.is_visible()
    assert output.get_by_text("Range test").first.is_visible()
    assert desk.ask("lr_found.suggestion is not None") == "True"


def test_the_line_is_not_there_where_the_plot_is(desk):
    output = desk.run("%lr_find")
    Plot(output)
    assert not output.get_by_text(NO_PLOT).is_visible()
    assert not output.locator("img").first.is_visible()


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_plot_whose_kernel_was_restarted_says_so_in_one_line(open_notebook, app):
    notebook = open_notebook(["", ""], app)
    output = Desk(notebook).run("%lr_find")
    Plot(output)
    line = output.get_by_text(KERNEL_GONE)
    assert not line.is_visible()
    notebook.restart_kernel()
    line.wait_for(state="visible")
    icons = output.locator(".jupyter-widgets-disconnected").evaluate_all(
        "widgets => widgets.map(each => getComputedStyle(each, '::before').content)"
    )
    assert icons
    assert set(icons) == {"none"}
