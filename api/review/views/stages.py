"""Where an approval in stages is, for whoever reads the page: "2 of 3: legal", what others said, who comes next."""

from dataclasses import dataclass

from api.review.visit import Visit
from campaigns.approval.standing import StageStanding, where
from campaigns.model.approval import ApproverDecision
from campaigns.model.base import excerpt
from campaigns.model.vocabulary import Decision, RoundStatus
from campaigns.rules.approval.stages import asked_after

SHOWN = 300
"""Characters of a comment: the page stays within its bounds, and whoever commented knows the rest."""


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage as the page lists it; `said` are names with their comments."""

    title: str
    current: bool
    lines: list[str]
    said: list[tuple[str, str]]


def place(visit: Visit) -> str:
    """Return "2 of 3: legal"; "" for an approval without stages."""
    found = where(visit.round)
    return visit.words("stage.where", n=found[0], of=found[1], name=found[2]) if found else ""


def stage_lines(visit: Visit) -> list[StageLine]:
    """Return every stage with what it said last; none for an approval without stages."""
    return [
        StageLine(
            title=visit.words("stage.where", n=each.n, of=len(visit.stages), name=each.name),
            current=each.state == "asked",
            lines=_lines(visit, each),
            said=[said for decision in each.decisions if each.state != "asked" for said in _said(visit, decision)],
        )
        for each in visit.stages
    ]


def next_asked(visit: Visit) -> str:
    """Return who is asked once this stage has approved; "" where that is the last one."""
    n = asked_after(visit.round)
    if n is None or visit.round.stage is None:
        return ""
    back = n < visit.round.stage.n  # about words that somebody rewrote
    return visit.words(
        "stage.back" if back else "stage.next", name=_with_names(visit, n, visit.round.stage.names[n - 1])
    )


def _lines(visit: Visit, stage: StageStanding) -> list[str]:
    words = visit.words
    if stage.state == "asked":
        return [words("stage.asked")]
    heard = [
        words(f"done.they_{said.decision}", name=said.decided_by, at=words.moment(said.at, visit.reader_zone))
        for said in stage.decisions
    ]
    if stage.round is not None and stage.round.status is RoundStatus.TIMED_OUT:
        by_policy = "stage.policy" if stage.round.outcome is Decision.APPROVED else "stage.nobody"
        heard.append(words(by_policy, at=words.moment(stage.round.expires_at, visit.reader_zone)))
    later = [words("stage.waits", name=_names(visit, stage.n) or stage.name)] if stage.state == "waits" else []
    return [*heard, *later]


def _with_names(visit: Visit, n: int, stage: str) -> str:
    names = _names(visit, n)
    return f"{stage} ({names})" if names else stage


def _names(visit: Visit, n: int) -> str:
    names = [each.name for each in visit.campaign.approval.stage(n).approvers]
    return visit.words.listed(names) if names else ""


def _said(visit: Visit, decision: ApproverDecision) -> list[tuple[str, str]]:
    words = visit.words
    whole = [(decision.decided_by, excerpt(decision.comments, at_most=SHOWN))] if decision.comments else []
    single = [
        (
            f"{decision.decided_by}, {words('post.short', number=str(post.number))}",
            excerpt(decision.posts[post.id].comment, at_most=SHOWN),
        )
        for post in visit.posts
        if post.id in decision.posts and decision.posts[post.id].comment
    ]
    return [*whole, *single]
