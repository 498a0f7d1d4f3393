"""Checks a text as a post, without storing anything: python -m deployments.commands.check --platform linkedin post.txt.

Prints each finding with its place, then the score. The text is read from a file, or from standard input.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from campaigns.build.checking import CheckRequest, check_against
from campaigns.model.faults import faults_of
from campaigns.model.library.brand import Brand
from campaigns.model.vocabulary import PLATFORMS

TENANT = "check"


def main(arguments: Sequence[str] | None = None, *, now: datetime | None = None, out: TextIO = sys.stdout) -> int:
    """Print the findings; return 0 when nothing blocks, 1 when something does or the input is none."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.commands.check", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("text", nargs="?", type=Path, help="the text (default: standard input)")
    parser.add_argument("--platform", required=True, choices=PLATFORMS)
    parser.add_argument("--brand", type=Path, help="the brand whose rules hold, as JSON on the wire")
    parser.add_argument("--brief", type=Path, help="the facts that the text may use, in words")
    parser.add_argument("--alt-text", help="what is said of the picture")
    parser.add_argument("--link", help="the link beside the text")
    given = parser.parse_args(arguments)
    moment = now or datetime.now(UTC)
    stored = {"tenantId": TENANT, "createdAt": moment.isoformat(), "updatedAt": moment.isoformat()}
    try:
        asked = CheckRequest(
            platform=given.platform,
            text=given.text.read_text("utf-8") if given.text else sys.stdin.read(),
            brief=given.brief.read_text("utf-8") if given.brief else None,
            alt_text=given.alt_text,
            link=given.link,
        )
        brand = Brand.model_validate({**stored, **json.loads(given.brand.read_text("utf-8"))}) if given.brand else None
    except ValidationError as error:
        for fault in faults_of(error):
            print(f"{fault.field}: {fault.message} [{fault.code}]", file=out)
        return 1
    except (OSError, ValueError) as error:
        print(f"cannot be read: {error}", file=out)
        return 1
    quality = check_against(asked, brand, now=moment)
    for check in quality.checks:
        place = f" at {check.span[0]}-{check.span[1]}" if check.span else ""
        print(f"{check.severity} {check.code}{place}: {check.message}", file=out)
    print(f"score {quality.score:.2f}", file=out)
    return 1 if quality.blocked else 0


if __name__ == "__main__":
    sys.exit(main())
