"""Prints a bearer token for development: `python -m api.auth.tokens --tenant fernwood --scopes campaigns:read`.

It is signed with CAMPAIGNS_API_KEYS. In production an OpenID provider issues the tokens (docs/settings.md).
"""

import argparse
import re
from datetime import UTC, datetime, timedelta

from api.auth.identity import MAX_LIFETIME, SCOPES, mint
from campaigns.wiring import get_api_ring


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m api.auth.tokens", description=__doc__.split("\n")[0])
    parser.add_argument("--tenant", required=True, type=_tenant)
    parser.add_argument(
        "--scopes", nargs="+", default=list(SCOPES), choices=SCOPES, metavar="SCOPE", help="default: all"
    )
    parser.add_argument("--subject", default="developer", help="who it is for, as the audit trail names them")
    parser.add_argument("--email", help="their address: whoever asks for a campaign is known by it among approvers")
    parser.add_argument("--hours", type=_hours, default=8.0)
    options = parser.parse_args(arguments)
    token = mint(
        get_api_ring(),
        tenant_id=options.tenant,
        subject=options.subject,
        email=options.email,
        scopes=options.scopes,
        ttl=timedelta(hours=options.hours),
        now=datetime.now(UTC),
    )
    print(token)


def _tenant(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,62}", text, re.ASCII):
        raise argparse.ArgumentTypeError("2 to 63 lower-case letters, digits and dashes")
    return text


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= MAX_LIFETIME.total_seconds() / 3600:
        raise argparse.ArgumentTypeError(f"more than 0, at most {MAX_LIFETIME.days * 24}")
    return hours


if __name__ == "__main__":
    main()
