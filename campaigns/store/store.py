"""The repositories of one table, together."""

from collections.abc import Sequence
from datetime import datetime

from campaigns.errors import VersionConflictError
from campaigns.model.fact import Fact
from campaigns.store.campaign.approvals import ApprovalRepository
from campaigns.store.campaign.calendar import CalendarRepository
from campaigns.store.campaign.campaigns import CampaignRepository
from campaigns.store.campaign.codes import CodeRepository
from campaigns.store.campaign.drafts import DraftRepository
from campaigns.store.campaign.idempotency import IdempotencyRepository
from campaigns.store.campaign.planned_with import PlannedWithRepository
from campaigns.store.campaign.posts import PostRepository
from campaigns.store.campaign.recoveries import RecoveryRepository
from campaigns.store.commits.audit import AuditRepository
from campaigns.store.commits.leases import LeaseRepository
from campaigns.store.commits.looks import LookRepository
from campaigns.store.commits.outbox import OutboxEntry, OutboxRepository, put_back
from campaigns.store.commits.transaction import commit
from campaigns.store.library.assets import AssetFiles
from campaigns.store.library.brand_assets import AssetRepository
from campaigns.store.library.brands import BrandRepository
from campaigns.store.library.examples import ExampleRepository
from campaigns.store.library.feeds import FeedRepository
from campaigns.store.library.occurrences import OccurrenceRepository
from campaigns.store.library.personas import PersonaRepository
from campaigns.store.library.templates import TemplateRepository
from campaigns.store.tables.table import ConditionFailed, Table
from campaigns.store.upkeep.permits import PermitRepository
from campaigns.store.upkeep.renewal import renew
from campaigns.store.upkeep.retention import purge
from campaigns.store.upkeep.signals import SignalRepository
from campaigns.store.upkeep.tallies import TallyRepository
from campaigns.store.upkeep.turns import TurnRepository


class Store:
    """Everything that is kept, by subject. Safe to share between threads when its table is."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.campaigns = CampaignRepository(table)
        self.posts = PostRepository(table)
        self.approvals = ApprovalRepository(table)
        self.drafts = DraftRepository(table)
        self.codes = CodeRepository(table)
        self.audit = AuditRepository(table)
        self.outbox = OutboxRepository(table)
        self.planned_with = PlannedWithRepository(table)
        self.leases = LeaseRepository(table)
        self.looks = LookRepository(table)
        self.turns = TurnRepository(table)
        self.recoveries = RecoveryRepository(table)
        self.personas = PersonaRepository(table)
        self.examples = ExampleRepository(table)
        self.brands = BrandRepository(table)
        self.assets = AssetRepository(table)
        self.idempotency = IdempotencyRepository(table)
        self.templates = TemplateRepository(table)
        self.occurrences = OccurrenceRepository(table)
        self.calendar = CalendarRepository(table)
        self.feeds = FeedRepository(table)
        self.signals = SignalRepository(table)
        self.tallies = TallyRepository(table)
        self.permits = PermitRepository(table)

    def purge(self, now: datetime, *, files: AssetFiles, limit: int = 500) -> dict[str, int]:
        """Remove what was deleted long enough ago (see `retention`) and return how many of each kind."""
        return purge(self.table, now, files=files, limit=limit)

    def renew(self, now: datetime) -> int:
        """Move what the version before left elsewhere (see `renewal`), and return how many items; 0: none is left."""
        return renew(self.table, now)

    def record(self, tenant_id: str, campaign_id: str, fact: Fact, *, outbox: Sequence[OutboxEntry] = ()) -> None:
        """Write an audit entry about something that changed nothing, such as an opened link, and what follows from it.

        Raises:
            NotFoundError: there is no such campaign.
        """
        self.campaigns.get(tenant_id, campaign_id, deleted=True)
        commit(self.table, tenant_id, campaign_id, [], facts=[fact], outbox=outbox)

    def redeliver(self, entries: Sequence[OutboxEntry], *, fact: Fact, at: datetime) -> None:
        """Make quarantined entries of one campaign due at `at`, as if they were new, all or none, with audit.

        Raises:
            VersionConflictError: somebody else put one of them back since it was read; nothing was written.
        """
        writes = [put_back(entry, at=at) for entry in entries]
        try:
            commit(self.table, entries[0].tenant_id, entries[0].subject_id, writes, facts=[fact])
        except ConditionFailed as failed:
            raise VersionConflictError("what was set aside has changed since it was read: order anew") from failed
