from __future__ import annotations

import IPython
import pytest
from IPython.testing.globalipapp import start_ipython


@pytest.fixture(scope="session")
def global_shell():
    """The one IPython shell of the test process; a second start answers None."""
    return start_ipython() or IPython.get_ipython()
