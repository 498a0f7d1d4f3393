"""Restores the table of an environment beside the one in use: `python -m deployments.aws.restore_table ENV --at TIME`.

Makes a new table as it was at a moment of the last 35 days, or from a backup, and gives it what a restored table lacks:
expiry of items, point-in-time recovery, and protection. Nothing leads there yet; what to do next is printed.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from campaigns.store.tables.dynamodb import TTL_ATTRIBUTE
from deployments.aws.deploy import opened
from deployments.aws.environment import EnvironmentFaultsError

_HOURS: Final = {"Delay": 20, "MaxAttempts": 1080}
"""Six hours: a table of some gigabytes takes one or two."""


def restore(
    dynamodb: Any, source: str, target: str, *, at: datetime | None = None, backup: str | None = None, delay: float = 20
) -> None:
    """Restore to a new table, wait, and make it as the template makes one.

    Args:
        at: a moment of the last 35 days; or else `backup`, the ARN of one.
        delay: seconds between two looks.
    """
    if backup is not None:
        dynamodb.restore_table_from_backup(TargetTableName=target, BackupArn=backup)
    else:
        dynamodb.restore_table_to_point_in_time(SourceTableName=source, TargetTableName=target, RestoreDateTime=at)
    dynamodb.get_waiter("table_exists").wait(TableName=target, WaiterConfig={**_HOURS, "Delay": delay})
    dynamodb.update_time_to_live(
        TableName=target, TimeToLiveSpecification={"AttributeName": TTL_ATTRIBUTE, "Enabled": True}
    )
    recovery = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=target, PointInTimeRecoverySpecification=recovery)
    dynamodb.update_table(TableName=target, DeletionProtectionEnabled=True)


def next_steps(environment: str, target: str) -> str:
    return f"""{target} is there. Now:
1. stop what writes: desired count 0 for the API and the workers (docs/operating.md, Restore)
2. in deployments/environments/{environment}.toml: restoredTable = "{target}"
3. make deploy ENV={environment}         roles and settings lead to it, and everything starts on it
4. make restored ENV={environment}       campaigns go on; repeat until it finds nothing"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.aws.restore_table")
    parser.add_argument("environment", metavar="ENV")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--at", type=_instant, help="such as 2026-11-30T09:00:00Z")
    which.add_argument("--backup", help="ARN of a backup")
    options = parser.parse_args(arguments)
    try:
        installation = opened(options.environment)
        source = (
            installation.environment.restored_table
            or installation.stacks.outputs(f"campaigns-{options.environment}-data")["OwnTable"]
        )
        target = f"campaigns-{options.environment}-{datetime.now(UTC):%Y%m%d%H%M}"
        restore(installation.clients("dynamodb"), source, target, at=options.at, backup=options.backup)
    except EnvironmentFaultsError as error:
        print("\n".join(error.faults), file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError, WaiterError) as error:
        print(f"{error}; the table in use is as it was", file=sys.stderr)
        return 1
    print(next_steps(options.environment, target))
    return 0


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("with a zone: 2026-11-30T09:00:00Z")
    return at


if __name__ == "__main__":
    sys.exit(main())
