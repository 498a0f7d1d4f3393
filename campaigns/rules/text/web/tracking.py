"""A link told apart by post: the parameters that web statistics read (`utm_…`)."""

import re
from typing import Final
from urllib.parse import quote

MEDIUM: Final = "social"
_LONGEST_NAME: Final = 100


def tracked(url: str, *, platform: str, campaign: str, post_id: str) -> str:
    """Return an address with the parameters of one post behind its query, before its fragment.

    What its query holds already stays as it is, a parameter of ours among it too.
    """
    address, mark, fragment = url.partition("#")
    path, _, query = address.partition("?")
    said = {part.partition("=")[0] for part in query.split("&")}
    ours = {"utm_source": platform, "utm_medium": MEDIUM, "utm_campaign": campaign, "utm_content": post_id}
    more = [f"{name}={quote(value, safe='')}" for name, value in ours.items() if name not in said]
    return f"{path}?{'&'.join([*filter(None, [query.rstrip('&')]), *more])}{mark}{fragment}"


def campaign_label(name: str) -> str:
    """Return the name of a campaign as statistics show it: lower case, words joined by dashes."""
    return re.sub(r"[\W_]+", "-", name[:_LONGEST_NAME].casefold()).strip("-") or "campaign"
