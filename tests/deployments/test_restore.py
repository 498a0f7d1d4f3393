"""The restore drill on the emulator: a backup becomes a table of its own, and role and settings follow it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from campaigns.errors import NotFoundError
from campaigns.store import Store
from campaigns.store.tables.dynamodb import DynamoDBTable
from deployments.aws.restore_table import main, next_steps, restore
from deployments.aws.stacks import Stack, Stacks
from deployments.aws.templates import emulated
from deployments.local.aws_local import AwsLocal
from tests.store.samples import NOW, TENANT, a_campaign

ACCOUNT = "100000000082"


def test_a_backup_becomes_the_table_that_everything_leads_to() -> None:
    with AwsLocal() as emulator:
        session = emulator.session(ACCOUNT)
        dynamodb = session.client("dynamodb", endpoint_url=emulator.endpoint_url)
        stacks = Stacks(session.client("cloudformation", endpoint_url=emulator.endpoint_url), delay=0.2)
        stacks.apply(Stack("data", emulated("data"), {}))
        own = stacks.outputs("data")["OwnTable"]
        store = Store(DynamoDBTable(dynamodb, own))
        before = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
        backup = dynamodb.create_backup(TableName=own, BackupName="drill")["BackupDetails"]["BackupArn"]
        later = store.campaigns.create(a_campaign(name="later"), actor="api", at=NOW).campaign

        restore(dynamodb, own, "campaigns-restored", backup=backup, delay=1)
        stacks.apply(Stack("data", emulated("data"), {"RestoredTable": "campaigns-restored"}))

        told = stacks.outputs("data")
        assert told["StoreUrl"] == "dynamodb://campaigns-restored"
        restored = Store(DynamoDBTable(dynamodb, "campaigns-restored"))
        assert restored.campaigns.get(TENANT, before.id) == before
        with pytest.raises(NotFoundError):
            restored.campaigns.get(TENANT, later.id)
        # What a restored table lacks on AWS: an index is there, the rest is not.
        assert [each.id for each in restored.campaigns.list(TENANT, limit=5).items] == [before.id]
        ttl = dynamodb.describe_time_to_live(TableName="campaigns-restored")["TimeToLiveDescription"]
        assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")
        recovery = dynamodb.describe_continuous_backups(TableName="campaigns-restored")["ContinuousBackupsDescription"]
        assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert dynamodb.describe_table(TableName="campaigns-restored")["Table"]["DeletionProtectionEnabled"]
        # The table of before is still there, and untouched.
        assert store.campaigns.get(TENANT, later.id) == later
        with pytest.raises(ClientError):
            restore(dynamodb, own, "campaigns-restored", backup=backup, delay=1)


def test_the_next_steps_are_commands_that_there_are() -> None:
    told = next_steps("prod", "campaigns-prod-1")

    assert 'restoredTable = "campaigns-prod-1"' in told
    assert "make deploy ENV=prod" in told
    assert "make restored ENV=prod" in told


def test_a_moment_without_a_zone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["prod", "--at", "2026-11-30T09:00:00"])

    assert "with a zone" in capsys.readouterr().err
