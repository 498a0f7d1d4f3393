"""The store: the truth about campaigns, posts, approvals, personas and brands, in one table.

    store = Store(SQLiteTable(path))            # or DynamoDBTable(client, table_name)

    store.campaigns     campaigns: created once, moved from status to status, found by what they wait for; their costs
    store.planned_with  brand, personas and configuration as a plan was made with them
    store.posts         posts, and every revision of their words
    store.approvals     rounds, decisions, and what people are to hear of them
    store.drafts        reviews begun and not yet sent            store.codes     codes sent by e-mail
    store.audit         the trail (the transaction of what an entry records writes it)
    store.outbox        what must leave because of what was written
    store.leases        who builds a campaign                     store.looks     when it is looked at next
    store.recoveries    restarts, failures and hours of work      store.turns     who does a duty of upkeep now
    store.brands        store.assets (what is known of a brand's files)
    store.personas      store.examples (what a persona wrote)
    store.templates     store.occurrences (one for each template and period)
    store.calendar      what a tenant has go out, by time         store.feeds     calendars read by a token
    store.idempotency   answers given for a key
    store.signals       alarms, and what they count               store.tallies   numbers of all processes, by day
    store.permits       how hard the model is worked, over all processes
    store.purge         what was deleted long enough ago          store.renew     what the version before left elsewhere
    store.record        an audit entry on its own (a link opened, a bounce)
    store.redeliver     what was set aside in the outbox, once more

Rules that hold everywhere: the tenant comes first; unknown, foreign, malformed and deleted ids answer the
same `NotFoundError`; time and attempt ids come in; every change is conditional, so a lost race is an error
and never an overwrite; `StoreUnavailableError` means try again, and trying again is safe. Lists by tenant,
`due`, `in_work` and `ended_…` may lag a moment on DynamoDB; everything else is as of now.

Belongs here: every read and write of the table. Does not: whether a change is allowed (`campaigns.rules`), and sealed
results of steps (`campaigns.checkpoints`).
"""

from campaigns.model.fact import Fact
from campaigns.store.campaign.campaigns import Created
from campaigns.store.campaign.idempotency import IdempotencyRecord
from campaigns.store.campaign.recoveries import Recovery
from campaigns.store.commits.audit import BrokenLink
from campaigns.store.commits.leases import Lease
from campaigns.store.commits.outbox import OutboxEntry
from campaigns.store.items.documents import Page, if_there
from campaigns.store.store import Store
from campaigns.store.tables.table import Table

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
    "if_there",
]
