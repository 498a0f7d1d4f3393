"""The Prefect server of the local stack: `python -m deployments.server --host 127.0.0.1 --port 4200`.

`prefect server start` with one change, which only SQLite needs. When a client goes away in the middle of a request,
the server's event loop can come to free a cursor of a connection that waits for the database in its own thread: it
waits for that connection then, and holds Python's lock, so that the connection which could give the database free
does not get on either. Seen in gdb: `cursor_dealloc` in `sqlite3_reset` here, `sqlite3InvokeBusyHandler` there. Nothing
moves until SQLite gives up waiting, and Prefect 3.8.8 lets it wait for a minute. Clients ask again after "database is
locked", so here it gives up sooner. On PostgreSQL nothing of this happens.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from prefect.cli import app
from prefect.server.database.configurations import AioSqliteConfiguration

BUSY_SECONDS: Final = 3


def give_up_sooner() -> None:
    """Let SQLite wait for its lock for seconds, not for a minute."""
    setup = AioSqliteConfiguration.setup_sqlite

    def set_up(self: AioSqliteConfiguration, connection: Any, record: Any) -> None:
        setup(self, connection, record)
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
        cursor.close()

    setattr(AioSqliteConfiguration, "setup_sqlite", set_up)  # noqa: B010 - Prefect has no setting for it


def main() -> None:
    give_up_sooner()
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
