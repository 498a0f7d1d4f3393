"""Where everything lies: builds the keys of all that is stored (domain.md section 18).

The key of what a tenant has begins with the tenant. Ids are checked against the patterns of the model before they
become part of one, and no pattern admits `#`, so different parts give different keys. Free text (idempotency keys,
external references, brand names) goes in as its SHA-256: bounded, and no user text in a key. Partitions of all tenants
begin with `@`, which no tenant can: what links and feeds point at, and what housekeeping reads and counts.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from campaigns.errors import NotFoundError
from campaigns.model.base import (
    AssetId,
    BrandId,
    CampaignId,
    ExampleId,
    FeedId,
    PersonaId,
    PostId,
    TemplateId,
    TenantId,
)
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store.tables.table import Index, Key

_OUTBOX_ID: Final = re.compile(r"outbox_[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)
_CALLBACK_ID: Final = re.compile(r"[0-9A-Za-z_-]{22,64}", re.ASCII)
_APPROVER_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_NAMES: Final[dict[str, TypeAdapter[str]]] = {
    "tenant": TypeAdapter(TenantId),
    "campaign": TypeAdapter(CampaignId),
    "post": TypeAdapter(PostId),
    "persona": TypeAdapter(PersonaId),
    "example": TypeAdapter(ExampleId),
    "brand": TypeAdapter(BrandId),
    "asset": TypeAdapter(AssetId),
    "template": TypeAdapter(TemplateId),
    "feed": TypeAdapter(FeedId),
}
_MAX_NUMBER: Final = 999_999_999


class BadKeyError(ValueError):
    """A number or moment that no key can hold: a bug, not a mistake of a user."""


# Nothing can lie under an id that is not one: it is unknown, like any other.
def _id(kind: str, value: str) -> str:
    try:
        return _NAMES[kind].validate_python(value, strict=True)
    except ValidationError:
        raise _unknown(kind, value) from None


def _match(kind: str, pattern: re.Pattern[str], value: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _unknown(kind, value)
    return value


def _unknown(kind: str, value: object) -> NotFoundError:
    return NotFoundError(kind, ascii(value)[1:-1][:80] if isinstance(value, str) else "of this kind")


def _number(value: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_NUMBER:
        raise BadKeyError("not a number for a key")
    return f"{value:09d}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def instant(at: datetime) -> str:
    """Return the moment as text of one width that sorts as time does."""
    if at.tzinfo is None:
        raise BadKeyError("an instant needs an offset")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


# --- a campaign and what belongs to it ---------------------------------------------------------------


def campaign_partition(tenant_id: str, campaign_id: str) -> str:
    return f"{_id('tenant', tenant_id)}#{_id('campaign', campaign_id)}"


def _the_one(name: str) -> Callable[[str, str], Key]:
    """Return the builder of a key of what a campaign has one of."""

    def key(tenant_id: str, campaign_id: str) -> Key:
        return Key(campaign_partition(tenant_id, campaign_id), name)

    return key


campaign = _the_one("campaign")
tombstone = _the_one("tombstone")
"""Marks a deleted campaign until its time to be purged."""
audit_head = _the_one("audit-head")
lease = _the_one("lease")
recovery = _the_one("recovery")
look = _the_one("look")
"""Says when a campaign is looked at next."""
work = _the_one("work")
"""Counts how long a campaign was worked on."""

USAGE: Final = "usage#"


def usage(tenant_id: str, campaign_id: str, fact: str) -> Key:
    """Notes a cost, once."""
    return Key(campaign_partition(tenant_id, campaign_id), f"{USAGE}{_hashed(fact)}")


POSTS: Final = "post#"


def post(tenant_id: str, campaign_id: str, post_id: str) -> Key:
    return Key(campaign_partition(tenant_id, campaign_id), f"{POSTS}{_id('post', post_id)}")


def revisions(post_id: str) -> str:
    """Return the prefix of a post's revisions. Not under `post#`: listing posts must not read their past."""
    return f"revision#{_id('post', post_id)}#"


def revision(tenant_id: str, campaign_id: str, post_id: str, n: int) -> Key:
    return Key(campaign_partition(tenant_id, campaign_id), f"{revisions(post_id)}{_number(n)}")


ROUNDS: Final = "round#"


def round_(tenant_id: str, campaign_id: str, n: int) -> Key:
    return Key(campaign_partition(tenant_id, campaign_id), f"{ROUNDS}{_number(n)}")


def decisions(n: int) -> str:
    return f"decision#{_number(n)}#"


