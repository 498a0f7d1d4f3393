"""The store: the truth about campaigns, posts, approvals, personas and brands, in one table.

    store = Store(SQLiteTable(path))            # or DynamoDBTable(client, table_name)

    store.campaigns    create get list move update add_usage delete live_using in_work ended_since ended_before
                       forget_checkpoints
    store.looks        due all again over soon of   (when a campaign in work is looked at next)
    store.turns        take give_back               (who does a duty of upkeep at the moment)
    store.renew(now)                            what the version before left elsewhere
    store.posts        put_planned get list save_revision revision revisions update review
    store.approvals    open_round round rounds current_round by_callback due put_off tell ended_since act case
                       decisions
    store.drafts       get save                 (reviews begun and not yet sent)
    store.audit        entries verify           (entries are written by the transaction of what they record)
    store.outbox       add due of claim done retry quarantine quarantined
    store.planned_with get                      (brand, personas and configuration as a plan was made with them)
    store.leases       acquire renew release current last
    store.recoveries   last begin
    store.personas     create get list update delete         store.examples   add get list update delete
    store.brands       create get list update delete         store.assets     add get list update delete
    store.templates    create get named list update delete changes
    store.occurrences  find put list queued         (one for each template and period)
    store.idempotency  get put
    store.signals      put since alarm turn         (counts and alarms of housekeeping, across tenants)
    store.purge(now, files=…)                   what was deleted long enough ago (see `retention`)
    store.record(tenant_id, campaign_id, fact)  an audit entry on its own (a link opened, a bounce)

Rules that hold everywhere: the tenant comes first; unknown, foreign, malformed and deleted ids answer the
same `NotFoundError`; time and attempt ids come in; every change is conditional, so a lost race is an error
and never an overwrite; `StoreUnavailableError` means try again, and trying again is safe. Lists by tenant,
`due`, `in_work` and `ended_…` may lag a moment on DynamoDB; everything else is as of now.
"""

from campaigns.model.fact import Fact
from campaigns.store.audit import BrokenLink
from campaigns.store.campaigns import Created
from campaigns.store.documents import Page
from campaigns.store.idempotency import IdempotencyRecord
from campaigns.store.leases import Lease
from campaigns.store.outbox import OutboxEntry
from campaigns.store.recoveries import Recovery
from campaigns.store.store import Store
from campaigns.store.table import Table

__all__ = [
    "BrokenLink",
    "Created",
    "Fact",
    "IdempotencyRecord",
    "Lease",
    "OutboxEntry",
    "Page",
    "Recovery",
    "Store",
    "Table",
]
