"""What people are told about an approval round, in their language: as a mail, as HTML and as plain text.

Only notices to one approver carry that approver's link, and it is
given in when they are sent: nothing here or in the outbox keeps one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.charset import SHORTEST, Charset
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from campaigns import correlation
from campaigns.approval.standing import where
from campaigns.mail_server import Mailbox
from campaigns.model.approval import ApprovalRound, ApproverDecision, RoundApprover
from campaigns.model.base import excerpt, one_line
from campaigns.model.campaign import Campaign
from campaigns.model.library.brand import Brand
from campaigns.model.post import Post
from campaigns.model.vocabulary import PLATFORM_NAMES, RoundStatus
from campaigns.rules.approval.decisions import asked_again, still_asked, timeout_policy, undo_until
from campaigns.rules.approval.feedback import overall_remarks, remarks_on
from campaigns.rules.approval.identities import Requester
from campaigns.texts import Words, words_for

# In seven bits a mail passes every server on its way unchanged, also one without 8BITMIME. Headers stay as we fold
# them: Python would cut an encoded name between any two code points.
_POLICY: Final = SMTP.clone(cte_type="7bit", refold_source="none")
_ASCII: Final = Charset("us-ascii")
_UTF8: Final = Charset("utf-8")
_UTF8.header_encoding = SHORTEST  # a library that is loaded may have set another one for the whole process


def place_told(round_: ApprovalRound, words: Words) -> str:
    """Return " (2 of 3: Legal)" of an approval in stages, " (round 2)" of another, "" of its first round."""
    if place := where(round_):
        return f" ({words('stage.where', n=place[0], of=place[1], name=one_line(place[2]))})"
    return words("mail.again", round=round_.n) if round_.n > 1 else ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message: paragraphs, items with a link each, one link, small print. `thread` groups what belongs together."""

    to: str
    email: str
    subject: str
    paragraphs: list[str]
    thread: str
    language: str
    link: tuple[str, str] | None = None
    foot: list[str] = field(default_factory=list)
    items: list[tuple[str, str]] = field(default_factory=list)

    def plain(self) -> str:
        """Return the words alone, for a reader that renders nothing."""
        parts = ["\n".join(self.paragraphs), *(f"{text}\n{url}" for text, url in self.items)]
        if self.link:
            parts.append(f"{self.link[0]}:\n{self.link[1]}")
        if self.foot:
            parts.append("\n".join(self.foot))
        return "\n\n".join(parts)

    def hypertext(self, *, bare_link: bool, titled: bool) -> str:
        """Return the simplest HTML that says it: paragraphs, line breaks and the link; every word escaped.

        Args:
            bare_link: whether the address stands beside the link, for a reader that drops what a link points to.
            titled: whether the subject is the first line, for a reader that has no other place for it.
        """
        parts = [f"<b>{_broken(self.subject)}</b>"] if titled else []
        parts += [_broken(text) for text in self.paragraphs]
        for text, address in self.items:
            url = escape(address)
            parts.append(f'<a href="{url}">{_broken(text)}</a>' + (f"<br>{url}" if bare_link else ""))
        if self.link:
            label, url = escape(self.link[0]), escape(self.link[1])
            parts.append(f'<a href="{url}">{label}</a>' + (f"<br>{url}" if bare_link else ""))
        parts += ["<br>".join(_broken(text) for text in self.foot)] if self.foot else []
        return "".join(f"<p>{part}</p>" for part in parts)

    def mail(self, message_id: str, *, sender: Mailbox, at: datetime) -> EmailMessage:
        """Return a mail of plain text and HTML, without images or attachments, that answers its thread."""
        message = EmailMessage(policy=_POLICY)
        message.set_raw("From", _mailbox(sender.name, sender.address))
        message.set_raw("To", _mailbox(self.to, self.email))
        message.set_raw("Subject", _header(self.subject, "Subject"))
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{message_id}@campaigns>"
        if message_id != self.thread:
            message["In-Reply-To"] = message["References"] = f"<{self.thread}@campaigns>"
        message["Auto-Submitted"] = "auto-generated"
        if (story := correlation.current.get()) is not None:
            message[correlation.HEADER] = story
        message.set_content(self.plain())
        message.add_alternative(self._html(), subtype="html")
        message["Content-Language"] = self.language  # after the content, which brings headers of its own
        return message

    def _html(self) -> str:
        body = "".join(
            f'<p style="margin:0 0 12px;white-space:pre-line">{escape(text)}</p>' for text in self.paragraphs
        )
        for text, address in self.items:
            url = escape(address)
            body += (
                f'<p style="margin:0 0 16px"><a href="{url}" style="color:#1f4b99;font-weight:600">{escape(text)}</a>'
                f'<br><span style="font-size:13px;word-break:break-all">{url}</span></p>'
            )
        if self.link:
            label, url = escape(self.link[0]), escape(self.link[1])
            body += (
                f'<p style="margin:24px 0"><a href="{url}" style="display:inline-block;padding:14px 24px;'
                f"border-radius:10px;background:#1f4b99;color:#ffffff;font-weight:600;text-decoration:none"
                f'">{label}</a></p><p style="margin:0 0 24px;font-size:13px;word-break:break-all">{url}</p>'
            )
        small = "".join(f'<p style="margin:0 0 6px">{escape(text)}</p>' for text in self.foot)
        return (
            f'<!doctype html><html lang="{escape(self.language)}"><body style="margin:0;padding:24px 16px;'
            "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#16181d;background:#ffffff\">"
            f'<div style="max-width:560px;margin:0 auto">{body}'
            f'<div style="border-top:1px solid #e2ded6;padding-top:12px;font-size:13px;color:#565b66">{small}</div>'
            "</div></body></html>"
        )


