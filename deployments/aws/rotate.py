"""Changes the key of a ring without losing a link: `python -m deployments.aws.rotate STEP --env ENV --ring approval`.

    add       a fresh key that everybody knows and nobody uses yet
    promote   it signs from now on; the one before is still read
    retire    the one before goes; refused while something that it made may be alive

Each step writes the secret and starts again, one after another, whatever holds the ring. Without --env, the ring is
read from standard input and the changed one is printed, for a secret store of your own; restart everything in between.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from api.auth.identity import MAX_LIFETIME as TOKENS
from campaigns.keys.keyring import KeyRing, KeyRingError
from campaigns.keys.links import MAX_LIFETIME as LINKS
from campaigns.keys.rotation import added, promoted, retired
from deployments.aws.deploy import Installation, opened
from deployments.aws.environment import EnvironmentFaultsError
from deployments.aws.secrets import RINGS, SERVICES, fresh_kid

# A campaign may wait for a year and more; its checkpoints are kept until 30 days after its end.
ALIVE: Final = {"approval": LINKS, "api": TOKENS, "checkpoint": timedelta(days=396)}
"""How long something that a key of the ring made may be alive after it made the last one."""


class TooEarlyError(RuntimeError):
    """What the old key made may still be alive."""


def changed(step: str, ring: str, *, now: datetime) -> str:
    """Return the ring after a step.

    Raises:
        KeyRingError: the step cannot be taken; see `campaigns.keys.rotation`.
    """
    match step:
        case "add":
            return added(ring, fresh_kid(now))
        case "promote":
            return promoted(ring)
        case _:
            return retired(ring)


def rotate(installation: Installation, ring: str, step: str, *, now: datetime, force: bool = False) -> str:
    """Take a step with a ring of an environment, restart what holds it, and return the states of its keys.

    Raises:
        KeyRingError: the step cannot be taken.
        TooEarlyError: the ring was changed too short a time ago to retire a key.
    """
    secrets = installation.secrets
    if step == "retire" and not force:
        since = secrets.changed(ring)
        if (age := now - since) < ALIVE[ring]:
            raise TooEarlyError(
                f"the ring was changed {age.days} days ago; what its old key made may live for {ALIVE[ring].days}"
            )
    after = changed(step, secrets.read(ring), now=now)
    secrets.write(ring, after)
    installation.restart(SERVICES[ring])
    return states(after)


def states(ring: str) -> str:
    """Return the keys of a ring by name and state, without their secrets."""
    return ", ".join(f"{key.kid} {key.state}" for key in KeyRing.parse(ring).keys.values())


def main(arguments: Sequence[str] | None = None, *, environment: Callable[[str], Installation] = opened) -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.aws.rotate", description=__doc__.partition("\n")[0])
    parser.add_argument("step", choices=("add", "promote", "retire"))
    parser.add_argument("--env", help="an environment on AWS")
    parser.add_argument("--ring", choices=RINGS)
    parser.add_argument("--force", action="store_true", help="retire although something may be alive")
    options = parser.parse_args(arguments)
    now = datetime.now(UTC)
    try:
        if options.env is None:
            print(changed(options.step, sys.stdin.read().strip(), now=now))
            return 0
        if options.ring is None:
            parser.error("--ring: which ring of the environment?")
        print(rotate(environment(options.env), options.ring, options.step, now=now, force=options.force))
    except EnvironmentFaultsError as error:
        print("\n".join(error.faults), file=sys.stderr)
        return 1
    except (KeyRingError, TooEarlyError, BotoCoreError, ClientError) as error:
        print(f"{error}; nothing was changed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
