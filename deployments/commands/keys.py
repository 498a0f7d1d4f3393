"""Print fresh key rings, ready for a secret store: `python -m deployments.commands.keys`.

With `--compose`, the passwords of Prefect and its database as well: what deployments/compose.yaml asks for.

Each key is named after the minute it was made in, so that it can stand in a ring beside the ones before it.
"""

import secrets
import sys
from datetime import UTC, datetime

from campaigns.keys.keyring import new_ring
from deployments.place import RINGS


def main() -> None:
    kid = f"k{datetime.now(UTC):%Y%m%d%H%M}"
    for name in RINGS:
        print(f"{name}={new_ring(kid)}")
    if "--compose" in sys.argv[1:]:
        print(f"PREFECT_AUTH=campaigns:{secrets.token_urlsafe(24)}")
        print(f"POSTGRES_PASSWORD={secrets.token_urlsafe(24)}")


if __name__ == "__main__":
    main()
