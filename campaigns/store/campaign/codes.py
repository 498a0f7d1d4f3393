"""One-time codes that were sent: one for each approver of a round, with how often somebody tried."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from campaigns.model.approval import ApprovalRound, OneTimeCode
from campaigns.store.commits.outbox import OutboxEntry, outbox_item
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of, value_of
from campaigns.store.tables.table import ABSENT, Equals, Put, Repository, wrote

CODE_KEPT: Final = timedelta(days=1)


class CodeRepository(Repository):
    """The last code of each approver of a round; it is replaced and counted by compare-and-set."""

    def get(self, round_: ApprovalRound, approver_id: str) -> OneTimeCode | None:
        item = self._table.get(keys.code(*round_.campaign_ref, round_.n, approver_id))
        return value_of(item, OneTimeCode).model_copy(update={"kid": item.get("kid")}) if item else None

    def replace(
        self,
        round_: ApprovalRound,
        approver_id: str,
        code: OneTimeCode,
        *,
        instead_of: OneTimeCode | None,
        outbox: Sequence[OutboxEntry] = (),
    ) -> bool:
        """Store a code in place of the one that was read, with what sends it; False: another one is there by now."""
        key = keys.code(*round_.campaign_ref, round_.n, approver_id)
        unmoved = Equals({"state": _state(instead_of)}) if instead_of else ABSENT
        # The key stands beside the document: the release before goes on reading that.
        beside = {"state": _state(code), **({"kid": code.kid} if code.kid is not None else {})}
        document = code.model_copy(update={"kid": None})
        item = item_of(key, "code", document, **beside, **keys.purged_after(code.issued_at + CODE_KEPT, key))
        return wrote(self._table, Put(item, unmoved), *(Put(outbox_item(entry)) for entry in outbox))


def _state(code: OneTimeCode) -> str:
    return f"{keys.instant(code.issued_at)} {code.tries}"
