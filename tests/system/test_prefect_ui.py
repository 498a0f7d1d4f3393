"""Prefect's own UI in a real Chromium: both forms, the run with its artifacts, and the dialog behind *Resume*.

And every other way to start a campaign that docs/starting.md and docs/recurring.md name, as they spell it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.local.stack import LocalStack, seed
from deployments.place import ROOT
from tests.browser.live import launch
from tests.flows.conftest import TENANT, one_week
from tests.system.prefect_ui import ARTIFACTS, FACTS, Visitor, approve, follow, start
from tests.system.test_crash import eventually, prefect

MOST_FIELDS, MOST_SECONDS = 12, 180


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("stack"), template=prefect_database).start() as running:
        seed(running.env, TENANT)
        running.run("choices", "-m", "deployments.engine.choices")
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def visitor(stack: LocalStack, chromium: Browser) -> Iterator[Visitor]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    somebody = Visitor(context.new_page(), stack)
    somebody.begin()
    yield somebody
    context.close()


def test_a_campaign_is_started_followed_and_approved_from_the_ui_alone(visitor: Visitor) -> None:
    start(visitor)
    told = follow(visitor)
    asked = approve(visitor)
    filled, seconds = visitor.filled, visitor.seconds

    assert filled <= MOST_FIELDS
    assert f"{filled} fields" in (ROOT / "docs" / "ui" / "README.md").read_text()
    assert seconds < MOST_SECONDS
    waits = r"Waiting for 1 of 1 until \w{3}, \d+ \w{3} \d{4}, \d\d:\d\d WES?T \(UTC(\+1)?\), round 1"
    assert re.search(waits, told)
    assert "Ines Carvalho" in told
    assert re.search(r"Waiting for Ana Sousa until \w{3}, \d+ \w{3} \d{4}, \d\d:\d\d WES?T", asked)
    assert re.search(r"The posts in full: posts-\w{26}", asked)
    details = visitor.look_at("Details")
    assert "Approved by Ana Sousa" in details
    assert f"tenant:{TENANT}" in details
    assert "campaign:campaign_" in details
    visitor.look_at("Artifacts")
    for kind in (*ARTIFACTS, "decision", "outcome"):
        page = visitor.read(kind)
        assert len(page) > 300, kind
        assert "/approve/" not in page, kind  # no link that decides: everybody here could use it


def test_the_dialog_takes_no_answer_without_a_decision(visitor: Visitor) -> None:
    start(visitor)
    visitor.wait_until("Suspended")
    visitor.open_resume()

    visitor.resume()

    expect(visitor.page.get_by_text("'decision' is a required property").first).to_be_visible()
    visitor.page.keyboard.press("Escape")
    visitor.page.reload()
    visitor.wait_until("Suspended")


def test_the_full_form_starts_a_campaign(visitor: Visitor) -> None:
    first = (datetime.now(UTC) + timedelta(days=10)).date()
    visitor.open_form("build-campaign")
    visitor.write("Campaign name", "First bags, in full")
    visitor.write("What is it about?", FACTS)
    visitor.choose("Objective", "awareness")
    visitor.choose_some("Personas", "Ines Carvalho", "Tomás Okafor")
    visitor.choose_some("Platforms", "linkedin", "twitter")
    visitor.write("Time zone of the audience", "Europe/Lisbon")
    visitor.pick("First day", first)
    visitor.pick("Last day", first + timedelta(days=13))

    visitor.submit()

    visitor.wait_until("Suspended")
    assert "Waiting for 1 of 1" in visitor.look_at("Details")
    assert visitor.filled <= MOST_FIELDS


def test_a_scheduler_gives_a_template_a_schedule(visitor: Visitor, stack: LocalStack) -> None:
    visitor.open_deployment("recurring-campaign")

    visitor.add_schedule("30 9 * * 2", "Europe/Lisbon", Tenant=TENANT, Template="Weekly roast")

    deployment = prefect(stack, "GET", "/deployments/name/recurring-campaign/recurring-campaign")
    made = [each for each in deployment["schedules"] if each["schedule"].get("cron") == "30 9 * * 2"]
    assert [(each["schedule"]["timezone"], each["active"], each["parameters"]) for each in made] == [
        ("Europe/Lisbon", True, {"tenant_id": TENANT, "template": "Weekly roast"})
    ]


def spelled(page: str, begins: str) -> str:
    """Return the command of a page that begins so, as it stands there."""
    found = re.findall(rf"`({re.escape(begins)}[^`]*)`", (ROOT / page).read_text())
    assert len(found) == 1, found
    return str(found[0])


def does(stack: LocalStack, folder: Path, command: str) -> str:
    """Run a command in a shell that knows the installation; return what it said."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env={**stack.env, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_that_starts_a_campaign_does_as_it_is_spelled(stack: LocalStack, tmp_path: Path) -> None:
    store = Store(SQLiteTable(stack.home / "store.db"))

    def names() -> Counter[str]:
        return Counter(each.name.partition(" · ")[0] for each in store.campaigns.list(TENANT, limit=100).items)

    (tmp_path / "brief.json").write_text(json.dumps({**one_week(), "name": "By the command line"}))
    library = spelled("docs/starting.md", "python -m deployments.commands.library").replace(
        "--brand FILE", "--brand brand.json"
    )
    persona = json.loads((ROOT / "samples" / "personas.json").read_text())[0]
    files = {
        "brand.json": json.loads((ROOT / "samples" / "brand.json").read_text()),
        "FILE": {**persona, "name": "Rui"},
    }
    for name, value in files.items():
        given = {key: each for key, each in value.items() if key != "id"}
        (tmp_path / name).write_text(json.dumps(given))

    before = names()
    does(stack, tmp_path, library)
    does(stack, tmp_path, spelled("docs/starting.md", "prefect deployment run build-campaign"))
    does(stack, tmp_path, spelled("docs/recurring.md", "prefect deployment run recurring-campaign"))
    does(stack, tmp_path, "prefect deployment run build-campaign/sample-campaign")
    (schedule,) = re.findall(r"^```bash\n(ID=.*?)^```$", (ROOT / "docs" / "recurring.md").read_text(), re.M | re.S)
    made = json.loads(does(stack, tmp_path, schedule))

    assert "Rui" in {each.name for each in store.personas.list(TENANT).items}
    assert [each["parameters"]["template"] for each in made] == ["Weekly roast"]
    wanted = Counter(["By the command line", "First bags from Huila", "Weekly roast"])
    eventually(lambda: names() - before, lambda found: found == wanted)
