"""Breaks of the approval protocol, and the machine or test that must notice each."""

from __future__ import annotations

from tests.mutants.run import Mutant

CALLBACK = "tests/approvals/test_callback_model.py"
TIMEOUT = "tests/properties/test_deadline_model.py"
STORE = "campaigns/store/campaign/approvals.py"
VOICES = "campaigns/rules/approval/gate/voices.py"
CONDITIONS = "campaigns/rules/approval/gate/conditions.py"
ENDS = "campaigns/rules/approval/gate/ends.py"
WORDS = "campaigns/rules/approval/gate/words.py"

MUTANTS: list[Mutant] = [
    # --- property 8 -------------------------------------------------------------------------------------
    {
        "name": "check, then put: the round is written whatever happened to it meanwhile",
        "file": STORE,
        "old": "else Put(round_item(after, case.campaign.schedule.zone), unchanged),",
        "new": "else Put(round_item(after, case.campaign.schedule.zone)),",
        "killed_by": CALLBACK,
    },
    {
        "name": "a second answer overwrites the first",
        "file": VOICES,
        "old": "        raise already_decided(own)  # also an attempt of before with another answer in it",
        "new": "        pass",
        "killed_by": CALLBACK,
    },
    {
        "name": "a decision takes effect while it can still be taken back",
        "file": "campaigns/approval/rounds.py",
        "old": "return round_.settles_at is not None and now < round_.settles_at + UNDO_LEEWAY",
        "new": "return False",
        "killed_by": CALLBACK,
    },
    {
        "name": "a decision is taken back after its time",
        "file": VOICES,
        "old": "if until is None or now >= until or case.latest",
        "new": "if until is None or case.latest",
        "killed_by": CALLBACK,
    },
    {
        "name": "what was carried out is taken back, as a clock that is behind would have it",
        "file": VOICES,
        "old": "in_work = case.campaign.status is CampaignStatus.AWAITING_REVIEW and not case.campaign.deleted_at",
        "new": "in_work = True",
        "killed_by": "tests/approvals/test_undo.py",
    },
    {
        "name": "whoever is asked again hears nothing of it",
        "file": "tasks/delivery/notify.py",
        "old": "return open_ and current and asked in still_asked(about.round, about.decisions)",
        "new": "return open_ and current and all(each.approver_id != asked.id for each in about.decisions)",
        "killed_by": "tests/approvals/test_notices.py",
    },
    {
        "name": "words of before are not judged by the time that they keep",
        "file": "campaigns/rules/approval/rewriting.py",
        "old": "quality = _with(before.quality, found_then(material, before, at))",
        "new": "quality = before.quality",
        "killed_by": "tests/approvals/test_own_times.py",
    },
    {
        "name": "a post goes back to a day that is full",
        "file": "campaigns/rules/calendar/moving.py",
        "old": "return _collision(post, at, self._posts) or self._full(post, self._day(at))",
        "new": "return _collision(post, at, self._posts)",
        "killed_by": "tests/approvals/test_own_times.py",
    },
    {
        "name": "what was said by one who was replaced stands",
        "file": "campaigns/rules/approval/gate/orders.py",
        "old": "taken_back=said if another else None,",
        "new": "taken_back=None,",
        "killed_by": "tests/approvals/test_own_words.py",
    },
    {
        "name": "a post is edited beside its round",
        "file": WORDS,
        "old": "return Change(round_, facts=[fact], revisions=[after])",
        "new": "return Change(case.round, facts=[fact], revisions=[after])",
        "killed_by": "tests/approvals/test_protocol.py",
    },
    {
        "name": "no read-back: who lost the answer to their own success is told that somebody decided",
        "file": VOICES,
        "old": "if says_the_same(own, decision):",
        "new": "if False:",
        "killed_by": CALLBACK,
    },
    {
        "name": "a form of before with another answer is confirmed",
        "file": VOICES,
        "old": "if says_the_same(own, decision):",
        "new": "if own.attempt_id == decision.attempt_id or says_the_same(own, decision):",
        "killed_by": CALLBACK,
    },
    {
        "name": "what is said of single posts does not count as another answer",
        "file": VOICES,
        "old": "return decision.decision, {post: (each.decision, each.edit, each.move_to) for post, each in posts}",
        "new": "return decision.decision, {}",
        "killed_by": CALLBACK,
    },
    {
        "name": "words that somebody changed count as approved by whoever approved the words before",
        "file": "campaigns/rules/approval/decisions.py",
        "old": "if said.words and said.words.get(post_id) != round_.posts.get(post_id):",
        "new": "if False:",
        "killed_by": "tests/approvals/test_own_words.py",
    },
    {
        "name": "a voice that is asked again counts as heard",
        "file": "campaigns/rules/approval/decisions.py",
        "old": "heard_out = [said for said in voices if not asked_again(round_, said)]",
        "new": "heard_out = voices",
        "killed_by": "tests/approvals/test_own_words.py",
    },
    {
        "name": "what was said of posts that nobody changed is said anew",
        "file": "campaigns/rules/approval/gate/words.py",
        "old": "elif named is not None and second is not first:",
        "new": "elif False:",
        "killed_by": "tests/approvals/test_own_words.py",
    },
    {
        "name": "undo overwrites what somebody else wrote since",
        "file": "campaigns/rules/approval/rewriting.py",
        "old": "if post.id in kept and post.content_hash() == said.words.get(post.id)",
        "new": "if post.id in kept",
        "killed_by": "tests/approvals/test_own_words.py",
    },
    {
        "name": "a post is moved where a rule of the calendar forbids it",
        "file": "campaigns/rules/approval/rewriting.py",
        "old": "if (rule := board.broken(post, post.scheduled_at)) is not None:",
        "new": "if (rule := board.broken(post, post.scheduled_at)) is not None and False:",
        "killed_by": "tests/approvals/test_own_times.py",
    },
    {
        "name": "a comment points at words that are not there",
        "file": "campaigns/rules/approval/passages.py",
        "old": "return _spaced(passage) in _spaced(_shown(post))",
        "new": "return True",
        "killed_by": "tests/approvals/test_pointing.py",
    },
    {
        "name": "words that a check blocks are recorded",
        "file": "campaigns/rules/approval/rewriting.py",
        "old": 'blocks = [Fault(path, check.message, "EDIT_BLOCKED") for check in blocks_of(after.quality)]',
        "new": "blocks: list[Fault] = []",
        "killed_by": "tests/approvals/test_own_words.py",
    },
    {
        "name": "the bell rings before the decision is there, and is not kept",
        "file": STORE,
        "old": "commit(self._table, tenant_id, campaign_id, operations, facts=change.facts, outbox=entries)",
        "new": """commit(self._table, tenant_id, campaign_id, operations, facts=change.facts)
                commit(self._table, tenant_id, campaign_id, [], outbox=entries)""",
        "killed_by": CALLBACK,
    },
    {
        "name": "no outbox: nobody rings when the first ring is lost",
        "file": "campaigns/approval/rounds.py",
        "old": "    return [bell, to_the_team(kind, before, *fact, due_at=due)]",
        "new": "    return [to_the_team(kind, before, *fact, due_at=due)]",
        "killed_by": CALLBACK,
    },
    {
        "name": "resume without reading the outcome: who wakes the run approves",
        "file": "campaigns/approval/rounds.py",
        "old": """        case RoundStatus.PENDING:
            return None""",
        "new": """        case RoundStatus.PENDING:
            return Outcome.APPROVED""",
        "killed_by": CALLBACK,
    },
    {
        "name": "the digest is not compared when somebody decides",
        "file": VOICES,
        "old": "if decision.digest != case.round.digest or request.callback_id",
        "new": "if request.callback_id",
        "killed_by": CALLBACK,
    },
    {
        "name": "the digest is not compared before the posts are handed over",
        "file": "campaigns/approval/outcomes.py",
        "old": "if round_digest(shown) == round_.digest:",
        "new": "if shown:",
        "killed_by": "tests/approvals/test_moments.py",
    },
    {
        "name": "a link that was replaced still decides",
        "file": CONDITIONS,
        "old": "if isinstance(voice.proof, LinkProof) and asked is not None and voice.proof.jti != asked.jti:",
        "new": "if isinstance(voice.proof, LinkProof) and asked is not None and not voice.proof.jti:",
        "killed_by": CALLBACK,
    },
    {
        "name": "a link that was replaced is told what its successor decided",
        "file": VOICES,
        "old": """        require_current_link(case, voice)
        if says_the_same(own, decision):""",
        "new": "        if says_the_same(own, decision):",
        "killed_by": "tests/approvals/test_other_ways.py",
    },
    {
        "name": "whoever holds a link decides under the name of another approver",
        "file": CONDITIONS,
        "old": "        _require_own_name(case, voice, asked)\n",
        "new": "",
        "killed_by": "tests/approvals/test_other_ways.py",
    },
    {
        "name": "opening a link uses it up",
        "file": "campaigns/approval/invitations.py",
        "old": "    latest = _latest(store, round_)",
        "new": """    if round_.status is RoundStatus.PENDING:
        from campaigns.approval.renewing import revoke_link

        place = round_.tenant_id, round_.campaign_id, round_.n
        revoke_link(store, *place, claims.sub, actor="x", reason="opened", now=now)
    latest = _latest(store, round_)""",
        "killed_by": CALLBACK,
    },
    {
        "name": "a link that was revoked still decides",
        "file": CONDITIONS,
        "old": "if asked.revoked:",
        "new": "if asked.revoked and not asked.jti:",
        "killed_by": "tests/store/test_approvals.py",
    },
    {
        "name": "a key that was revoked is still read with",
        "file": "campaigns/keys/keyring.py",
        "old": 'return key if key is not None and key.state != "revoked" else None',
        "new": "return key",
        "killed_by": CALLBACK,
    },
    {
        "name": "rewriting takes approved posts along",
        "file": "campaigns/approval/outcomes.py",
        "old": "        if verdict is Decision.NEEDS_REVISION\n",
        "new": "        if verdict is not Decision.REJECTED\n",
        "killed_by": CALLBACK,
    },
    {
        "name": "a campaign that failed still takes decisions, and nothing follows",
        "file": CONDITIONS,
        "old": """    if case.campaign.status in AT_REST:
        raise RoundClosedError(""",
        "new": """    if case.campaign.deleted_at:
        raise RoundClosedError(""",
        "killed_by": "tests/rules/test_gate.py",
    },
    # --- property 9 -------------------------------------------------------------------------------------
    {
        "name": "decided at the very end: > for >=",
        "file": CONDITIONS,
        "old": "    if now >= round_.expires_at:",
        "new": "    if now > round_.expires_at:",
        "killed_by": TIMEOUT,
    },
    {
        "name": "only the token knows the end: without a link one decides for ever",
        "file": CONDITIONS,
        "old": "    if now >= round_.expires_at:",
        "new": "    if isinstance(proof, LinkProof) and now >= round_.expires_at:",
        "killed_by": TIMEOUT,
    },
    {
        "name": "the reaper does not look at what became of the round: it writes over a decision",
        "file": ENDS,
        "old": "if round_.status is not RoundStatus.PENDING or now < round_.expires_at:",
        "new": "if now < round_.expires_at:",
        "killed_by": TIMEOUT,
    },
    {
        "name": "the reaper does not look at the clock",
        "file": ENDS,
        "old": "if round_.status is not RoundStatus.PENDING or now < round_.expires_at:",
        "new": "if round_.status is not RoundStatus.PENDING or now < round_.opened_at:",
        "killed_by": "tests/store/test_approvals.py",
    },
    {
        "name": "the reaper comes an hour early",
        "file": "campaigns/approval/expiry.py",
        "old": """    ended = 0
    for round_""",
        "new": """    from datetime import timedelta

    now, ended = now + timedelta(hours=1), 0
    for round_""",
        "killed_by": TIMEOUT,
    },
    {
        "name": "naive local time: the end is another one in every zone",
        "file": CONDITIONS,
        "old": "    if now >= round_.expires_at:",
        "new": "    if now.replace(tzinfo=None) >= round_.expires_at.replace(hour=0, tzinfo=None):",
        "killed_by": TIMEOUT,
    },
    {
        "name": "what timed out is decided after all",
        "file": CONDITIONS,
        "old": "    if round_.status is RoundStatus.TIMED_OUT:",
        "new": "    if round_.status is RoundStatus.SUPERSEDED:",
        "killed_by": TIMEOUT,
    },
    {
        "name": "the policy approves what somebody rejected",
        "file": "campaigns/rules/approval/decisions.py",
        "old": "Decision.APPROVED if post_id in silent else merged[post_id] for post_id in merged",
        "new": "Decision.APPROVED for post_id in merged",
        "killed_by": TIMEOUT,
    },
    {
        "name": "silence approves although nobody agreed to that",
        "file": "campaigns/rules/approval/decisions.py",
        "old": 'if round_.on_timeout != "approve":',
        "new": 'if round_.on_timeout == "extend":',
        "killed_by": TIMEOUT,
    },
    {
        "name": "a round is extended for ever",
        "file": "campaigns/rules/approval/decisions.py",
        "old": 'return round_.on_timeout == "extend" and not round_.extended',
        "new": 'return round_.on_timeout == "extend"',
        "killed_by": TIMEOUT,
    },
    {
        "name": "a post that was approved in time goes out after its time",
        "file": "campaigns/approval/verdicts.py",
        "old": "stays = was_approved and not (missed and final)",
        "new": "stays = was_approved",
        "killed_by": "tests/approvals/test_due_meanwhile.py",
    },
    {
        "name": "a post that was approved in time is asked about anew when it is due",
        "file": "campaigns/approval/verdicts.py",
        "old": "stays = was_approved and not (missed and final)",
        "new": "stays = was_approved and not missed",
        "killed_by": "tests/approvals/test_due_meanwhile.py",
    },
    {
        "name": "nobody wakes the run of a round that timed out",
        "file": "campaigns/approval/rounds.py",
        "old": "    return [bell, to_the_team(kind, before, *fact, due_at=due)]",
        "new": "    return [*([bell] if kind == RESULT else []), to_the_team(kind, before, *fact, due_at=due)]",
        "killed_by": TIMEOUT,
    },
]
