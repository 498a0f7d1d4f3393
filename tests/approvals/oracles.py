"""What must hold of approval rounds, whatever happened to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

from campaigns.model.approval import ApprovalRound, ApproverDecision
from campaigns.model.campaign import AT_REST
from campaigns.model.vocabulary import CampaignStatus, Decision, ReviewState, RoundStatus
from campaigns.rules.approval.decisions import outcome_of
from tests.approvals.court import Ack, Court
from tests.approvals.scene import TENANT

Rounds = Sequence[ApprovalRound]
Said = Mapping[int, Sequence[ApproverDecision]]
OVER = {RoundStatus.DECIDED, RoundStatus.TIMED_OUT}


def decisions_of(court: Court, rounds: Rounds) -> Said:
    return {round_.n: court.truth.approvals.decisions(TENANT, court.campaign_id, round_.n) for round_ in rounds}


class Judge:
    """Looks at a court after every act; remembers how rounds ended."""

    def __init__(self, court: Court) -> None:
        self.court = court
        self.ends: dict[int, tuple[object, ...]] = {}
        self._seen: object = None
        self._undone = 0
        self._effective: set[int] = set()

    def look(self) -> None:
        seen = (self.court.table.writes, [ack.told for ack in self.court.acks])
        if seen == self._seen:
            return  # nothing was written and nobody was told anything since we looked
        self._seen = seen
        rounds = self.court.rounds
        said = decisions_of(self.court, rounds)
        self.what_was_taken_back_is_forgotten(rounds)
        self.nothing_takes_effect_early(rounds)
        self.what_is_over_stays_as_it_is(rounds)
        self.a_round_is_decided_once(rounds, said)
        self.every_round_has_an_address_of_its_own(rounds)
        self.everybody_was_told_the_truth(rounds, said)
        self.only_who_could_decide_did(rounds, said)
        self.what_goes_out_is_what_was_approved(rounds)
        self.approved_posts_stay_as_they_are(rounds, said)

    def what_was_taken_back_is_forgotten(self, rounds: Rounds) -> None:
        """Who took a decision back was told nothing any more, and a round that it had closed has no end."""
        entries = self.court.truth.audit.entries(TENANT, self.court.campaign_id)
        for entry in [each for each in entries if each.action == "undone"][self._undone :]:
            self._undone += 1
            round_ = next(each for each in rounds if each.n == entry.round)
            decided_at = datetime.fromisoformat(entry.details["decidedAt"])
            assert entry.at < decided_at + timedelta(seconds=round_.settle_seconds), "taken back too late"
            self.ends.pop(round_.n, None)
            self.court.acks = [ack for ack in self.court.acks if ack.sent.link.callback_id != round_.callback_id]

    def nothing_takes_effect_early(self, rounds: Rounds) -> None:
        moved = self.court.campaign.status not in {CampaignStatus.AWAITING_REVIEW, CampaignStatus.CANCELLED}
        last = rounds[-1] if rounds else None
        if moved and last is not None and last.settles_at is not None and last.n not in self._effective:
            assert self.court.clock.now >= last.settles_at, "took effect while it could be taken back"
            self._effective.add(last.n)

    def what_is_over_stays_as_it_is(self, rounds: Rounds) -> None:
        for round_ in rounds:
            if round_.status in OVER:
                end = (round_.status, round_.outcome, round_.decided_at)
                assert self.ends.setdefault(round_.n, end) == end, "an outcome changed"
        assert sum(round_.status is RoundStatus.PENDING for round_ in rounds) <= 1

    def a_round_is_decided_once(self, rounds: Rounds, said: Said) -> None:
        for round_ in rounds:
            if round_.quorum == "any":
                assert len(said[round_.n]) <= 1, "decided twice"
            if round_.status is RoundStatus.DECIDED:
                assert round_.outcome is outcome_of(round_, said[round_.n]), "not what was said comes to"

    def every_round_has_an_address_of_its_own(self, rounds: Rounds) -> None:
        assert len({round_.callback_id for round_ in rounds}) == len(rounds)
        urls: dict[str, tuple[str, str]] = {}
        for sent in self.court.links:
            whose = (sent.link.callback_id, sent.approver_id)
            assert urls.setdefault(sent.link.url("https://x.example"), whose) == whose, "two people have one link"

    def everybody_was_told_the_truth(self, rounds: Rounds, said: Said) -> None:
        kept = {(round_.callback_id, each.approver_id): each for round_ in rounds for each in said[round_.n]}
        callbacks = {round_.n: round_.callback_id for round_ in rounds}
        trail = self.court.truth.audit.entries(TENANT, self.court.campaign_id)
        undone = {(callbacks[each.round], each.actor) for each in trail if each.action == "undone" and each.round}
        for ack in self.court.acks:
            callback_id, approver_id = ack.sent.link.callback_id, ack.sent.approver_id
            stored = kept.get((callback_id, approver_id))
            if ack.told == "recorded":
                assert stored is not None, "a decision that was confirmed is gone"
                assert same(stored, ack), "another decision than the one confirmed is kept"
            if ack.told == "already":
                by = kept.get((callback_id, ack.details["approverId"]))
                assert by is not None, "named somebody who has not decided"
                told = (ack.details["decision"], ack.details["decidedBy"], ack.details["at"])
                assert told == (by.decision, by.decided_by, by.at.isoformat()), "told something else than is stored"
                assert stored is None or not same(stored, ack), "told “already decided” about their own decision"
            if ack.told == "taken back":
                assert (callback_id, approver_id) in undone, "told of an undo that nobody made"

    def only_who_could_decide_did(self, rounds: Rounds, said: Said) -> None:
        for round_ in rounds:
            for each in said[round_.n]:
                assert each.at < round_.expires_at, "decided after the end"
                assert each.digest == round_.digest, "decided on other content than the round shows"
        for ack in self.court.acks:
            assert ack.readable or ack.told == "unknown link", "a link of a revoked key was let in"
            if ack.told != "recorded" or not ack.first:
                continue
            asked = next(each for each in ack.before.approvers if each.id == ack.sent.approver_id)
            assert ack.before.status is RoundStatus.PENDING, f"decided in a round that was {ack.before.status}"
            assert not asked.revoked, "decided with a link that was revoked"
            assert asked.jti == ack.sent.jti, "decided with a link that was replaced"
            # A link's end is a whole second, rounded up: it matters where the round was given more time in that second.
            assert ack.at.timestamp() < ceil(ack.sent.expires_at.timestamp()), "decided with a link whose time was over"

    def what_goes_out_is_what_was_approved(self, rounds: Rounds) -> None:
        assert len(set(self.court.handed_over)) <= 1, "handed over twice, and not the same"
        if self.court.campaign.status is CampaignStatus.COMPLETED:
            assert rounds[-1].outcome is Decision.APPROVED
            for post in self.court.posts:
                if post.review.state is ReviewState.APPROVED:
                    assert rounds[-1].posts[post.id] == post.content_hash(), "published words that nobody approved"

    def approved_posts_stay_as_they_are(self, rounds: Rounds, said: Said) -> None:
        entries = self.court.truth.audit.entries(TENANT, self.court.campaign_id)
        # An operator's edit takes an approval back, and says so (domain.md 11).
        edited = {
            (e.round, post_id) for e in entries if e.action == "content_changed" for post_id in e.details["posts"]
        }
        for before, after in pairwise(rounds):
            voices = said[before.n]
            for post_id, words in before.posts.items():
                approved = voices and all(_approves(voice, post_id) for voice in voices)
                if approved and (after.n, post_id) not in edited:
                    assert after.posts[post_id] == words, "approved words changed"

    def rest(self) -> None:
        """Let everything come to rest, with nobody answering any more: every campaign ends, and every run with it."""
        court = self.court
        court.settle()
        expected = "done" if court.open is None else "paused"
        assert court.run_state == expected, f"the run is {court.run_state}, not {expected}"
        for _ in range(8):
            if (gate := court.open) is None:
                break
            court.clock.now = max(court.clock.now, gate.expires_at)
            court.settle()
        assert court.campaign.status in AT_REST, court.campaign.status
        assert court.run_state == "done"
        assert court.truth.audit.verify(TENANT, court.campaign_id) is None
        self.look()
        self._audit_tells_it_once()

    def _audit_tells_it_once(self) -> None:
        told = Counter(each.action for each in self.court.truth.audit.entries(TENANT, self.court.campaign_id))
        rounds = self.court.rounds
        kept = sum(len(each) for each in decisions_of(self.court, rounds).values())
        assert told["decided"] == kept + told["undone"]
        assert told["round_timed_out"] == sum(round_.status is RoundStatus.TIMED_OUT for round_ in rounds)
        assert told["round_opened"] == len(rounds)


def _approves(voice: ApproverDecision, post_id: str) -> bool:
    return post_id in voice.posts and voice.posts[post_id].decision == "approved"


def same(stored: ApproverDecision, ack: Ack) -> bool:
    said = {post_id: verdict.decision for post_id, verdict in stored.posts.items()}
    asked = {post_id: verdict.decision for post_id, verdict in ack.request.posts.items()}
    return (stored.decision, said) == (ack.request.decision, asked)
