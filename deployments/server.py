"""The Prefect server of the local stack: `python -m deployments.server --host 127.0.0.1 --port 4200`.

`prefect server start` with a few changes. Two are for what SQLite does under load.

When a client goes away in the middle of a request, the server's event loop can come to free a cursor of a connection
that waits for the database in its own thread: it waits for that connection then, and holds Python's lock, so that the
connection which could give the database free does not get on either. Seen in gdb: `cursor_dealloc` in `sqlite3_reset`
here, `sqlite3InvokeBusyHandler` there. Nothing moves until SQLite gives up waiting, and Prefect 3.8.8 lets it wait for
a minute. Here it gives up sooner.

What it gave up is rolled back, and answered with 503. Prefect's clients ask again; a browser does not, and whoever
clicks in the UI is told that the run could not be started. So here the server asks again itself. On PostgreSQL nothing
of this happens.

The others save work: states of steps are written together (`record_together`), and background work is looked for once
a second (`look_less_often`).
"""

import logging
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

import anyio
from docket import Worker
from prefect.cli import app
from prefect.server.api import background_workers, server
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.services import task_run_recorder
from sqlalchemy.exc import IntegrityError

log = logging.getLogger("prefect.campaigns.server")  # below Prefect's: shown as its own lines are

BUSY_SECONDS: Final = 3
PAUSES: Final = (0.1, 0.3, 1.0, 2.0)
"""Seconds before a request whose transaction was given up is asked once more."""

LOOKS_EVERY: Final = timedelta(seconds=1)
"""How often the server looks for its background work; Prefect's own does so four times a second, twice."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AskedAgain:
    """Asks the server's application again where it answers 503: the database was busy, and nothing was done."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = [await receive()]
        while given[-1].get("more_body"):
            given.append(await receive())
        for pause in PAUSES:
            if not await self._refused(scope, given, receive, send):
                return
            log.info("the database was busy: %s %s is asked again", scope["method"], scope["path"])
            await anyio.sleep(pause)
        await self._app(scope, _told(given, receive), send)

    async def _refused(self, scope: Message, given: list[Message], receive: Receive, send: Send) -> bool:
        """Pass the answer on, or return True for one that says 503, of which nothing is passed on."""
        refused = False

        async def passed_on(message: Message) -> None:
            nonlocal refused
            refused = refused or message.get("status") == 503
            if not refused:
                await send(message)

        try:
            # Starlette writes into the scope what belongs to one answer.
            await self._app({**scope, "state": dict(scope.get("state", {}))}, _told(given, receive), passed_on)
        except Exception:  # told with its 503 already, and raised again for the log
            if not refused:
                raise
        return refused


def _told(given: list[Message], receive: Receive) -> Receive:
    """Return a source of the request from its beginning, however often it was read."""
    left = iter(given)

    async def next_one() -> Message:
        return next(left, None) or await receive()

    return next_one


def give_up_sooner() -> None:
    """Let SQLite wait for its lock for seconds, not for a minute."""
    setup = AioSqliteConfiguration.setup_sqlite

    def set_up(self: AioSqliteConfiguration, connection: Any, record: Any) -> None:
        setup(self, connection, record)
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
        cursor.close()

    setattr(AioSqliteConfiguration, "setup_sqlite", set_up)  # noqa: B010 - Prefect has no setting for it


def ask_again() -> None:
    """Let the server ask again what its busy database refused."""
    create = server.create_app

    def created(*given: Any, **named: Any) -> Any:
        made = create(*given, **named)
        made.add_middleware(AskedAgain)
        return made

    setattr(server, "create_app", created)  # noqa: B010 - nor for this


def record_together() -> None:
    """Let the states of steps that the server writes together be written one by one where one of them cannot be.

    The stack lets it write up to fifty in one transaction: alone, each takes more CPU than all the rest of a step. One
    of a run that somebody has deleted is refused, and Prefect would leave out all that came with it.
    """
    together = task_run_recorder.record_bulk_task_run_events

    async def recorded(events: list[ReceivedEvent]) -> None:
        try:
            await together(events)
        except IntegrityError:
            if len(events) == 1:
                raise  # Prefect says which it leaves out
            for event in events:
                await task_run_recorder.record_task_run_event(event)

    setattr(task_run_recorder, together.__name__, recorded)


def look_less_often() -> None:
    """Let the server look for its background work once a second: looking is a third of what it does with no client."""
    worker = partial(Worker, minimum_check_interval=LOOKS_EVERY, scheduling_resolution=LOOKS_EVERY)
    setattr(background_workers, "Worker", worker)  # noqa: B010 - Prefect has no setting for it


def main() -> None:
    give_up_sooner()
    ask_again()
    record_together()
    look_less_often()
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
