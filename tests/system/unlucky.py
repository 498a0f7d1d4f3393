"""`python -m tests.system.unlucky FD`: a fork server that something happens to between fork and answer.

What, says `TESTS_HAPPENS`: it is `late`, or it is `killed`.
"""

from __future__ import annotations

import os
import signal
import time

from deployments.warm import server

LATE_SECONDS = 3.0

_fork = server._fork


def _fork_and_see() -> int | None:
    process = _fork()
    if process is not None:
        if os.environ["TESTS_HAPPENS"] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(LATE_SECONDS)
    return process


if __name__ == "__main__":
    server._fork = _fork_and_see
    server.main()
