"""What an approver is told about more than one campaign: the digest, the link to the list, and its code."""

from collections.abc import Sequence
from datetime import datetime

from campaigns.approval.messages.notices import Notice, Occasion, place_told
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.model.base import one_line
from campaigns.model.campaign import Campaign
from campaigns.texts import Words, words_for


def digest(
    about: Occasion, approver: RoundApprover, waiting: Sequence[tuple[Campaign, ApprovalRound, str]], *, list_url: str
) -> Notice:
    """Return one mail about several rounds, each with the approver's own link to it; the one that ends first first."""
    words = words_for(approver.locale)
    lines = [(_line(campaign, round_, approver, words), link) for campaign, round_, link in waiting]
    return about.told(
        approver,
        words,
        words("mail.digest.subject", n=len(lines)),
        [words("mail.digest.first", n=len(lines))],
        items=lines,
        link=(words("mail.digest.open"), list_url),
        foot=[words("mail.yours"), words("mail.ask", who=about.who_asks(words))],
    )


def list_link(about: Occasion, approver: RoundApprover, *, list_url: str, until: datetime) -> Notice:
    """Return the link to the list of an approver."""
    words = words_for(approver.locale)
    return about.told(
        approver,
        words,
        words("mail.list_link.subject"),
        [words("mail.list_link.first", until=words.moment(until, approver.zone(about.zone)))],
        link=(words("mail.digest.open"), list_url),
        foot=[words("mail.yours"), words("mail.ask", who=about.who_asks(words))],
    )


def list_code(about: Occasion, approver: RoundApprover, *, code: str) -> Notice:
    """Return the code that opens the list."""
    words = words_for(approver.locale)
    return about.told(
        approver,
        words,
        words("mail.list_code.subject"),
        [words("mail.list_code.first"), code, words("mail.code.lifetime")],
        foot=[words("mail.list_code.not_you"), words("mail.ask", who=about.who_asks(words))],
    )


def _line(campaign: Campaign, round_: ApprovalRound, approver: RoundApprover, words: Words) -> str:
    count = len(round_.posts) - len(round_.locked)
    until = words.moment(round_.expires_at, approver.zone(campaign.schedule.zone))
    return words(
        "mail.digest.line", n=count, name=one_line(campaign.name), again=place_told(round_, words), until=until
    )
