"""Drives a notebook in a real browser the way a person does: run cells, look at outputs, use the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator, Page

TIMEOUT_MS = 60_000
_PANEL = {
    "lab": "jupyterapp.shell.currentWidget",
    "notebook": "Array.from(jupyterapp.shell.widgets('main'))[0]",
}


class NotebookPage:
    """A notebook opened in JupyterLab ("lab") or Notebook 7 ("notebook")."""

    def __init__(self, page: Page, address: str, app: str, file: Path) -> None:
        self.page = page
        self.file = file
        self._address = address
        notebook = file.name
        self._panel = _PANEL[app]
        path = f"lab/tree/{notebook}?reset" if app == "lab" else f"notebooks/{notebook}"
        joiner = "&" if "?" in path else "?"
        self._url = f"{address}/{path}{joiner}token=letmein"
        page.set_default_timeout(TIMEOUT_MS)
        self.come_back()

    def leave(self) -> None:
        """Close the notebook's page; the kernel goes on."""
        self.page.goto("about:blank")

    def come_back(self) -> None:
        """Open the notebook, and wait until its kernel is idle."""
        self.page.goto(self._url)
        self.page.wait_for_function(
            f"() => window.jupyterapp && {self._panel}?.sessionContext?.session?.kernel?.status === 'idle'"
            f" && {self._panel}.content.widgets.length > 0",
            timeout=TIMEOUT_MS,
        )

    def cell(self, index: int) -> Locator:
        """The cell on the page."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """The output area of a cell."""
        return self.cell(index).locator(".jp-OutputArea").first

    def start(self, index: int) -> None:
        """Run a cell and do not wait for its end."""
        self.page.evaluate(
            f"""(index) => {{
                const panel = {self._panel};
                panel.content.activeCellIndex = index;
                panel.content.deselectAll();
                window.cellDone = false;
                jupyterapp.commands.execute('notebook:run-cell').then(() => {{ window.cellDone = true; }});
            }}""",
            index,
        )

    def wait_until_done(self) -> None:
        """Wait for the end of the cell that was started last."""
        self.page.wait_for_function("() => window.cellDone", timeout=TIMEOUT_MS)

    def run(self, index: int) -> None:
        """Run a cell to its end."""
        self.start(index)
        self.wait_until_done()

    def printed(self, index: int) -> str:
        """What a cell printed."""
        return self.output(index).inner_text()

    def ask(self, index: int) -> str:
        """Run a cell and give what it printed."""
        self.run(index)
        return self.printed(index)

    def set_source(self, index: int, text: str) -> None:
        """Write a text into a cell, whose outputs go."""
        self.page.evaluate(
            f"""([index, text]) => {{
                const {{ model }} = {self._panel}.content.widgets[index];
                model.outputs.clear();
                model.sharedModel.setSource(text);
            }}""",
            [index, text],
        )

    def deliver_no_clicks(self) -> None:
        """Make the front end one that does not open subshells, so that widget messages wait for the end of a cell."""
        self.page.evaluate(f"() => {{ {self._panel}.sessionContext.session.kernel.commsOverSubshells = 'disabled'; }}")

    def interrupt(self) -> None:
        """Click the toolbar's interrupt button."""
        self.page.locator("[data-jp-item-name='interrupt']").first.click()

    def freeze(self) -> Callable[[], None]:
        """Let the page do nothing any more, without costing processor time; gives what lets it go on."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Debugger.enable")
        session.send("Debugger.pause")
        return lambda: session.send("Debugger.disable")

    def kernel_state(self) -> str:
        """What the server says of the kernel ("busy", "idle"): it can be asked while the page is closed or stands."""
        sessions = self.page.context.request.get(f"{self._address}/api/sessions?token=letmein").json()
        return next(each["kernel"]["execution_state"] for each in sessions if each["path"] == self.file.name)

    def use_theme(self, name: str) -> None:
        """Change the app's theme, and wait until the page has it."""
        self.page.evaluate(f"() => jupyterapp.commands.execute('apputils:change-theme', {{ theme: '{name}' }})")
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{name}'")

    def shut_down(self) -> None:
        """End the kernel."""
        self.page.evaluate(f"() => {self._panel}.sessionContext.shutdown()")

    def save(self) -> None:
        """Save the notebook and wait until it is saved."""
        self.page.evaluate(f"() => {self._panel}.context.save()")

    def restart_kernel(self) -> None:
        """Restart the kernel; what the widgets stood for is gone."""
        self.page.evaluate(f"() => {self._panel}.sessionContext.session.kernel.restart()")
