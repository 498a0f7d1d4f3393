"""Texts that repeat what an expression or a parser finds hard, and how cost is seen to grow with their length.

Growth is a ratio of the processor time of this thread for two sizes, the second four times the first: work that is
linear costs four times as much, quadratic work sixteen times. What is hardly to be measured is no danger.
"""
# ruff: noqa: E501 - the list of what is repeated reads better in long lines

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

FACTOR: Final = 4
MOST_GROWTH: Final = 8.0
NOTHING: Final = 0.03
"""Seconds of processor time at the full size below which growth is noise."""

PUMPS: Final = (
    "\n", " ", "\t\n", "\u3000", "a", "A", "é", "e\u0301", "ﬁ", "😀", "漢", "ـ",
    "1", "1 ", "1,", "1.", "'1", "$1 ", "1%", "100 %", "1.000 ", "1-", "1/", "1/1 ", "1.1.", "1:00 ", "1\n", "\n1", "\n- ", "12 x ", "+49 ",
    "0170 12 ", "AA11 ", "DE89 3704", "one ", "one-", "one hundred and ", "may 1 ", "1. may ", "2027-01-", "to ",
    ".", ". ", "...!", "!", "! ", "? ", "…", "→ ", ",", "-", "- ", "--", "\n---", "*", "**", "_", "a_", "__a", "`", "`a", "#", "##", "#a", "#a ", "＃a", "@", "@a", "@a ", "@a.", "a@", "a@b.", "a+b@c.d ", "@[a](urn:li:a:b)", "@[a", "$", "$A ",
    "{", "{{", "{{a}", "{%", "${", "${a", "{a", "<", "<a", "<a ", "[", "[a", "[a]", "[a](", "(", "()", "((", ")", "insert ", "insert here ",
    "http://", "http://a", "http://a.com ", "http://a.com/(", "http://a.com/", "https://t.co/a", "a.", "a-", "a.a-", "a.com", "a.com ", "a.com/", "a.com?", ".com", "-.com", "www.", "xn--", "a\x01", "a.com:1", "://",
    "never ", "guaranteed ", "not guaranteed ", "best in the world ", "order ", "please", " please ", "a, ", "a; ", "a or ", "layoffs ", "\\", '"', "''", "&", "&lt;", "%", "%20", "a=b&", "\r\n", "BEGIN:VCALENDAR\n", "=", "+", "0", "\u200d", "️", "🇵",
)  # fmt: skip
"""What is repeated. Each was hard for some expression of ours once, or looks like the half of something that is sought."""


def text_of(pump: str, size: int) -> str:
    return (pump * (size // len(pump) + 1))[:size]


def texts_of(pump: str, size: int) -> list[str]:
    """Return the pump alone, and between letters: a search that fails at the end has tried the most."""
    return [text_of(pump, size), f"a{text_of(pump, size - 2)}b"]


def cost(work: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    work(text)
    return time.thread_time() - started


def growth(work: Callable[[str], object], make: Callable[[int], str], size: int) -> float:
    """Return how many times as much the work costs at `size` as at a quarter of it; 0.0 when it costs next to nothing."""
    found = cost(work, make(size))
    if found < NOTHING:
        return 0.0
    if found > 20:  # of one text: whatever it grows with, nobody waits for that
        return float("inf")
    ratio = found / max(1e-4, cost(work, make(size // FACTOR)))
    if ratio > MOST_GROWTH:  # the machine may have been busy with something else
        smaller = max(1e-4, min(cost(work, make(size // FACTOR)) for _ in range(3)))
        ratio = min(cost(work, make(size)) for _ in range(3)) / smaller
    return ratio
