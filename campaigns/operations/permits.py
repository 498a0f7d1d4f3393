"""Permits to call the model: as many over all processes as the model bears, shared between tenants (`rules.permits`).

    with permits.hold(tenant_id):
        ...                       # one post, one plan: a call and its repairs

A process says what it wants and reads what the others do, every two seconds while it has work for the model and at most
four times a second, and knows from that how many permits are its own. A call costs nothing in the store, and no two
processes write the same item, but for the limit, which one of them changes at a time. A process that comes waits until
the others have heard of it and give up what is more than their share; one that is killed is silent, and its permits are
free. Where the model says how long it is not to be asked (`Retry-After`), none is free until then, in any process.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final
from uuid import uuid4

from campaigns.agents.failures import FailureCode
from campaigns.errors import AgentError
from campaigns.rules.permits import Demand, next_limit, shares
from campaigns.store import Store
from campaigns.store.upkeep.permits import Limit, Model, PermitRepository, Use

log = logging.getLogger("campaigns.operations.permits")

PERIOD: Final = timedelta(seconds=2)
"""Between two words of a process, and between two changes of the limit: what was called before has ended, mostly."""
SILENCE: Final = 5
"""Periods without a word after which a process is gone."""
LONGEST_REST: Final = timedelta(minutes=2)
"""For no longer is the model not asked because it says so: as long as a post may take. It may say so again."""
_AT_ONCE: Final = 25
"""Processes that speak in a second: where there are more, each speaks less often, and reading costs no more."""
_LOOK_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 5.0
_NEVER: Final = datetime.fromtimestamp(0, UTC)


class Rest:
    """Until when the model asks not to be asked, as this process was told or has heard from others."""

    def __init__(self) -> None:
        self._until = _NEVER

    def until(self, now: datetime) -> datetime | None:
        """Return until when nothing is asked, None: it may be asked."""
        return self._until if now < self._until else None

    def take(self, until: datetime, now: datetime) -> None:
        """Rest at least until then, within the bound. A clock that was set back makes no rest longer."""
        self._until = min(max(self._until, until), now + LONGEST_REST)


class Share:
    """The permits of one tenant in this process. Thread-safe; a thread of its own speaks while there is work."""

    def __init__(self, repository: PermitRepository, tenant_id: str, *, most: int, rest: Rest) -> None:
        self._repository = repository
        self._rest_asked = rest
        self._tenant_id = tenant_id
        self._most = most
        self._owner = uuid4().hex
        self._changed = threading.Condition()
        self._speak = threading.Event()
        self._speaker: threading.Thread | None = None
        self._waiting = self._in_use = self._given = self._told = 0
        self._met: deque[tuple[datetime, bool]] = deque()
        self._served = _NEVER
        self._version = 0
        self._stopped = False
        self._pause = PERIOD
        self._said: Use | None = None

    @contextmanager
    def hold(self, still: Callable[[], object]) -> Iterator[None]:
        """See `Permits.hold`."""
        self._take(still)
        refused: bool | None = None
        try:
            yield
            refused = False
        except AgentError as error:
            refused = error.reason == FailureCode.THROTTLED if error.retryable else False
            if error.reason == FailureCode.THROTTLED and (seconds := error.details.get("retryAfterSeconds")):
                now = datetime.now(UTC)
                self._rest_asked.take(now + timedelta(seconds=seconds), now)
                self._speak.set()
            raise
        finally:
            with self._changed:
                self._in_use -= 1
                if refused is not None:
                    self._met.append((datetime.now(UTC), refused))
                if self._in_use >= self._given or not (self._in_use or self._waiting):
                    self._speak.set()  # others wait for it, and this process may end now
                self._changed.notify()

    def _take(self, still: Callable[[], object]) -> None:
        with self._changed:
            self._waiting += 1
            self._begin_to_speak()
        try:
            while not self._taken():
                if self._stopped:
                    self._rest(still)
                still()
        finally:
            with self._changed:
                self._waiting -= 1

    def _taken(self) -> bool:
        """Take a permit, or wait a moment for one."""
        with self._changed:
            if not self._free():
                self._changed.wait(_LOOK_SECONDS)
            if not self._free():
                return False
            self._in_use += 1
            self._served = datetime.now(UTC)
            return True

    def _free(self) -> bool:
        said, now = self._said, datetime.now(UTC)  # without a word that holds, others take what was ours
        if self._stopped or self._rest_asked.until(now) is not None:
            return False
        return self._in_use < self._given and said is not None and now < said.until

    def _rest(self, still: Callable[[], object]) -> None:
        log.warning("calls of the model are stopped: the work waits until they are resumed")
        while self._stopped:
            with self._changed:
                self._changed.wait(_LOOK_SECONDS)
            still()

    def _begin_to_speak(self) -> None:
        if self._speaker is None:
            self._speaker = threading.Thread(target=self._keep_speaking, name="model permits", daemon=True)
            self._speaker.start()
        elif self._told < self._in_use + self._waiting:
            self._speak.set()

    def _keep_speaking(self) -> None:
        """Say what is wanted until nothing is. The work of a thread of its own, which nothing ends but that."""
        idle_since: float | None = None
        at_most_every = threading.Event()
        while True:
            began = monotonic()
            try:
                self._exchange(datetime.now(UTC))
            except Exception as error:  # what a table raises; the permits stay as they were
                log.warning("the use of the model is not known: %s", error)
            self._speak.wait(self._pause.total_seconds())
            at_most_every.wait(max(0.0, began + self._pause.total_seconds() / 8 - monotonic()))
            self._speak.clear()
            with self._changed:
                idle = not self._waiting and not self._in_use
                idle_since = (idle_since or monotonic()) if idle else None
                if idle_since is None or monotonic() - idle_since < _IDLE_SECONDS:
                    continue
                self._speaker, self._said, self._given = None, None, 0
                # Whoever speaks next may do so before this word is deleted: it is not theirs.
                owner, self._owner = self._owner, uuid4().hex
            break
        try:
            self._repository.leave(owner)
        except Exception as error:
            log.debug("the end of the calls was not told, the silence tells it: %s", error)

    def _exchange(self, now: datetime) -> None:
        """Tell the others, hear them, and know by that how many permits are ours."""
        use = self._word(now)
        self._tell(use)
        heard = self._repository.read(now)
        for told in heard.uses:
            self._rest_asked.take(told.rests_until or _NEVER, now)
        pause = max(PERIOD, timedelta(seconds=len(heard.uses) / _AT_ONCE))
        limit = self._moved(heard, now) or heard.limit
        calls = limit.calls if limit else self._most
        share = shares(calls, [each.demand for each in heard.uses]).get(self._owner, 0)
        given = self._left(heard, share, calls)
        if given > use.holds:
            # Two who come at once both find the same permits free: said first and asked again, one of them is told.
            self._tell(replace(use, holds=given))
            given = max(use.holds, self._left(self._repository.read(now), given, calls))
        with self._changed:
            self._given, self._stopped = given, heard.stopped
            # Whoever waits for what others still hold looks more often.
            self._pause = pause if given >= share else pause / 4
            version = limit.version if limit else 0
            if version != self._version:
                self._version = version
                self._met.clear()
            self._changed.notify_all()
        if given < use.holds:
            self._tell(self._word(now))  # somebody waits for it

    def _tell(self, use: Use) -> None:
        """Say it, unless it was said and holds for a while."""
        said = self._said
        if said is not None and replace(said, until=use.until) == use and use.until - said.until < 2 * PERIOD:
            return
        self._repository.tell(use)
        self._said = use

    def _left(self, heard: Model, wish: int, calls: int) -> int:
        """Return how many of those that we wish for are free: what others still hold is not, although it is ours."""
        others = sum(each.holds for each in heard.uses if each.demand.owner != self._owner)
        return min(wish, max(0, calls - others))

    def _word(self, now: datetime) -> Use:
        with self._changed:
            met = [each for _, each in self._met]
            refused = sum(met)
            while self._met and self._met[0][0] < now - 2 * PERIOD:
                self._met.popleft()  # it is told now, and not again
            self._told = self._in_use + self._waiting
            return Use(
                Demand(self._owner, self._tenant_id, self._told, self._served),
                holds=max(self._given, self._in_use),
                answered=len(met) - refused,
                refused=refused,
                version=self._version,
                until=now + SILENCE * max(PERIOD, self._pause),
                rests_until=self._rest_asked.until(now),
            )

    def _moved(self, heard: Model, now: datetime) -> Limit | None:
        """Move the limit by what all processes met since it was moved last; None: it stays, or another moved it."""
        before = heard.limit
        calls, since, version = (before.calls, before.since, before.version) if before else (self._most, _NEVER, 0)
        if now - since < PERIOD:
            return None
        met = [each for each in heard.uses if each.version == version]
        after = next_limit(
            calls,
            most=self._most,
            answered=sum(each.answered for each in met),
            refused=sum(each.refused for each in met),
            wanted=sum(each.demand.wants for each in heard.uses),
        )
        return None if after == calls else self._repository.change(after, before=before, now=now)


class Permits:
    """The permits of this process, by tenant."""

    def __init__(self, store: Store, *, most: int) -> None:
        self._repository = store.permits
        self._most = most
        self._shares: dict[str, Share] = {}
        self._rest = Rest()
        self._changing = threading.Lock()

    def hold(self, tenant_id: str, *, still: Callable[[], object] = lambda: None) -> AbstractContextManager[None]:
        """Hold one permit in the block; it waits until there is one, and while calls are stopped.

        Args:
            still: called about once a second while it waits; what it raises ends the waiting.
        """
        with self._changing:
            share = self._shares.setdefault(
                tenant_id, Share(self._repository, tenant_id, most=self._most, rest=self._rest)
            )
        return share.hold(still)
