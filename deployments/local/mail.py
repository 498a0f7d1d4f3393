"""Reads the folder of mails: `python -m deployments.local.mail CAMPAIGN_ID` prints the newest link."""

import email
import email.policy
import re
import sys
from pathlib import Path

from campaigns.settings import get_settings

_LINK = re.compile(r"(?<!\S)https?://\S+/approve/\S+")


def newest_link(folder: Path, campaign_id: str) -> str | None:
    """Return the approval link of the newest mail about a campaign, or None while there is none."""
    if not folder.is_dir():
        return None
    mails = sorted(folder.glob(f"*{campaign_id}*.eml"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in mails:
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        body = message.get_body(("plain",))
        if body is not None and (found := _LINK.search(body.get_content())):
            return found[0]
    return None


def main() -> int:
    found = newest_link(get_settings().home / "mail", sys.argv[1])
    print(found or f"no mail about {sys.argv[1]} yet", file=sys.stdout if found else sys.stderr)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
