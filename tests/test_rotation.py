"""A key is changed while processes of before and after each step run side by side: no link is lost."""

from __future__ import annotations

import pytest

from campaigns.errors import ApprovalLinkError
from campaigns.keys.keyring import KeyRing, KeyRingError, new_ring
from campaigns.keys.links import MAX_LIFETIME, LinkSigner
from campaigns.keys.rotation import added, promoted, retired
from campaigns.model.approval import ApprovalRound
from deployments.aws.rotate import ALIVE
from tests.store.samples import NOW, a_campaign, a_round

START = new_ring("k1")
ADDED = added(START, "k2")
PROMOTED = promoted(ADDED)
RETIRED = retired(PROMOTED)


@pytest.mark.parametrize(("before", "after"), [(START, ADDED), (ADDED, PROMOTED)], ids=["added", "promoted"])
def test_what_one_signs_the_other_reads_while_a_step_is_rolled_out(before: str, after: str) -> None:
    rings = KeyRing.parse(before), KeyRing.parse(after)

    for signs in rings:
        for reads in rings:
            assert reads.readable(signs.signing.kid) == signs.signing or (
                reads.readable(signs.signing.kid).secret == signs.signing.secret  # type: ignore[union-attr]
            )


def test_links_that_are_open_stay_readable_until_their_key_is_retired() -> None:
    old = KeyRing.parse(START).signing

    assert KeyRing.parse(PROMOTED).signing.kid == "k2"
    kept = KeyRing.parse(PROMOTED).readable(old.kid)
    assert kept is not None
    assert kept.secret == old.secret
    assert KeyRing.parse(RETIRED).readable(old.kid) is None
    assert set(KeyRing.parse(RETIRED).keys) == {"k2"}


def test_a_key_that_was_revoked_stays_known_as_such() -> None:
    ring = f"{PROMOTED},{new_ring('bad').replace(':sign:', ':revoked:')}"

    assert KeyRing.parse(retired(ring)).keys["bad"].state == "revoked"


@pytest.mark.parametrize(
    ("step", "ring", "says"),
    [
        (lambda ring: added(ring, "k3"), ADDED, "does not sign yet"),
        (retired, ADDED, "does not sign yet"),
        (promoted, START, "add one first"),
        (promoted, PROMOTED, "add one first"),
        (lambda ring: added(ring, "k1"), START, "named twice"),
    ],
    ids=["a third", "retired", "promoted too early", "promoted twice", "of the same name"],
)
def test_steps_out_of_order_are_refused(step, ring: str, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(KeyRingError, match=says):
        step(ring)


def asked() -> ApprovalRound:
    found = a_round(a_campaign())
    return found.model_copy(update={"approvers": [found.approvers[0].model_copy(update={"jti": "of-this-approver"})]})


@pytest.mark.parametrize(("before", "after"), [(START, ADDED), (ADDED, PROMOTED)], ids=["added", "promoted"])
def test_no_link_is_lost_while_a_step_is_rolled_out(before: str, after: str) -> None:
    round_ = asked()
    signers = [LinkSigner(KeyRing.parse(ring)) for ring in (before, after)]

    for signs in signers:
        link = signs.sign(round_, round_.approvers[0], now=NOW)
        for reads in signers:
            assert reads.verify(link.token, now=NOW).sub == round_.approvers[0].id
            reads.check_nonce(link.token, link.nonce)


def test_a_link_dies_with_the_step_that_retires_its_key_and_not_before() -> None:
    round_ = asked()
    link = LinkSigner(KeyRing.parse(START)).sign(round_, round_.approvers[0], now=NOW)

    for ring in (START, ADDED, PROMOTED):
        LinkSigner(KeyRing.parse(ring)).verify(link.token, now=NOW)
    with pytest.raises(ApprovalLinkError):
        LinkSigner(KeyRing.parse(RETIRED)).verify(link.token, now=NOW)
    assert ALIVE["approval"] >= MAX_LIFETIME
