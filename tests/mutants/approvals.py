"""Breaks of the approval protocol, and the machine or test that must notice each (reliability.md section 4)."""

from __future__ import annotations

from tests.mutants.run import Mutant

CALLBACK = "tests/properties/test_property_08_callback.py"
TIMEOUT = "tests/properties/test_property_09_timeout.py"
STORE = "campaigns/store/approvals.py"
STATE = "campaigns/store/round_state.py"

MUTANTS: list[Mutant] = [
    # --- property 8 -------------------------------------------------------------------------------------
    {
        "name": "check, then put: the round is written whatever happened to it meanwhile",
        "file": STORE,
        "old": """Put(item_of(key, "decision", decision), ABSENT),
                Put(round_item(after), Equals({"version": current.version})),""",
        "new": """Put(item_of(key, "decision", decision), ABSENT),
                Put(round_item(after)),""",
        "killed_by": CALLBACK,
    },
    {
        "name": "a second answer overwrites the first",
        "file": STORE,
        "old": """                raise already_decided(own)  # also an attempt of before with another answer in it
            require_open(current, before, decision)
            outcome = rule(current, sorted([*before, decision], key=lambda one: (one.at, one.approver_id)))
            after = next_state(current)
            if outcome is not None:
                after = next_state(
                    current,
                    status=RoundStatus.DECIDED,
                    outcome=outcome,
                    decided_at=decision.at,
                    settles_at=undo_until(current, decision),
                )
            # The round is written in any case: its version orders the decisions of the round.
            operations = [
                Put(item_of(key, "decision", decision), ABSENT),""",
        "new": """                pass
            require_open(current, before, decision)
            outcome = rule(current, sorted([*before, decision], key=lambda one: (one.at, one.approver_id)))
            after = next_state(current)
            if outcome is not None:
                after = next_state(
                    current,
                    status=RoundStatus.DECIDED,
                    outcome=outcome,
                    decided_at=decision.at,
                    settles_at=undo_until(current, decision),
                )
            # The round is written in any case: its version orders the decisions of the round.
            operations = [
                Put(item_of(key, "decision", decision)),""",
        "killed_by": CALLBACK,
    },
    {
        "name": "a decision takes effect while it can still be taken back",
        "file": "campaigns/approvals.py",
        "old": "return round_.settles_at is not None and now < round_.settles_at + UNDO_LEEWAY",
        "new": "return False",
        "killed_by": CALLBACK,
    },
    {
        "name": "a decision is taken back after its time",
        "file": STORE,
        "old": "if until is None or at >= until:",
        "new": "if until is None:",
        "killed_by": CALLBACK,
    },
    {
        "name": "what was carried out is taken back, as a clock that is behind would have it",
        "file": STORE,
        "old": """Equals({"status": str(CampaignStatus.AWAITING_REVIEW)})""",
        "new": "Equals({})",
        "killed_by": "tests/approvals/test_undo.py",
    },
    {
        "name": "a post is edited beside its round",
        "file": "campaigns/store/posts.py",
        "old": "if asked is not None:",
        "new": "if asked is None:",
        "killed_by": "tests/approvals/test_protocol.py",
    },
    {
        "name": "no read-back: who lost the answer to their own success is told that somebody decided",
        "file": STORE,
        "old": "if says_the_same(own, decision):",
        "new": "if False:",
        "killed_by": CALLBACK,
    },
    {
        "name": "a form of before with another answer is confirmed",
        "file": STORE,
        "old": "if says_the_same(own, decision):",
        "new": "if own.attempt_id == decision.attempt_id or says_the_same(own, decision):",
        "killed_by": CALLBACK,
    },
    {
        "name": "what is said of single posts does not count as another answer",
        "file": STATE,
        "old": "return decision.decision, {post: verdict.decision for post, verdict in decision.posts.items()}",
        "new": "return decision.decision, {}",
        "killed_by": CALLBACK,
    },
    {
        "name": "the bell rings before the decision is there, and is not kept",
        "file": STORE,
        "old": "commit(self._table, tenant_id, campaign_id, operations, facts=[fact], outbox=entries)",
        "new": """commit(self._table, tenant_id, campaign_id, operations, facts=[fact])
                commit(self._table, tenant_id, campaign_id, [], outbox=entries)""",
        "killed_by": CALLBACK,
    },
    {
        "name": "no outbox: nobody rings when the first ring is lost",
        "file": STORE,
        "old": "entries = [*outbox, *(doorbell if outcome else ())]",
        "new": "entries = [*outbox]",
        "killed_by": CALLBACK,
    },
    {
        "name": "resume without reading the outcome: who wakes the run approves",
        "file": "campaigns/approvals.py",
        "old": """        case RoundStatus.PENDING:
            return None""",
        "new": """        case RoundStatus.PENDING:
            return Outcome.APPROVED""",
        "killed_by": CALLBACK,
    },
    {
        "name": "the digest is not compared when somebody decides",
        "file": STATE,
        "old": "if decision.digest != current.digest or decision.callback_id",
        "new": "if decision.callback_id",
        "killed_by": CALLBACK,
    },
    {
        "name": "the digest is not compared before the posts are handed over",
        "file": "campaigns/outcomes.py",
        "old": "if round_digest(shown) == round_.digest:",
        "new": "if shown:",
        "killed_by": "tests/approvals/test_moments.py",
    },
    {
        "name": "a link that was replaced still decides",
        "file": "campaigns/invitations.py",
        "old": "if found.approver.jti != found.claims.jti:",
        "new": "if not found.claims.jti:",
        "killed_by": CALLBACK,
    },
    {
        "name": "opening a link uses it up",
        "file": "campaigns/invitations.py",
        "old": "    latest = store.approvals.current_round(round_.tenant_id, round_.campaign_id)",
        "new": """    if round_.status is RoundStatus.PENDING:
        store.approvals.revoke(
            round_.tenant_id, round_.campaign_id, round_.n, claims.sub, actor="x", at=now, reason="opened"
        )
    latest = store.approvals.current_round(round_.tenant_id, round_.campaign_id)""",
        "killed_by": CALLBACK,
    },
    {
        "name": "a link that was revoked still decides",
        "file": STATE,
        "old": "if asked.revoked:",
        "new": "if asked.revoked and not asked.jti:",
        "killed_by": "tests/store/test_approvals.py",
    },
    {
        "name": "a key that was revoked is still read with",
        "file": "campaigns/keyring.py",
        "old": 'return key if key is not None and key.state != "revoked" else None',
        "new": "return key",
        "killed_by": CALLBACK,
    },
    {
        "name": "rewriting takes approved posts along",
        "file": "campaigns/outcomes.py",
        "old": "        if verdict is Decision.NEEDS_REVISION\n",
        "new": "        if verdict is not Decision.REJECTED\n",
        "killed_by": CALLBACK,
    },
    {
        "name": "a cancelled campaign still takes decisions",
        "file": STATE,
        "old": """            raise RoundClosedError("the campaign was cancelled", {"status": str(current.status)})""",
        "new": "            pass",
        "killed_by": "tests/store/test_approvals.py",
    },
    # --- property 9 -------------------------------------------------------------------------------------
    {
        "name": "decided at the very end: > for >=",
        "file": STATE,
        "old": "if decision.at >= current.expires_at:",
        "new": "if decision.at > current.expires_at:",
        "killed_by": TIMEOUT,
    },
    {
        "name": "only the token knows the end: without a link one decides for ever",
        "file": STATE,
        "old": "if decision.at >= current.expires_at:",
        "new": 'if decision.channel == "link" and decision.at >= current.expires_at:',
        "killed_by": TIMEOUT,
    },
    {
        "name": "the reaper has no condition: it writes over a decision",
        "file": STORE,
        "old": """            closed = next_state(current, status=RoundStatus.TIMED_OUT, outcome=outcome, decided_at=at)
            write = Put(round_item(closed), Equals({"version": current.version}))""",
        "new": """            closed = next_state(current, status=RoundStatus.TIMED_OUT, outcome=outcome, decided_at=at)
            write = Put(round_item(closed))""",
        "killed_by": TIMEOUT,
    },
    {
        "name": "the reaper does not look at the clock",
        "file": STORE,
        "old": "if at < current.expires_at:",
        "new": "if at < current.opened_at:",
        "killed_by": "tests/store/test_approvals.py",
    },
    {
        "name": "the reaper comes an hour early",
        "file": "campaigns/expiry.py",
        "old": """    ended = 0
    for round_""",
        "new": """    from datetime import timedelta

    now, ended = now + timedelta(hours=1), 0
    for round_""",
        "killed_by": TIMEOUT,
    },
    {
        "name": "naive local time: the end is another one in every zone",
        "file": STATE,
        "old": "if decision.at >= current.expires_at:",
        "new": "if decision.at.replace(tzinfo=None) >= current.expires_at.replace(hour=0, tzinfo=None):",
        "killed_by": TIMEOUT,
    },
    {
        "name": "what timed out is decided after all",
        "file": STATE,
        "old": """        case RoundStatus.TIMED_OUT:
            raise expired(current)""",
        "new": """        case RoundStatus.TIMED_OUT:
            pass""",
        "killed_by": TIMEOUT,
    },
    {
        "name": "the policy approves what somebody rejected",
        "file": "campaigns/rules/decisions.py",
        "old": "Decision.APPROVED if post_id in silent else merged[post_id] for post_id in merged",
        "new": "Decision.APPROVED for post_id in merged",
        "killed_by": TIMEOUT,
    },
    {
        "name": "silence approves although nobody agreed to that",
        "file": "campaigns/rules/decisions.py",
        "old": 'if round_.on_timeout != "approve":',
        "new": 'if round_.on_timeout == "extend":',
        "killed_by": TIMEOUT,
    },
    {
        "name": "a round is extended for ever",
        "file": "campaigns/rules/decisions.py",
        "old": 'return round_.on_timeout == "extend" and not round_.extended',
        "new": 'return round_.on_timeout == "extend"',
        "killed_by": TIMEOUT,
    },
    {
        "name": "nobody wakes the run of a round that timed out",
        "file": "campaigns/expiry.py",
        "old": "outbox=[bell, to_the_team(EXPIRED, current, due_at=now)],",
        "new": "outbox=[to_the_team(EXPIRED, current, due_at=now)],",
        "killed_by": TIMEOUT,
    },
]
