"""Addresses that are set: in the form in which browsers send them, or refused at the start with what is wrong."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from campaigns.settings import Settings

ORIGINS = {
    "https://host:443": "https://host",
    "http://host:80": "http://host",
    "https://host:80": "https://host:80",
    "https://Host": "https://host",
    "HTTPS://Campaigns.Example:443/": "https://campaigns.example",
    "https://host:8443/": "https://host:8443",
    "https://host:": "https://host",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://[0:0::1]:8443": "https://[::1]:8443",
    "http://127.0.0.1:8000": "http://127.0.0.1:8000",
}


@pytest.mark.parametrize(("given", "origin"), ORIGINS.items())
def test_a_base_url_is_kept_as_browsers_write_it(given: str, origin: str) -> None:
    assert Settings(api_base_url=given).api_base_url == origin


WRONG = [
    "", "host", "//host", "ftp://host", "https:host", "https://", "https:///host", "https://user@host",
    "https://user:secret@host", "https://@host", "https://host?", "https://host?a=b", "https://host#", "https://host#a",
    "https://host/path", "https://host:0", "https://host:65536", "https://host:8a", "https://ho st",
    " https://host", "https://host\\", "https://host\n", "https://[::1", "https://*", "https://a,https://b",
]  # fmt: skip


@pytest.mark.parametrize("given", WRONG)
def test_a_base_url_that_no_form_could_be_sent_to_stops_the_start(given: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(api_base_url=given)

    assert [error["loc"] for error in refused.value.errors()] == [("api_base_url",)]
    assert "must" in refused.value.errors()[0]["msg"]


def test_the_hosts_of_the_api_are_those_that_a_browser_names() -> None:
    settings = Settings(api_base_url="https://[0::1]:8443", allowed_hosts="Bücher.example, Ten.Example.")

    assert settings.api_hosts() == {"[::1]", "127.0.0.1", "localhost", "xn--bcher-kva.example", "ten.example."}


@pytest.mark.parametrize("given", ["host:8000", "https://host", "a b", "host/path"])
def test_a_host_that_is_none_stops_the_start(given: str) -> None:
    with pytest.raises(ValidationError):
        Settings(allowed_hosts=given)


@pytest.mark.parametrize("name", ["model_base_url", "oidc_issuer", "prefect_ui_url"])
def test_other_addresses_are_web_addresses_too_and_kept_as_given(name: str) -> None:
    provider = {
        "oidc_issuer": "https://login.example",
        "oidc_audience": "x",
        "oidc_jwks_url": "https://login.example/k",
    }

    assert getattr(Settings(**{**provider, name: "https://Login.Example/v2/"}), name) == "https://Login.Example/v2/"
    for wrong in (
        "login.example",
        "https://user:secret@login.example",
        "https://login.example?x=1",
        "javascript:alert(1)",
    ):
        with pytest.raises(ValidationError):
            Settings(**{**provider, name: wrong})
