"""How X counts a post: twitter-text 3, configuration v3 (domain.md section 16).

After NFC a character weighs 1 inside four ranges and 2 elsewhere, an emoji sequence 2 in all, and a
web address 23 whatever its length. What an address is follows twitter-text's grammar, including its
habits: a bare `readme.md` is one, `node.js` is not, `example.com` is one inside Japanese text. Which
top-level domains exist comes from the public suffix list that tldextract carries, which emoji
sequences exist from the emoji library; both are opened at the first use.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Final

from campaigns.rules.text.matching import Span

URL_WEIGHT: Final = 23
_HEAVY: Final = 2
_LIGHT_RANGES: Final = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))

_MAX_URL: Final = 4096
_MAX_LABEL: Final = 63
_MAX_TCO_SLUG: Final = 40

_opening: Final = Lock()


def weighted_length(text: str) -> int:
    """Return the length of a text as X counts it, 0 for an empty one."""
    text = unicodedata.normalize("NFC", text)
    # An address takes precedence over an emoji inside it, as in twitter-text.
    # A single code point weighs what its range says: a lone © or ® is text, weight 1.
    entities = {start: (end, _HEAVY) for start, end in emoji_sequences(text) if end - start > 1}
    for start, end in _selected(text):
        entities.setdefault(start, (end, _HEAVY))
    entities |= {start: (end, URL_WEIGHT) for start, end in x_urls(text)}
    weight = position = 0
    while position < len(text):
        end, counted = entities.get(position) or (position + 1, _weight(text[position]))
        weight += counted
        position = end
    return weight


_SELECTED: Final = re.compile(".\ufe0f")
_ALSO_WITHOUT: Final = re.compile(
    "[\u231a\u231b\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be\u26c4"
    "\u26c5\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2757\u2b1b\u2b1c\u2b50\u2b55\U0001f004\U0001f21a\U0001f22f]"
)
"""Emojis that are one without a selector as well, and keep their weight with it: the rest of them do not."""


def _selected(text: str) -> Iterator[Span]:
    """Yield each emoji with the selector behind it: the table of sequences has not all, nor any before a joiner."""
    if "\ufe0f" in text:
        import emoji

        for match in _SELECTED.finditer(text):
            if _ALSO_WITHOUT.match(match[0]) or emoji.is_emoji(match[0]):
                yield match.span()


def _weight(char: str) -> int:
    point = ord(char)
    return 1 if any(low <= point <= high for low, high in _LIGHT_RANGES) else _HEAVY


def emoji_sequences(text: str) -> list[Span]:
    """Return [start, end) of each emoji, also of one code point; text in NFC."""
    if text.isascii():
        return []
    import emoji  # its table of sequences is large

    return [(match["match_start"], match["match_end"]) for match in emoji.emoji_list(text)]


# Character classes of twitter-text's grammar, each the inside of a bracket expression.
_INVALID = "\ufffe\ufeff\uffff"
_DIRECTION = "\u202a-\u202e\u061c\u200e\u200f\u2066-\u2069"
_SPACE = "\t-\r \x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_PUNCTUATION = r"!'#%&()*+,\\\-./:;<=>?@\[\]\^_{|}~$"
_CYRILLIC = "\u0400-\u04ff"
ACCENTED: Final = (
    "\xc0-\xd6\xd8-\xf6\xf8-\xff\u0100-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272"
    "\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
"""Latin letters with accents and marks, as the inside of a bracket expression."""

# The dot before a top-level domain is shown to the grammar as this mark: the long list of domains
# stays out of it. Possessive quantifiers (`++`, `*+`) and bounds just above what the DNS allows (labels
# of 63, 127 labels) keep the time for 65 000 hostile characters in tenths of a second.
_MARK: Final = "\x01"
_CHAR = rf"[^{_MARK}{_PUNCTUATION}{_SPACE}{_INVALID}{_DIRECTION}]"
_SUBDOMAIN = rf"{_CHAR}{{1,256}}+(?:[_-]++{_CHAR}{{1,256}}+){{0,128}}+"
_DOMAIN_NAME = rf"{_CHAR}{{1,256}}+(?:-++{_CHAR}{{1,256}}+){{0,128}}+"
_PATH_CHAR = rf"[a-z{_CYRILLIC}0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&{ACCENTED}]"
_PARENS = rf"\((?:{_PATH_CHAR}+|{_PATH_CHAR}*\({_PATH_CHAR}+\){_PATH_CHAR}*)\)"
_PATH_END = rf"(?:[+\-a-z{_CYRILLIC}0-9=_#/{ACCENTED}]|{_PARENS})"
_PATH = rf"(?:{_PATH_CHAR}*(?:{_PARENS}{_PATH_CHAR}*)*{_PATH_END}|@{_PATH_CHAR}+/)"
_QUERY = r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/]"

_HEAD = re.compile(
    rf"(?P<before>[^A-Za-z0-9@＠$#＃{_INVALID}]|^)"
    rf"(?P<protocol>https?://)?(?P<domain>(?:(?:{_SUBDOMAIN}\.){{0,128}}+{_DOMAIN_NAME}{_MARK})++)",
    re.IGNORECASE,
)
_LATIN_LABEL = rf"[\-a-z0-9{ACCENTED}]"
# From the first letter of the first label only: from a later one it would fail at the same place.
_LATIN_HEAD = re.compile(
    rf"(?<!{_LATIN_LABEL})(?<!{_LATIN_LABEL}\.)(?:(?:{_LATIN_LABEL}++\.)*+{_LATIN_LABEL}++{_MARK})++", re.IGNORECASE
)
_TAIL = re.compile(rf"(?::[0-9]+)?(?P<path>/{_PATH}*)?(?:{_QUERY})?", re.IGNORECASE)
_TCO = re.compile(rf"https?://t\.co/([a-z0-9]+)(?:{_QUERY})?", re.IGNORECASE | re.ASCII)
_NO_UNDERSCORE = re.compile(rf"(?:{_CHAR}|-)*")


@dataclass(frozen=True, slots=True)
class _Domains:
    """The top-level domains: those in ASCII are looked up; the others are few, and a letter of theirs may follow."""

    latin: frozenset[str]
    dot: re.Pattern[str]

    def ends(self, text: str) -> dict[int, int]:
        """Return where each top-level domain ends, by the dot before it; a lookup for each, for dots may be many."""
        return {
            found.start(): found.end()
            for found in self.dot.finditer(text)
            if (label := found[1]) is None or self._is_domain(label.lower(), text[found.end() : found.end() + 1])
        }

    def _is_domain(self, label: str, after: str) -> bool:
        return (label in self.latin and after not in ("@", "+")) or (label.startswith("xn--") and len(label) > 4)


def _domains() -> _Domains:
    with _opening:  # the posts of a map begin at the same time: one of them opens the list for all
        return _known_domains()


@cache
def _known_domains() -> _Domains:
    import tldextract  # brings requests

    # No network, no cache directory: the list that came with the package, and nothing else.
    suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None).tlds
    domains = {suffix.rpartition(".")[2] for suffix in suffixes}
    others = sorted((name for name in domains if not name.isascii()), key=lambda name: (-len(name), name))
    names = "|".join(re.escape(name) for name in others)
    return _Domains(
        frozenset(filter(str.isascii, domains)),
        re.compile(rf"\.(?:(?=[\-0-9a-zA-Z]*+[^\x00-\x7f])(?i:{names})(?=[^\-0-9a-zA-Z@+]|$)|([\-0-9a-zA-Z]+))"),
    )


def x_urls(text: str) -> list[Span]:
    """Return [start, end) of each address that X links, in order; bare domains are addresses too.

    `text` is in NFC, positions are code points.
    """
    if "." not in text or not (tld_ends := _domains().ends(text)):
        return []
    marked = _marked(text, tld_ends)
    found: list[Span] = []
    position = 0
    while head := _HEAD.search(marked, position):
        start, domain_end = head.start("domain"), tld_ends[head.end() - 1]
        tail = _TAIL.match(text, domain_end)
        position = tail.end() if tail else domain_end
        has_path = bool(tail and tail["path"])
        if not _may_be_domain(text[start:domain_end]):
            continue
        if head["protocol"]:
            found += _with_protocol(text, head.start("protocol"), position)
        elif not head["before"].endswith(("-", "_", ".", "/", _MARK)):
            bare = [
                (start + match.start(), tld_ends[start + match.end() - 1])
                for match in _LATIN_HEAD.finditer(marked[start : head.end()])
            ]
            if bare and has_path:
                bare[-1] = (bare[-1][0], position)
            found += [span for span in bare if span[1] - span[0] + len("https://") <= _MAX_URL]
    return found


def _marked(text: str, tld_ends: dict[int, int]) -> str:
    shown = list(text.replace(_MARK, "\x02"))
    for dot in tld_ends:
        label = text[text.rfind(".", 0, dot) + 1 : dot]
        # A domain name, unlike a subdomain, has no underscore: a_b.com is no address.
        if "_" not in label or not _NO_UNDERSCORE.fullmatch(label.rpartition("_")[2]):
            shown[dot] = _MARK
    return "".join(shown)


def _with_protocol(text: str, start: int, end: int) -> list[Span]:
    url = text[start:end]
    if tco := _TCO.match(url):
        # X's own shortener has no more path than its code.
        return [(start, start + tco.end())] if len(tco[1]) <= _MAX_TCO_SLUG else []
    return [(start, end)] if len(url) <= _MAX_URL else []


def _may_be_domain(domain: str) -> bool:
    if len(domain) > _MAX_URL or (domain.startswith("xn--") and not domain.isascii()):
        return False
    return all(_encoded_length(label) <= _MAX_LABEL for label in domain.split("."))


def _encoded_length(label: str) -> int:
    return len(label) if label.isascii() else len("xn--") + len(label.encode("punycode"))
