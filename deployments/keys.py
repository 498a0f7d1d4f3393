"""Print fresh key rings, ready for a secret store: `python -m deployments.keys`."""

from __future__ import annotations

from campaigns.keyring import new_ring

NAMES = ("CAMPAIGNS_CHECKPOINT_KEYS", "CAMPAIGNS_APPROVAL_KEYS", "CAMPAIGNS_API_KEYS")


def main() -> None:
    for name in NAMES:
        print(f"{name}={new_ring()}")


if __name__ == "__main__":
    main()
