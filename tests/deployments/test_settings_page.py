"""The list of settings: what it says is what the code reads."""

from __future__ import annotations

from campaigns.settings import Settings
from deployments import settings_page
from deployments.stack import ROOT


def test_the_page_is_made_from_the_code_as_it_is() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page.page(), (
        "run: python -m deployments.settings_page > docs/settings.md"
    )


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_readme_names_only_settings_that_there_are() -> None:
    known = {f"CAMPAIGNS_{name.upper()}" for name in Settings.model_fields}
    words = {word.strip("`,|…") for word in (ROOT / "README.md").read_text().split()}

    assert {word for word in words if word.startswith("CAMPAIGNS_")} <= known
