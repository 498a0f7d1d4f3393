"""Print fresh key rings, ready for a secret store: `python -m deployments.keys`.

Each key is named after the minute it was made in, so that it can stand in a ring beside the ones before it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from campaigns.keyring import new_ring

NAMES = ("CAMPAIGNS_CHECKPOINT_KEYS", "CAMPAIGNS_APPROVAL_KEYS", "CAMPAIGNS_API_KEYS")


def main() -> None:
    kid = f"k{datetime.now(UTC):%Y%m%d%H%M}"
    for name in NAMES:
        print(f"{name}={new_ring(kid)}")


if __name__ == "__main__":
    main()
