"""The list of settings: what it says is what the code reads."""

from __future__ import annotations

import re

from campaigns.settings import Settings
from deployments.pages import settings_page
from deployments.place import ROOT


def test_the_page_is_made_from_the_code_as_it_is() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page.page(), (
        "run: python -m deployments.pages.settings_page > docs/settings.md"
    )


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_pages_name_only_settings_that_there_are() -> None:
    known = {f"CAMPAIGNS_{name.upper()}" for name in Settings.model_fields}
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"\bCAMPAIGNS_[A-Z_]*[A-Z]\b", page.read_text())}

    assert named
    assert named <= known