def _broken(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())


def _mailbox(name: str, address: str) -> str:
    """Return a mailbox for a header, such as `Ana Ribeiro <ana@example.com>`."""
    line = one_line(name)
    return formataddr((line, address)) if _is_plain(line) else f"{_header(line, 'To')} <{address}>"


def _header(text: str, name: str) -> str:
    """Return one line of text as a header holds it, folded, whatever people typed."""
    line = one_line(text)
    return Header(line, _ASCII if _is_plain(line) else _UTF8, header_name=name).encode(linesep="\r\n")


def _is_plain(line: str) -> bool:
    """Whether a text may stand in a header as it is.

    `=?utf-8?q?x?=` in a name must not: Python's own header objects, and every reader, take it for the `x` that it
    encodes. It is encoded once more, as every text beyond ASCII is (RFC 2047), and then read as it was typed.
    """
    return line.isascii() and line.isprintable() and "=?" not in line


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a notice is about. `team` is the name and address of the people who run the campaign."""

    campaign: Campaign
    round: ApprovalRound
    posts: list[Post]
    brand: Brand | None
    decisions: list[ApproverDecision]
    team: tuple[str, str]

    @property
    def zone(self) -> ZoneInfo:
        return self.campaign.schedule.zone

    @property
    def shown(self) -> list[Post]:
        return [post for post in self.posts if post.id in self.round.posts]

    def name(self) -> str:
        return one_line(self.campaign.name)

    def who_asks(self, words: Words) -> str:
        brand = self.brand.name if self.brand else ""
        requester = Requester.of(self.campaign).shown
        if brand and requester:
            return words("mail.who", requester=requester, brand=brand)
        return brand or requester or self.team[0]

    def again(self, words: Words) -> str:
        return place_told(self.round, words)

    def thread(self, address: str) -> str:
        """Return what names the conversation of one reader about one campaign, without naming the reader."""
        return f"{self.campaign.id}.{hashlib.sha256(address.encode()).hexdigest()[:16]}"

    def told(
        self, approver: RoundApprover, words: Words, subject: str, paragraphs: list[str], *, foot: list[str],
        link: tuple[str, str] | None = None, items: Sequence[tuple[str, str]] = (),
    ) -> Notice:  # fmt: skip
        """Return a notice to one approver."""
        thread, language = self.thread(approver.email), words.language
        return Notice(approver.name, approver.email, subject, paragraphs, thread, language, link, foot, list(items))


def to_approver(
    kind: str, about: Occasion, approver: RoundApprover, *, link_url: str = "", renewed: bool = False, code: str = ""
) -> Notice:
    """Return a notice of one of the `PERSONAL` kinds; all but receipt and code need the link."""
    words = words_for(approver.locale)
    zone = approver.zone(about.zone)
    if kind == "receipt":
        return _receipt(about, approver, words, zone)
    if kind == "code":
        return _code(about, approver, words, code)
    until = words.moment(about.round.expires_at, zone)
    open_posts = [post for post in about.shown if post.id not in about.round.locked]
    values = {"n": len(open_posts), "until": until, "name": about.name(), "again": about.again(words)}
    first = {
        "review_request": lambda: _asks(about, words, len(open_posts)),
        "reminder": lambda: words("mail.reminder.first", **values),
        "extended": lambda: words("mail.extended.first", until=until),
        "changed": lambda: words("mail.changed_since.first", n=_changed_since(about, approver)),
        "new_link": lambda: words("mail.new_link.renewed" if renewed else "mail.new_link.first"),
    }[kind]()
    subject = {"review_request": "review", "changed": "changed_since"}.get(kind, kind)
    others = [each.name for each in about.round.approvers if each.id != approver.id and not each.revoked]
    return about.told(
        approver,
        words,
        words(f"mail.{subject}.subject", **values),
        [first, *(_contents(about, words, open_posts) if kind == "review_request" else [])],
        link=(words("mail.open"), link_url),
        foot=[
            words("mail.decide_by", until=until),
            words(f"policy.{timeout_policy(about.round)}"),
            *([words("mail.others", names=words.listed(others))] if others else []),
            *_stages(about, words),
            words("mail.yours"),
            words("mail.ask", who=about.who_asks(words)),
        ],
    )


def _stages(about: Occasion, words: Words) -> list[str]:
    """Return which stages approved before, and which are asked after this one."""
    if (stage := about.round.stage) is None:
        return []
    before, after = stage.names[: stage.n - 1], stage.names[stage.n :]
    return [
        *([words("mail.stages_before", names=words.listed(before))] if before else []),
        *([words("mail.stages_after", names=words.listed(after))] if after else []),
    ]


def _changed_since(about: Occasion, approver: RoundApprover) -> int:
    """Return how many posts were changed since this approver decided; 1 where that was settled meanwhile."""
    own = [said for said in about.decisions if said.approver_id == approver.id]
    return max(1, *(len(asked_again(about.round, said)) for said in own), 0)


def _asks(about: Occasion, words: Words, count: int) -> str:
    first_post = min(post.scheduled_at for post in about.shown)
    return words(
        "mail.review.first",
        n=count,
        who=about.who_asks(words),
        platforms=words.listed([PLATFORM_NAMES[each] for each in about.campaign.participants.platforms]),
        at=words.moment(first_post, about.zone),
    )


def _contents(about: Occasion, words: Words, posts: list[Post]) -> list[str]:
    lines = [f"– {PLATFORM_NAMES[post.platform]}: {_short(post)}" for post in posts[:3]]
    if len(posts) > len(lines):
        lines.append(words("mail.more", n=len(posts) - len(lines)))
    told = ["\n".join(lines)]
    stage = about.round.stage
    if about.round.n > 1 if stage is None else stage.revisions and about.round.locked:
        rewritten = sum(post.review.round == about.round.n and bool(post.comment_answers) for post in posts)
        told += [words("mail.changed", n=rewritten)] if rewritten else []
    if findings := sum(bool(post.quality and post.quality.checks) for post in posts):
        told.append(words("mail.warnings", n=findings))
    return told


def _short(post: Post) -> str:
    return excerpt(post.content.text if post.content else post.topic, at_most=120)


def _receipt(about: Occasion, approver: RoundApprover, words: Words, zone: ZoneInfo) -> Notice:
    said = next(each for each in about.decisions if each.approver_id == approver.id)
    decision = words(f"done.{said.decision}")
    until = undo_until(about.round, said)
    return about.told(
        approver,
        words,
        words("mail.receipt.subject", name=about.name(), decision=decision, again=about.again(words)),
        [
            words("mail.receipt.first", at=words.moment(said.at, zone)),
            decision,
            *([words("mail.receipt.undo", at=words.clock(until, zone))] if until else []),
            *_said(about, [said]),
            words("mail.receipt.content", code=said.digest[:12]),
        ],
        foot=[words("mail.not_you", who=about.who_asks(words))],
    )


def _code(about: Occasion, approver: RoundApprover, words: Words, code: str) -> Notice:
    return about.told(
        approver,
        words,
        words("mail.code.subject", name=about.name(), again=about.again(words)),
        [words("mail.code.first"), code, words("mail.code.lifetime")],
        foot=[words("mail.code.not_you"), words("mail.ask", who=about.who_asks(words))],
    )


def _said(about: Occasion, decisions: list[ApproverDecision]) -> list[str]:
    """Return every comment with what it is on, one paragraph each."""
    whole = [remark.text for remark in overall_remarks(decisions)]
    single = [
        f"{post.number}. {PLATFORM_NAMES[post.platform]}: {remark.pointed}"
        for post in about.shown
        for remark in remarks_on(post.id, decisions)
    ]
    return [*whole, *single]


def to_team(kind: str, about: Occasion, *, approver_id: str | None = None, comment: str = "") -> Notice:
    """Return a notice of one of the `TEAM` kinds. It has no link: a link would let its reader decide."""
    words, round_ = words_for("en"), about.round
    silent = [each.name for each in still_asked(round_, about.decisions)]
    who = next((each.name for each in round_.approvers if each.id == approver_id), words.listed(silent))
    values = {"name": about.name(), "who": who, "again": about.again(words)}
    until, opened = (words.moment(at, about.zone) for at in (round_.expires_at, round_.opened_at))
    match kind:
        case "result":
            subject, paragraphs = _result(about, words)
        case "expired":
            subject = words("team.expired.subject", **values)
            way = "extend" if round_.status is RoundStatus.PENDING else "approve" if round_.outcome else "reject"
            paragraphs = [words(f"team.expired.{way}", at=until)]
        case "note":
            subject, paragraphs = words("team.note.subject", **values), [f"{who}:\n{comment}"]
        case "still_waiting":
            subject = words("team.still_waiting.subject", **values)
            paragraphs = [words("team.still_waiting.first", opened=opened, until=until)]
        case "link_wanted":
            subject = words("team.link_wanted.subject", **values)
            paragraphs = [words("team.link_wanted.first", **values)]
        case _:
            raise ValueError(f"there are no words for a notice of kind {kind!r}")
    name, address = about.team
    return Notice(
        to=name, email=address, subject=subject, paragraphs=paragraphs, thread=about.thread(address), language="en"
    )


def _result(about: Occasion, words: Words) -> tuple[str, list[str]]:
    if all(each.channel == "policy" for each in about.decisions):
        return words("team.result.auto", name=about.name()), []
    decision = words(f"done.{about.round.outcome}") if about.round.outcome else words("done.partial")
    who = words.listed(list(dict.fromkeys(each.decided_by for each in about.decisions)))
    subject = words("team.result.subject", name=about.name(), decision=decision, who=who, again=about.again(words))
    return subject, [subject, *_said(about, about.decisions)]