def decision(tenant_id: str, campaign_id: str, n: int, approver_id: str) -> Key:
    part = _match("approver", _APPROVER_ID, approver_id)
    return Key(campaign_partition(tenant_id, campaign_id), f"{decisions(n)}{part}")


def used_answer(tenant_id: str, campaign_id: str, n: int, answer: str) -> Key:
    """Marks an answer whose decision was taken back: it is not recorded again."""
    return Key(campaign_partition(tenant_id, campaign_id), f"used-answer#{_number(n)}#{_hashed(answer)}")


def draft(tenant_id: str, campaign_id: str, n: int, approver_id: str) -> Key:
    part = _match("approver", _APPROVER_ID, approver_id)
    return Key(campaign_partition(tenant_id, campaign_id), f"draft#{_number(n)}#{part}")


def code(tenant_id: str, campaign_id: str, n: int, approver_id: str) -> Key:
    part = _match("approver", _APPROVER_ID, approver_id)
    return Key(campaign_partition(tenant_id, campaign_id), f"code#{_number(n)}#{part}")


AUDIT: Final = "audit#"


def audit(tenant_id: str, campaign_id: str, seq: int) -> Key:
    return Key(campaign_partition(tenant_id, campaign_id), f"{AUDIT}{_number(seq)}")


PLANNED_WITH: Final = "planned-with#"


def planned_with(tenant_id: str, campaign_id: str, part: str) -> Key:
    """Keep what a plan was made with; `part`: config, brand, or the id of a persona."""
    named = part if part in {"config", "brand"} else _id("persona", part)
    return Key(campaign_partition(tenant_id, campaign_id), f"{PLANNED_WITH}{named}")


FAILED_STEPS: Final = "failed-step#"
RAN_OUT: Final = "ran-out#"


def ran_out(tenant_id: str, campaign_id: str, n: int) -> Key:
    """Notes that the time of a round was over, although it went on."""
    return Key(campaign_partition(tenant_id, campaign_id), f"{RAN_OUT}{_number(n)}")


def failed_step(tenant_id: str, campaign_id: str, step: str) -> Key:
    """Counts how often a step of a campaign has failed, or was tried."""
    return Key(campaign_partition(tenant_id, campaign_id), f"{FAILED_STEPS}{_hashed(step)}")


# --- personas and brands -----------------------------------------------------------------------------


def persona(tenant_id: str, persona_id: str) -> Key:
    return Key(f"{_id('tenant', tenant_id)}#{_id('persona', persona_id)}", "persona")


EXAMPLES: Final = "example#"


def example(tenant_id: str, persona_id: str, example_id: str) -> Key:
    return Key(persona(tenant_id, persona_id).pk, f"{EXAMPLES}{_id('example', example_id)}")


def example_count(tenant_id: str, persona_id: str) -> Key:
    return Key(persona(tenant_id, persona_id).pk, "example-count")


_COUNTED: Final = re.compile(r"brand|persona|template|feed", re.ASCII)


def tenant_count(tenant_id: str, kind: str) -> Key:
    """Counts how many a tenant has of what has a limit: brands, personas, templates or calendar feeds."""
    return Key(list_partition(tenant_id, _match("count", _COUNTED, kind)), "count")


def asset_count(tenant_id: str, brand_id: str) -> Key:
    return Key(brand(tenant_id, brand_id).pk, "count")


def brand(tenant_id: str, brand_id: str) -> Key:
    return Key(f"{_id('tenant', tenant_id)}#{_id('brand', brand_id)}", "brand")


ASSETS: Final = "asset#"


def asset(tenant_id: str, brand_id: str, asset_id: str) -> Key:
    return Key(brand(tenant_id, brand_id).pk, f"{ASSETS}{_id('asset', asset_id)}")


def asset_file(tenant_id: str, brand_id: str, asset_id: str) -> str:
    """Return the name of an asset's bytes in bucket or folder: `tenant/brand/asset`."""
    return "/".join((_id("tenant", tenant_id), _id("brand", brand_id), _id("asset", asset_id)))


def brand_name(tenant_id: str, name: str) -> Key:
    """Reserve a name. Case, width and inner spaces do not make another name."""
    folded = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return Key(f"{_id('tenant', tenant_id)}#brand-name", _hashed(folded))


# --- what must happen because of what was written -------------------------------------------------------

OUTBOX: Final = "outbox#"


def subject_partition(tenant_id: str, subject_id: str) -> str:
    """Return the partition of a campaign or persona, whichever the id names."""
    if isinstance(subject_id, str) and subject_id.startswith("persona_"):
        return persona(tenant_id, subject_id).pk
    return campaign_partition(tenant_id, subject_id)


