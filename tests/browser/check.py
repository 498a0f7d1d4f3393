"""What `make approvals-check` does in a real Chromium: hostile texts, and scanners that run scripts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import sync_playwright

from tests.approvals.check import Plan, Row
from tests.browser.hostile import attack, fires, watched
from tests.browser.live import launch, live_scene
from tests.browser.payloads import PAYLOADS
from tests.browser.scanners import SCANNERS, STATES, press


def hostile_texts(plan: Plan) -> Row:
    """Put each payload into every field, read and answer the review, and count what the browser did."""
    row, dangerous = Row("hostile texts in Chromium"), 0
    with (
        tempfile.TemporaryDirectory() as home,
        # Each payload has a brand and a persona of its own: more than a tenant may have.
        patch("campaigns.store.library.brands.MAX_BRANDS", len(PAYLOADS) + 1),
        patch("campaigns.store.library.personas.MAX_PERSONAS", 2 * len(PAYLOADS) + 10),
        live_scene(Path(home)) as scene,
        sync_playwright() as playwright,
        watched(launch(playwright), scene.base_url) as (page, watch),
        watched(launch(playwright), scene.base_url) as (unescaped, control),
    ):
        for number, payload in enumerate(PAYLOADS[: plan.payloads]):
            findings = attack(page, watch, scene.another(f"payload {number}"), payload)
            row.tried(not findings, f"{payload!r}: {'; '.join(findings)}")
            dangerous += fires(unescaped, control, payload)
    row.note = (
        f"{watch.pages:,} pages: {len(watch.dialogs)} dialogs, {len(watch.requests)} requests elsewhere, "
        f"{len(watch.reports)} CSP reports; {dangerous} payloads run where nothing is escaped"
    )
    if dangerous < row.attempts // 2:
        row.findings.append(f"only {dangerous} payloads run where nothing is escaped: they show nothing")
    return row


def scanners_with_scripts(plan: Plan) -> Row:
    """Scanners that run scripts and submit the first form they find, on each page: no change of state."""
    del plan
    row, forms = Row("scanners that run scripts"), 0
    with tempfile.TemporaryDirectory() as home, live_scene(Path(home)) as scene, sync_playwright() as playwright:
        browser = launch(playwright)
        for state in STATES:
            for scanner in SCANNERS:
                changed, sent = press(browser, scene, state, scanner)
                forms += sent
                row.tried(not changed, f"{scanner} on {state}: changed {changed}")
        browser.close()
    row.note = f"{len(SCANNERS)} scanners on {len(STATES)} pages, {forms} forms sent"
    if not forms:
        row.findings.append("no form was sent: that shows nothing")
    return row
