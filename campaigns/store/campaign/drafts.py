"""Reviews that were begun and not yet sent: the last save of each approver stands, and it decides nothing."""

from typing import Final

from campaigns.keys.links import MAX_LIFETIME
from campaigns.model.approval import ApprovalRound, ReviewDraft
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of, value_of
from campaigns.store.tables.table import Item, Repository

KEPT_AFTER: Final = MAX_LIFETIME
"""After the end that its round had when it was saved, or extended since."""


class DraftRepository(Repository):
    """One draft for each approver of a round."""

    def get(self, round_: ApprovalRound, approver_id: str) -> ReviewDraft | None:
        item = self._table.get(keys.draft(*round_.campaign_ref, round_.n, approver_id))
        return value_of(item, ReviewDraft) if item else None


def draft_item(round_: ApprovalRound, approver_id: str, draft: ReviewDraft) -> Item:
    key = keys.draft(*round_.campaign_ref, round_.n, approver_id)
    retention = keys.purged_after(max(draft.saved_at, round_.expires_at) + KEPT_AFTER, key)
    return item_of(key, "draft", draft, **retention)
