from __future__ import annotations

import IPython
import pytest
from IPython.testing.globalipapp import start_ipython

import lr_magic


@pytest.fixture(scope="session")
def global_shell():
    """The one IPython shell of the test process; a second start answers None."""
    return start_ipython() or IPython.get_ipython()


@pytest.fixture
def empty_shell(global_shell):
    """That shell without names, cells and configuration of an earlier test, and with the magics."""
    global_shell.reset(new_session=False)
    # cells that ran in another test are no training of this notebook
    global_shell.history_manager.input_hist_raw[:] = [""]
    lr_magic.load_ipython_extension(global_shell)
    yield global_shell
    lr_magic.unload_ipython_extension(global_shell)
    global_shell.config.pop("LrMagics", None)  # %config outlives the magics
    global_shell.reset(new_session=False)
