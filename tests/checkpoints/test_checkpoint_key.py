"""Names of checkpoints: total, injective, tenant first, and free of a user's text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.checkpoints.key import CheckpointKey, campaign_prefix
from campaigns.model.base import Wire, new_id
from tasks.checkpoints.cached import Scope, checkpoint_key
from tasks.checkpoints.codec import declare_step

# Threads of Prefect's client, alive in a process that ran other tests before, draw jitter from `random`;
# hypothesis takes that for ours.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module inside strategies:hypothesis.errors.HypothesisDeprecationWarning"
)

CAMPAIGN = "campaign_01J0000000000000000000000A"
SCOPE = Scope("acme", CAMPAIGN, "v1")

tenants = st.from_regex(r"[a-z0-9][a-z0-9-]{1,62}", fullmatch=True)
campaigns = st.from_regex(r"campaign_[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)
steps = st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
keys = st.builds(CheckpointKey, tenants, campaigns, steps, digests)


@given(keys, keys)
def test_two_keys_have_one_path_only_if_they_are_equal_and_each_is_read_back(
    one: CheckpointKey, other: CheckpointKey
) -> None:
    assert (one.path == other.path) == (one == other)
    assert CheckpointKey.parse(str(one)) == one


@given(keys, tenants, campaigns)
def test_a_key_lies_below_its_own_campaign_and_below_no_other(key: CheckpointKey, tenant: str, campaign: str) -> None:
    assert key.path.startswith(campaign_prefix(key.tenant_id, key.campaign_id))
    if (tenant, campaign) != (key.tenant_id, key.campaign_id):
        assert not key.path.startswith(campaign_prefix(tenant, campaign))


@given(st.text(), st.text(), st.text(), st.text())
def test_arbitrary_text_is_a_key_of_that_form_or_refused(tenant: str, campaign: str, step: str, digest: str) -> None:
    try:
        path = CheckpointKey(tenant, campaign, step, digest).path
    except ValueError:
        return
    assert path.split("/") == ["checkpoints", tenant, campaign, step, digest]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "../../../etc",
        f"acme/{CAMPAIGN}/step",
        f"acme/{CAMPAIGN}/step/{'a' * 63}",
        f"acme/{CAMPAIGN}/step/{'a' * 64}\n",
        f"acme/{CAMPAIGN}/step/{'A' * 64}",
        f"acme/{CAMPAIGN}/step/{'a' * 64}/x",
        f"acme/{CAMPAIGN}/Our Spring Sale/{'a' * 64}",
        f"Acme/{CAMPAIGN}/step/{'a' * 64}",
        f"acme/../{CAMPAIGN}/step/{'a' * 64}",
        f"/acme/{CAMPAIGN}/step/{'a' * 64}",
        f"acme/{CAMPAIGN}/step/{'٣' * 64}",
    ],
)
def test_what_is_not_a_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a checkpoint key: <tenant>/<campaign>/<step>/<sha256>$"):
        CheckpointKey.parse(text)


@pytest.mark.parametrize(("tenant", "campaign"), [("acme", ""), ("", CAMPAIGN), ("acme/x", CAMPAIGN), ("acme", "*")])
def test_only_a_whole_campaign_can_be_deleted(tenant: str, campaign: str) -> None:
    with pytest.raises(ValueError, match="campaign"):
        campaign_prefix(tenant, campaign)


class Item(Wire):
    some_text: str
    other: str = ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ((1, 2), [1, 2]),
        (Item(some_text="x"), Item(other="", some_text="x")),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_inputs_that_mean_the_same_give_one_key(one: object, other: object) -> None:
    assert checkpoint_key(SCOPE, "step", one) == checkpoint_key(SCOPE, "step", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [2, 1]),
        ("1", 1),
        (None, "null"),
        (Item(some_text="x"), Item(some_text="y")),
        ([["a"], "b"], [["a", "b"]]),
        ({"a": None}, {}),
    ],
)
def test_inputs_that_differ_give_two_keys(one: object, other: object) -> None:
    assert checkpoint_key(SCOPE, "step", one) != checkpoint_key(SCOPE, "step", other)


def test_every_part_of_the_scope_counts() -> None:
    other_campaign = new_id("campaign")
    scopes = [SCOPE, Scope("acme2", CAMPAIGN, "v1"), Scope("acme", other_campaign, "v1"), Scope("acme", CAMPAIGN, "v2")]
    made = {str(checkpoint_key(scope, step, "x")) for scope in scopes for step in ("plan", "write")}

    assert len(made) == 8


def test_no_text_of_an_input_is_in_the_key() -> None:
    assert "purple" not in str(checkpoint_key(SCOPE, "step", {"brief": "purple otter"}))


@pytest.mark.parametrize(
    "value", [{"a", "b"}, b"bytes", object(), iter([]), {1: "a"}, datetime.fromisoformat("2026-01-01"), [object()]]
)
def test_an_input_without_one_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        checkpoint_key(SCOPE, "step", value)


def test_two_steps_may_not_share_a_name() -> None:
    declare_step("shared-name", str)
    declare_step("shared-name", str)

    with pytest.raises(ValueError, match="declared twice"):
        declare_step("shared-name", int)