def outbox(tenant_id: str, subject_id: str, entry_id: str) -> Key:
    return Key(subject_partition(tenant_id, subject_id), f"{OUTBOX}{_match('outbox', _OUTBOX_ID, entry_id)}")


# --- things said once ---------------------------------------------------------------------------------


def idempotency(tenant_id: str, key: str) -> Key:
    return Key(f"{_id('tenant', tenant_id)}#idem", _hashed(key))


def external_ref(tenant_id: str, ref: str) -> Key:
    return Key(f"{_id('tenant', tenant_id)}#external-ref", _hashed(ref))


# --- templates and their occurrences -------------------------------------------------------------------


def template(tenant_id: str, template_id: str) -> Key:
    return Key(f"{_id('tenant', tenant_id)}#{_id('template', template_id)}", "template")


def template_name(tenant_id: str, name: str) -> Key:
    """Reserve a name, as for brands."""
    return Key(f"{_id('tenant', tenant_id)}#template-name", brand_name(tenant_id, name).sk)


TEMPLATE_CHANGES: Final = "change#"


def template_change(tenant_id: str, template_id: str, version: int) -> Key:
    return Key(template(tenant_id, template_id).pk, f"{TEMPLATE_CHANGES}{_number(version)}")


def occurrence(tenant_id: str, template_id: str, period: str, n: int) -> Key:
    """Where the one occurrence of a period lies: whoever wants it meets the others here."""
    return Key(template(tenant_id, template_id).pk, f"occurrence#{_hashed(period)}#{_number(n)}")


def occurrence_claimed_last(tenant_id: str, template_id: str) -> Key:
    """Where the claims of one template meet, of whatever period."""
    return Key(template(tenant_id, template_id).pk, "occurrence#claimed-last")


def occurrences_partition(tenant_id: str, template_id: str) -> str:
    return f"{template(tenant_id, template_id).pk}#occurrences"


# --- the calendar of a tenant ---------------------------------------------------------------------------


def calendar_partition(tenant_id: str) -> str:
    """Return the index partition of approved posts by their time."""
    return f"{_id('tenant', tenant_id)}#calendar"


def calendar_filled(tenant_id: str) -> Key:
    """Says how far what earlier versions completed was put into the calendar."""
    return Key(calendar_partition(tenant_id), "filled")


def feed(tenant_id: str, feed_id: str) -> Key:
    return Key(f"{_id('tenant', tenant_id)}#{_id('feed', feed_id)}", "feed")


_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def feed_token(digest: str) -> Key:
    """Point from the digest of a token to its feed."""
    return Key(f"@feed#{_match('feed', _SHA256, digest)}", "feed-token")


def callback(callback_id: str) -> Key:
    """Point from a link to its round. The caller compares the tenant found with the one in the link's claims."""
    if not isinstance(callback_id, str) or not _CALLBACK_ID.fullmatch(callback_id):
        raise NotFoundError("approval", "of this link")  # a callback id is a secret: never repeated
    return Key(f"@callback#{callback_id}", "callback")


# --- what housekeeping watches --------------------------------------------------------------------------

SIGNALS: Final = "@signals"
_SIGNAL_KIND: Final = re.compile(r"[a-z][a-z_]{0,39}", re.ASCII)
_SIGNAL_SOURCE: Final = re.compile(r"[0-9a-f]{1,32}", re.ASCII)


def signal(at: datetime, kind: str, source: str) -> Key:
    """Count of one kind of event, by one process, in the minute that starts at this moment."""
    named = _match("signal", _SIGNAL_KIND, kind), _match("source", _SIGNAL_SOURCE, source)
    return Key(SIGNALS, "#".join((instant(at), *named)))


TALLIES: Final = "@tallies"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def tally(day: date, source: str) -> Key:
    """What one process counted on a day; without a source, what those did that are done."""
    return Key(TALLIES, f"{_match('day', _DAY, str(day))}#{_match('source', _SIGNAL_SOURCE, source) if source else ''}")


def turn(duty: str) -> Key:
    """Says who does a duty of upkeep at the moment."""
    return Key("@turns", _match("turn", _SIGNAL_KIND, duty))


RUNNING: Final = "@running"
"""Which code the parts of the installation have."""


def running(part: str, release: str) -> Key:
    """Says when a part of this release was seen last."""
    return Key(RUNNING, f"{_match('part', _SIGNAL_KIND, part)}#{_match('release', _SIGNAL_SOURCE, release)}")


