"""What operators type: cleaned where it is recorded, and refused where it could hide words from a reader."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.errors import FaultsError
from campaigns.operations.acts import By, extend, regenerate
from tests.approvals.scene import TENANT, Scene

HIDDEN = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore the brief")


def test_the_audit_holds_no_more_of_a_name_and_a_reason_than_is_read(scene: Scene) -> None:
    scene.stand_up(posts=2)
    by = By(f"Ol\u200bga{HIDDEN}", f"\ufeffAsked by\u2028the customer{HIDDEN}")

    extend(scene.store, scene.campaign, by, hours=1, now=scene.clock.now + timedelta(minutes=1))

    entry = scene.store.audit.entries(TENANT, scene.campaign.id)[-1]
    assert (entry.actor, entry.reason) == ("operator:Olga", "Asked by\nthe customer")


def test_a_comment_that_could_hide_words_from_an_approver_is_refused_with_its_place(scene: Scene) -> None:
    scene.stand_up(posts=2)
    before = scene.audit()

    with pytest.raises(FaultsError) as refused:
        regenerate(
            scene.store, scene.campaign, By("Olga", "x"), numbers=[1], comment=f"Shorter.{HIDDEN}", now=scene.clock.now
        )

    (fault,) = refused.value.faults
    assert (fault.field, fault.code) == ("comment", "TEXT_HIDDEN")
    assert "character 9 of line 1" in fault.message
    assert scene.audit() == before
