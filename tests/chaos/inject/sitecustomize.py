"""Python imports this at its start when the folder is on PYTHONPATH: arms the faults in every process of the stack."""

import os

if os.environ.get("CHAOS_HOME"):
    from tests.chaos import hooks

    hooks.install()
