"""A post's text as HTML: links, hashtags and mentions as the platform shows them, findings marked, the fold shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from campaigns.model.vocabulary import Platform
from campaigns.rules.text.limits.platforms import handles_in, hashtags_in, links_in, platform_rules
from campaigns.rules.text.word_diff import word_diff
from campaigns.texts import Words


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the text that a finding is about; `number` is the finding's on its card."""

    start: int
    end: int
    number: int
    severity: str


def post_markup(platform: Platform, text: str, marks: Sequence[Mark], words: Words) -> Markup:
    """Return the text with everything marked; line breaks are left to the style sheet (`pre-wrap`)."""
    styled = _styled(platform, text)
    fold = fold_at(platform, text)
    cuts = {0, len(text), *([fold] if fold else [])}
    cuts |= {edge for start, end, _ in styled for edge in (start, end)}
    cuts |= {edge for mark in marks for edge in (min(mark.start, len(text)), min(mark.end, len(text)))}
    edges = sorted(cuts)
    out = Markup()
    for start, end in pairwise(edges):
        if fold and start == fold:
            out += Markup('<span class="fold"><span aria-hidden="true">… </span>{}</span>').format(words("post.more"))
        piece = escape(text[start:end])
        for span_start, span_end, opening in styled:
            if span_start <= start and end <= span_end:
                closing = Markup("</a>") if opening.startswith("<a") else Markup("</span>")
                piece = opening + piece + closing
        for mark in marks:
            if mark.start <= start and end <= mark.end:
                note = Markup("<sup>{}</sup>").format(mark.number) if end == min(mark.end, len(text)) else Markup()
                piece = Markup('<mark class="{}">{}{}</mark>').format(mark.severity, piece, note)
        out += piece
    return out


def _styled(platform: Platform, text: str) -> list[tuple[int, int, Markup]]:
    """Return [start, end) and the opening tag of what a platform shows in its link colour."""
    rules = platform_rules(platform)
    styled: list[tuple[int, int, Markup]] = []
    for start, end in links_in(text, platform):
        # Where a backslash follows, tools differ on where the address ends: it is no link here.
        address = None if text.startswith("\\", end) else web_address(text[start:end])
        if rules.urls.clickable and address:
            link = Markup('<a class="link" href="{}" target="_blank" rel="noopener noreferrer nofollow">')
            styled.append((start, end, link.format(address)))
    for name, (start, end) in hashtags_in(text, platform):
        if name:
            styled.append((start, end, Markup('<span class="link">')))
    if rules.mentions.form != "none":
        styled += [(start, end, Markup('<span class="link">')) for _, (start, end) in handles_in(text, platform)]
    return styled


def web_address(text: str) -> str | None:
    """Return the address that a text in a post links to: http and https, and no host that only looks like another."""
    address = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    honest = parts.hostname and "@" not in parts.netloc and "\\" not in address
    return address if honest and parts.scheme.lower() in {"http", "https"} else None


def fold_at(platform: Platform, text: str) -> int | None:
    """Return where the platform cuts the text on its first screen, at the end of a word; None: it shows all."""
    fold = platform_rules(platform).fold
    if fold is None or len(text) <= fold + len("… more"):
        return None
    blank = max(text.rfind(" ", 0, fold + 1), text.rfind("\n", 0, fold + 1))
    return blank if blank > fold // 2 else fold


def diff_markup(old: str, new: str, words: Words) -> Markup:
    """Return both texts in one, changes as <ins> and <del>, which are also said to those who hear the page."""
    out = Markup()
    for change, text in word_diff(old, new):
        if change == "same":
            out += escape(text)
        else:
            out += _CHANGE[change].format(words(f"diff.{change}"), text, words("diff.end"))
    return out


_CHANGE: Final = {
    "added": Markup('<ins><span class="vh"> {} </span>{}<span class="vh"> {} </span></ins>'),
    "removed": Markup('<del><span class="vh"> {} </span>{}<span class="vh"> {} </span></del>'),
}
