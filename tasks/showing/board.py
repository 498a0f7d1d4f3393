"""Puts pages on show, behind the run: a thread writes them, one that has not changed is not written again.

Nothing waits for it but the end of a run and its pause, for a few seconds; what cannot be shown is left out, and told
in the log.
"""

import logging
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Final, TypeVar
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from campaigns.model.base import content_hash
from campaigns.wiring import get_store
from tasks.engine.server.runs import prefect_client
from tasks.engine.tags import put_tags, tags_of
from tasks.showing.pages import OF_A_ROUND, PAGES, Page, key_of
from tasks.steps import SavedCampaign

T = TypeVar("T")

log = logging.getLogger("campaigns.showing")

SETTLE_SECONDS: Final = 5.0
"""The longest time for which the end of a run or its pause waits for what is still to be shown."""
PROGRESS_SECONDS: Final = 2.0
TAGS: Final = "tags"
"""No page: the tags of the run, which say where its campaign is. They go along with the page of the campaign."""
_MOST_REMEMBERED: Final = 500

_pool: Final = ThreadPoolExecutor(1, thread_name_prefix="showing")
_lock: Final = threading.Lock()
_waiting: Final[dict[tuple[str, str, int], Future[None]]] = {}
_shown: Final[OrderedDict[str, str]] = OrderedDict()
_tagged: Final[OrderedDict[str, tuple[UUID, list[str]]]] = OrderedDict()
_progress: Final[OrderedDict[str, tuple[float, UUID | None]]] = OrderedDict()


def show(campaign: SavedCampaign, *kinds: str, n: int = 0) -> None:
    """Show these pages of a campaign as they are once the writer gets to them; returns at once.

    Args:
        n: the round, for a page that there is of each.
    """
    run_id = _run_id()
    for kind in kinds:
        place = (campaign.id, kind, n)
        with _lock:
            if place in _waiting:  # it has not begun: it will show what is new too
                continue
            context = copy_context()
            _waiting[place] = _pool.submit(context.run, _write, place, campaign, run_id)


def settle() -> None:
    """Wait a moment for what is still to be shown: the process may be gone afterwards."""
    with _lock:
        left = list(_waiting.values())
    wait(left, timeout=SETTLE_SECONDS)


def progress(campaign: SavedCampaign) -> None:
    """Show how many posts are written, every few seconds; returns at once."""
    with _lock:
        at, _ = _progress.get(campaign.id, (0.0, None))
        if time.monotonic() - at < PROGRESS_SECONDS:
            return
        _remember(_progress, campaign.id, (time.monotonic(), _progress.get(campaign.id, (0.0, None))[1]))
    show(campaign, "progress")


def put(page: Page, run_id: UUID | None) -> bool:
    """Write a page unless it shows the same already; return whether it was written.

    Raises:
        PrefectUnavailableError, httpx.HTTPError: it may not have been.
    """
    content = content_hash([page.description, page.markdown])
    if _shown.get(page.key) == content:
        return False
    with prefect_client() as client:
        if not _is_shown(client, page):
            client.create_artifact(
                ArtifactCreate(
                    key=page.key, type="markdown", description=page.description, data=page.markdown, flow_run_id=run_id
                )
            )
            written = True
        else:
            written = False
    _remember(_shown, page.key, content)
    return written


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    while len(kept) > _MOST_REMEMBERED:
        kept.popitem(last=False)


def _is_shown(client: SyncPrefectClient, page: Page) -> bool:
    """Whether the newest version of an artifact is this page: a run that begins again shows nothing twice."""
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[page.key]))
    found = client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1)
    return bool(found) and (found[0].description, found[0].data) == (page.description, page.markdown)


def _write(place: tuple[str, str, int], campaign: SavedCampaign, run_id: UUID | None) -> None:
    with _lock:
        _waiting.pop(place, None)
    _, kind, n = place
    try:
        if kind == "progress":
            _write_progress(campaign, run_id)
            return
        store = get_store()
        stored = store.campaigns.get(*campaign.ref)
        if kind in {"campaign", TAGS} and run_id is not None and _tagged.get(campaign.id) != (run_id, tags_of(stored)):
            put_tags(stored, run_id)
            _remember(_tagged, campaign.id, (run_id, tags_of(stored)))
        if kind == TAGS:
            return
        page = OF_A_ROUND[kind](store, stored, n) if kind in OF_A_ROUND else PAGES[kind](store, stored)
        if page is not None:
            put(page, run_id)
    except Exception as error:
        log.warning("%s of %s is not shown: %s: %s", kind, campaign.id, type(error).__name__, str(error)[:200])


def _write_progress(campaign: SavedCampaign, run_id: UUID | None) -> None:
    posts = get_store().posts.list(*campaign.ref)
    written = sum(post.content is not None for post in posts)
    data, said = 100.0 * written / max(1, len(posts)), f"Writing posts: {written} of {len(posts)}"
    at, known = _progress.get(campaign.id, (0.0, None))
    with prefect_client() as client:
        if known is not None:
            client.update_artifact(known, ArtifactUpdate(data=data, description=said))
            return
        made = client.create_artifact(
            ArtifactCreate(
                key=key_of("progress", campaign.id), type="progress", description=said, data=data, flow_run_id=run_id
            )
        )
    _progress[campaign.id] = (at, made.id)


def _run_id() -> UUID | None:
    known = runtime.flow_run.id
    return UUID(str(known)) if known else None
