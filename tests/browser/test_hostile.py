"""A few of the hostile texts and scanners of `make approvals-check`, so that every run has seen some."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.approvals.scene import Scene
from tests.browser.hostile import attack, fires, watched
from tests.browser.payloads import PAYLOADS
from tests.browser.scanners import SCANNERS, press

SOME = [
    "<script>alert(1)</script>",
    '">' + "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "https://ok.example\\@evil.example/",
]


@pytest.mark.parametrize("payload", SOME)
def test_what_people_write_is_never_run(chromium: Browser, scene: Scene, payload: str) -> None:
    with watched(chromium, scene.base_url) as (page, watch):
        assert attack(page, watch, scene, payload) == []

    assert watch.pages >= 5


@pytest.mark.parametrize("payload", SOME[:3])
def test_those_texts_are_programs_where_nothing_is_escaped(chromium: Browser, scene: Scene, payload: str) -> None:
    with watched(chromium, scene.base_url) as (page, watch):
        assert fires(page, watch, payload)
        assert watch.dialogs


def test_there_are_three_hundred_payloads() -> None:
    assert len(set(PAYLOADS)) == 300
    assert set(SOME) <= set(PAYLOADS)


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_scanner_that_runs_scripts_changes_nothing(chromium: Browser, live: Scene, scanner: str) -> None:
    changed, sent = press(chromium, live, "an open review", scanner)

    assert changed == []
    assert sent >= 1
