"""Whom a typed name means, and whether it is the requester's."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.errors import FaultsError
from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import Campaign
from campaigns.rules.approval import gate
from campaigns.rules.approval.identities import IN_PLACE_OF_ALL, Requester, is_requesters_name, speaker
from tests.approvals.scene import a_campaign
from tests.rules.posts import a_round

ANA = {"id": "ap-1", "name": "Ana", "email": "ana@example.com", "jti": "1"}
BEN = {"id": "ap-2", "name": "Ben", "email": "ben@example.com", "jti": "2"}
OTHER_ANA = {"id": "ap-3", "name": "Ana", "email": "ana.b@example.com", "jti": "3"}
GONE = {"id": "ap-4", "name": "Zoe", "email": "zoe@example.com", "jti": "4", "revoked": True}
FULLWIDTH_ANA = "\uff21\uff4e\uff41"


def asking(*approvers: dict[str, Any]) -> ApprovalRound:
    return a_round().model_validate({**a_round().to_wire(), "approvers": list(approvers)})


# --- who speaks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "Ana", "ana@example.com", " ANA ", "Ana <ANA@example.com>", "ana  <ana@example.com>", FULLWIDTH_ANA,
        "<ana@example.com>", '"Ana" <ana@example.com>', "A\u200bna", "ana@EXAMPLE.com\u00a0", "Ana\t",
    ],
)  # fmt: skip
def test_a_name_or_address_as_it_was_given_is_that_approvers_voice(typed: str) -> None:
    assert speaker(asking(ANA, BEN), typed, "approver") == ("ap-1", "Ana")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("Anna", "UNKNOWN_APPROVER"),
        ("ana@exampel.com", "UNKNOWN_APPROVER"),
        ("Ben <ana@example.com>", "UNKNOWN_APPROVER"),
        ("Ana and Ben", "UNKNOWN_APPROVER"),
        ("Zoe", "UNKNOWN_APPROVER"),  # her link was revoked
        ("zoe@example.com", "UNKNOWN_APPROVER"),
        ("Olga Operator", "UNKNOWN_APPROVER"),
        ("ap-1", "UNKNOWN_APPROVER"),
        ("", "NAME_REQUIRED"),
        (" \u200b ", "NAME_REQUIRED"),
    ],
)
def test_whoever_is_not_meant_by_exactly_this_has_no_voice_and_is_told_what_to_type(typed: str, code: str) -> None:
    with pytest.raises(FaultsError) as refused:
        speaker(asking(ANA, BEN, GONE), typed, "approver")

    (fault,) = refused.value.faults
    assert fault.code == code
    assert "type" in fault.message
    assert "@example.com" not in fault.message.replace(typed or "-", "")  # Prefect is no place for addresses


def test_a_name_of_two_is_told_from_one_another_by_address() -> None:
    round_ = asking(ANA, OTHER_ANA, BEN)

    with pytest.raises(FaultsError, match="address"):
        speaker(round_, "Ana", "approver")
    assert speaker(round_, "ana.b@example.com", "approver")[0] == "ap-3"
    assert speaker(round_, "Ana <ana.b@example.com>", "approver")[0] == "ap-3"


def test_an_address_is_its_owners_whatever_another_is_called() -> None:
    odd = {**BEN, "name": "ana@example.com"}

    assert speaker(asking(odd, ANA), "ana@example.com", "approver") == ("ap-1", "Ana")


def test_in_place_of_all_decides_only_who_says_so() -> None:
    assert speaker(asking(ANA, BEN), "Olga Operator", "operator") == (IN_PLACE_OF_ALL, "Olga Operator")
    with pytest.raises(FaultsError):
        speaker(asking(ANA, BEN), " ", "operator")


# --- the requester ------------------------------------------------------------------------------------


def of(requested_by: str, email: str | None = None, *approvers: dict[str, Any]) -> Campaign:
    named = [{key: each[key] for key in ("name", "email")} for each in approvers]
    campaign = a_campaign(approval={"approvers": named, "preventSelfApproval": True})
    return campaign.model_copy(update={"requested_by": requested_by, "requester_email": email})


@pytest.mark.parametrize(
    "typed",
    [
        "Ana",
        "ana",
        "ana@example.com",
        "ANA@Example.com",
        "Ana <ana@example.com>",
        FULLWIDTH_ANA,
        "auth0|5f7c",
        "a\u200bna",
    ],
)
def test_the_requester_is_known_under_every_name_and_address_that_he_has(typed: str) -> None:
    assert is_requesters_name(of("auth0|5f7c", "Ana@example.com", ANA, BEN), typed)


@pytest.mark.parametrize("typed", ["Ben", "ben@example.com", "Olga", "ana.b@example.com", "", "Ben <ben@example.com>"])
def test_others_are_not_the_requester(typed: str) -> None:
    assert not is_requesters_name(of("auth0|5f7c", "ana@example.com", ANA, BEN, OTHER_ANA), typed)


def test_another_of_the_same_name_is_another_person_where_the_address_says_so() -> None:
    campaign = of("auth0|5f7c", "ana@example.com", ANA, OTHER_ANA)
    ana, other = campaign.approval.approvers

    assert Requester.of(campaign).is_person(ana)
    assert not Requester.of(campaign).is_person(other)
    assert is_requesters_name(campaign, "Ana")  # which of the two cannot be told
    assert not is_requesters_name(campaign, "Ana <ana.b@example.com>")


def test_a_requester_who_came_as_a_mailbox_is_known_by_both_parts() -> None:
    campaign = of("Marta Ruiz <marta@example.com>", None, ANA)

    assert all(is_requesters_name(campaign, typed) for typed in ("marta ruiz", "marta@example.com"))


def test_a_name_of_several_is_told_apart_by_the_address_that_the_fault_lists() -> None:
    round_ = asking(ANA, BEN, OTHER_ANA)

    for act in (lambda said: speaker(round_, said, "approver")[0], lambda said: gate.one_asked(round_, said).id):
        with pytest.raises(FaultsError) as refused:
            act("Ana")
        (fault,) = refused.value.faults
        assert (fault.code, "address" in fault.message) == ("AMBIGUOUS_APPROVER", True)
        assert act("ana.b@example.com") == "ap-3"
