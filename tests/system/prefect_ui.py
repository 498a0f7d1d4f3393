"""Somebody at Prefect's own UI, in a real Chromium: signs in, fills in a form, follows the run, answers *Resume*.

`python -m tests.system.prefect_ui [FOLDER]` walks the way of docs/ui anew, and takes its pictures.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from playwright.sync_api import Locator, Page, expect, sync_playwright

from deployments.local.stack import LocalStack, seed
from tests.browser.live import launch
from tests.browser.screenshots import save
from tests.flows.conftest import TENANT

PATIENCE_MS: Final = 120_000
FACTS: Final = (
    "The first bags from the Huila cooperative arrive in the second week. We paid the 38 families in October, before "
    "the harvest. We want people to know who grew it, and to order one of the 900 bags while they last."
)
ARTIFACTS: Final = ("campaign", "plan", "posts", "cost", "progress", "review")
"""What the run of a campaign that waits shows; a decision adds `decision` and `outcome`."""


_SHOWN: Final = {"Details": "text=State Message", "Artifacts": 'a[href*="/artifacts/key/"]'}
"""What stands in a tab of a run once it is there: Prefect goes on asking for ever, so its requests never end."""


class Visitor:
    """A person with a browser; `filled` counts the fields that they filled in, `seconds` what it took so far."""

    def __init__(self, page: Page, stack: LocalStack) -> None:
        self.page, self._stack = page, stack
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.filled, self.unseen = 0, 0.0
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since - self.unseen

    def begin(self) -> None:
        """Sign in, and begin to count."""
        self.page.goto(f"{self._stack.prefect_url}/v2/")
        self.page.locator("input[type=password]").fill(f"campaigns:{self._stack.password}")
        self.page.keyboard.press("Enter")
        self.page.get_by_role("link", name="Deployments").wait_for()
        self.filled, self._since = 0, time.monotonic()

    def open_form(self, deployment: str) -> None:
        """Find a deployment, and open *Custom run*."""
        self.open_deployment(deployment)
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        self.page.get_by_label("Campaign name").wait_for()

    def write(self, label: str, text: str) -> None:
        self._field(label).fill(text)
        self.filled += 1

    def choose(self, label: str, value: str) -> None:
        """Choose in a list, which closes."""
        self._take(label, value)
        expect(self.page.get_by_role("listbox")).to_have_count(0)

    def choose_some(self, label: str, *values: str) -> None:
        """Choose in a list that stays open, and close it; on a run that key makes its graph fill the screen."""
        self._take(label, *values)
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_role("listbox")).to_have_count(0)

    def _take(self, label: str, *values: str) -> None:
        self.page.get_by_label(f"Select {label}").first.click()
        for value in values:
            self.page.get_by_role("option", name=value, exact=True).click()
        self.filled += 1

    def pick(self, label: str, day: date) -> None:
        """Choose a day in its calendar, which opens on the month that it is."""
        self._field(label).click()
        today = date.today()  # noqa: DTZ011 - the browser's own
        for _ in range((day.year - today.year) * 12 + day.month - today.month):
            self.page.get_by_role("button", name="Go to the Next Month").click()
        self.page.locator(f'td[data-day="{day.isoformat()}"] button').click()
        self.page.keyboard.press("Escape")
        self.filled += 1

    def open_deployment(self, name: str) -> None:
        """Find a deployment as one does who knows its name."""
        self.page.get_by_role("link", name="Deployments").click()
        self.page.get_by_placeholder("Search deployments").fill(name)
        self.page.get_by_text("Page 1 of 1").wait_for()  # the list is narrowed a moment later
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def add_schedule(self, cron: str, zone: str, **overrides: str) -> None:
        """Give a deployment one more schedule with parameters of its own: cron, time zone, and choices by label."""
        self.page.get_by_role("button", name="Schedule", exact=True).click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("tab", name="Cron").click()
        dialog.locator('input[name="schedule.cron"]').fill(cron)
        self.page.get_by_label("Select timezone").click()
        self.page.keyboard.type(zone.rpartition("/")[2])
        self.page.get_by_role("option", name=zone.replace("/", " / "), exact=True).click()
        for label, value in overrides.items():
            self.choose(label, value)
        dialog.get_by_role("button", name="Save").click()
        self.page.get_by_text("Deployment schedule created").first.wait_for()

    def submit(self) -> None:
        """Start the run, and open its page."""
        with self.page.expect_response("**/create_flow_run") as made:
            self.page.get_by_role("button", name="Submit").click()
        # In the message that goes away after some seconds, and in the list of runs.
        link = self.page.locator(f'a[href*="{made.value.json()["id"]}"]')
        self.page.get_by_role("button", name="View run").or_(link).first.click()
        self.page.get_by_role("tab", name="Logs").wait_for()

    def _field(self, label: str) -> Locator:
        return self.page.get_by_label(re.compile(rf"^{re.escape(label)}( \(Optional\))?$")).first

    def wait_until(self, state: str) -> None:
        expect(self.page.get_by_text(state, exact=True).first).to_be_visible()

    def look_at(self, tab: str) -> str:
        """Open a tab of the run, and return what the page says."""
        self.page.get_by_role("tab", name=tab).click()
        self.page.locator(_SHOWN[tab]).first.wait_for()
        return self.page.locator("body").inner_text()

    def read(self, artifact: str, see: Callable[[str], None] = lambda _: None, *, says: str = "") -> str:
        """Open an artifact of the run, and its newest version that says something; return its text, and come back."""
        here = self.page.url
        self.page.get_by_role("link", name=f"{artifact}-").first.click()
        self.page.locator('a[href*="/artifacts/artifact/"]').first.click()
        self.page.get_by_role("tab", name="Raw").or_(self.page.get_by_text("Progress:")).first.wait_for()
        if says:  # what it shows is read after its frame
            self.page.get_by_text(says).first.wait_for()
        see(artifact)
        text = self.page.locator("body").inner_text()
        self.page.goto(here)
        self.page.get_by_role("tab", name="Artifacts").wait_for()
        return text

    def open_resume(self) -> str:
        """Open the dialog behind the three dots; return what it says."""
        self.page.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name="Resume").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Select Decision").wait_for()
        return dialog.inner_text()

    def resume(self) -> None:
        self.page.get_by_role("dialog").get_by_role("button", name="Resume").click()


def start(visitor: Visitor, see: Callable[[str], None] = lambda _: None) -> None:
    """Start a campaign by the short form, and open its run.

    Args:
        see: called with a name at each moment that is worth a picture.
    """
    visitor.open_form("start-campaign")
    visitor.write("Campaign name", "First bags from Huila")
    visitor.write("What is it about?", FACTS)
    visitor.choose("Objective", "awareness")
    visitor.choose_some("Personas", "Ines Carvalho")  # brand and platforms are filled in
    see("form")
    visitor.write("Time zone", "Europe/Lisbon")
    visitor.write("Who approves", "Ana Sousa")
    visitor.write("Their e-mail address", "ana@fernwood.example")
    visitor.submit()


def follow(visitor: Visitor, see: Callable[[str], None] = lambda _: None) -> str:
    """Look at the run until it waits, and read its posts; return what its details and the posts say."""
    visitor.wait_until("Suspended")
    see("run")
    details = visitor.look_at("Details")
    see("details")
    visitor.look_at("Artifacts")
    see("artifacts")
    return details + visitor.read("posts", see, says="Ines Carvalho")


def approve(visitor: Visitor, see: Callable[[str], None] = lambda _: None) -> str:
    """Answer *Resume* as the approver that was asked, and wait until the run has ended; return what the dialog says."""
    said = visitor.open_resume()
    visitor.choose("Decision", "approved")
    visitor.write("Your name", "Ana Sousa")
    see("resume")
    visitor.resume()
    visitor.wait_until("Approved")
    return said


def main(folder: Path) -> None:
    """Walk the way once, tell what it took, and save a picture of each part."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        LocalStack(Path(home)).start() as stack,
        sync_playwright() as playwright,
    ):
        seed(stack.env, TENANT)
        stack.run("choices", "-m", "deployments.engine.choices")
        context = launch(playwright).new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        visitor = Visitor(context.new_page(), stack)

        def see(name: str) -> None:
            visitor.page.wait_for_timeout(4000)  # graphs and lists come a moment later; what it takes is not counted
            save(visitor.page, folder / f"{name}.png")
            visitor.unseen += 4

        visitor.begin()
        start(visitor, see)
        print(f"started: {visitor.filled} fields, {visitor.seconds:.0f} s")
        follow(visitor, see)
        approve(visitor, see)
        print(f"approved: {visitor.filled} fields, {visitor.seconds:.0f} s")
        visitor.look_at("Details")
        see("approved")
        context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/ui"))