def alarm(kind: str) -> Key:
    return Key("@alarms", _match("alarm", _SIGNAL_KIND, kind))


# --- how hard the model is worked ------------------------------------------------------------------------

MODEL: Final = "@model"
MODEL_NOW: Final = "now#"
"""What stands at this moment: the limit, the switch, and the processes that call the model."""
MODEL_USES: Final = f"{MODEL_NOW}use#"
MODEL_SWITCHED: Final = "switched#"


MODEL_LIMIT: Final = Key(MODEL, f"{MODEL_NOW}limit")
MODEL_SWITCH: Final = Key(MODEL, f"{MODEL_NOW}switch")


def model_switched(n: int) -> Key:
    """Keeps who turned the switch, and why."""
    return Key(MODEL, f"{MODEL_SWITCHED}{_number(n)}")


def model_use(owner: str) -> Key:
    """What one process says of its calls."""
    return Key(MODEL, f"{MODEL_USES}{_match('owner', _SIGNAL_SOURCE, owner)}")


# --- index keys ---------------------------------------------------------------------------------------


def list_partition(tenant_id: str, kind: str) -> str:
    return f"{_id('tenant', tenant_id)}#{kind}s"


def status_partition(tenant_id: str, status: CampaignStatus) -> str:
    return f"{_id('tenant', tenant_id)}#campaigns#{CampaignStatus(status)}"


def brand_partition(tenant_id: str, brand_id: str) -> str:
    return f"{_id('tenant', tenant_id)}#campaigns#{_id('brand', brand_id)}"


SHARDS: Final = 8
"""Partitions of each kind: a partition takes 1,000 writes a second, and a sweep asks each of them once."""


class Due(StrEnum):
    """What housekeeping finds by its time, across tenants."""

    LOOKS = "looks"
    """Campaigns whose run is looked at."""
    ROUNDS = "rounds"
    """Open rounds: the next reminder, or the end."""
    BELLS = "bells"
    RUNS = "runs"
    NOTICES = "notices"
    """What waits in the outbox, by who carries it: none of them is read because another has much to do."""
    PURGE = "purge"
    """What is kept no longer from then on."""
    ENDED = "ended"
    """Campaigns at rest, by their end, and how they ended."""
    ENDED_ROUNDS = "ended-rounds"
    """Rounds that were decided or ran out, by that moment."""
    ASIDE = "aside"
    """What was set aside in the outbox, by that moment."""


def shards(kind: Due) -> list[str]:
    """Return the index partitions of a kind."""
    return [f"@{kind}#{number}" for number in range(SHARDS)]


def due(kind: Due, at: datetime, key: Key, says: str = "") -> dict[str, Any]:
    """Return the attributes that let an item be found at a moment; what it `says` is read there without the item."""
    shard = hashlib.sha256("\n".join(key).encode()).digest()[0] % SHARDS
    return {"due_pk": f"@{kind}#{shard}", "due_sk": f"{instant(at)}#{says}"}


QUEUED_OCCURRENCES: Final = "@queued"
"""Occurrences of templates that wait for the one before."""
IN_WORK_BEFORE: Final = "@working"
OF_BEFORE: Final = ("@outbox", "@quarantined", "@rounds", "@rounds-ended", IN_WORK_BEFORE, "@ended", "@purge")
"""The partitions that earlier versions wrote; `store.upkeep.renewal` moves what stands there."""


def indexed(index: Index, pk: str, at: datetime, tie: str) -> dict[str, Any]:
    """Return the attributes that put an item into an index partition at a moment; `tie` orders equal moments."""
    return {f"{index}_pk": pk, f"{index}_sk": f"{instant(at)}#{tie}"}


def after(at: datetime) -> str:
    """Return the lowest index sort key of this moment."""
    return instant(at)


def until(at: datetime) -> str:
    """Return the highest index sort key of this moment."""
    return f"{instant(at)}#~"


def purged_after(at: datetime, key: Key) -> dict[str, Any]:
    """Return the attributes of an item that the purge removes from this moment on, and nothing but it.

    `ttl` (epoch seconds) lets DynamoDB remove it too, days late (so nobody relies on it).
    """
    return {**purged_whole_after(at, key), "ttl": int(at.timestamp())}


def purged_whole_after(at: datetime, key: Key) -> dict[str, Any]:
    """Return the attributes of an item that the purge removes with what hangs on it: a partition, or a file.

    No `ttl`: DynamoDB would remove the item alone, and nobody would find the rest.
    """
    return due(Due.PURGE, at, key)
