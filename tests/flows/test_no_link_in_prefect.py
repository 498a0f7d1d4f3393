"""Whoever may read Prefect must not be able to decide: no link in a parameter, log, artifact, event or anywhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

from campaigns.settings import get_settings
from deployments.local.mail import newest_link
from flows.housekeeping import housekeeping
from tests.flows.conftest import Studio, sample_brief


def everything_in_prefect() -> str:
    """Return the database of the Prefect server as text."""
    path = str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition("///")[2]
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return "\n".join(str(row) for table in tables for row in database.execute(f'SELECT * FROM "{table}"'))


def test_a_campaign_from_link_to_receipt_leaves_no_link_in_prefect(studio: Studio) -> None:
    asked = [{"name": "Zoe Unseen", "email": "zoe.unseen@fernwood.example"}]
    campaign_id, run_id = studio.submit(sample_brief(approval={"approvers": asked}))
    studio.attempt(run_id)
    housekeeping()
    link = newest_link(get_settings().home / "mail", campaign_id)
    assert link is not None
    studio.decide(campaign_id, "approved")
    studio.attempt(run_id)
    assert studio.steps(run_id).total() > 3  # Prefect has taken in what there is to know

    kept = everything_in_prefect()

    callback_id = link.partition("/approve/")[2].partition("?")[0]
    token, nonce = (part.partition("=")[2] for part in link.partition("?")[2].split("&"))
    for secret in (link, token, token.split(".")[2], nonce, callback_id, "/approve/"):
        assert secret not in kept
    assert "zoe.unseen@" not in kept.casefold()
    for file in Path(get_settings().home).rglob("*"):  # nor in a file, but for the mail itself and what is sealed
        if file.is_file() and file.parent.name != "mail":
            assert token.encode() not in file.read_bytes(), file
