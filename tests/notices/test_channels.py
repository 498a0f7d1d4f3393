"""Other channels: each gets the form that it renders, and a name is words in all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from prefect.blocks.core import Block
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from pydantic import SecretStr

from campaigns.approval.messages.notices import Notice
from tasks.delivery.channels import reaches_one_person, send
from tasks.delivery.notification_block import AppriseAddress
from tests.approvals.scene import NOW
from tests.notices.servers import Postbox

FALSE_LINKS = [
    '<a href="https://evil.example/login">Open the review</a>',
    "[Open the review](https://evil.example/login)",
    "[Open the review](<https://evil.example/login>)",
    "<https://evil.example/login|Open the review>",
    "&lt;https://evil.example/login|Open the review&gt;",
    "<!channel> <@U123|Ana>",
    "![x](https://evil.example/pixel.png)",
]
LINK = "https://review.example/approve/appr_01-x_y?token=aa_bb-cc.dd_ee&nonce=0_1"


def a_notice(name: str) -> Notice:
    return Notice(
        to="Ana", email="ana@example.com", subject=f"Review: {name}", paragraphs=[f"First {name} line", "second line"],
        thread="t", language="en", link=("Open the review", LINK), foot=["Ask who asks"],
    )  # fmt: skip


def sent_by(block: Block, notice: Notice) -> None:
    name = f"test-{uuid4().hex[:8]}"
    block.save(name, _sync=True)
    send(f"{block.get_block_type_slug()}/{name}", notice, name="n", message_id="m", now=NOW)


def apprise(address: str) -> Callable[[Postbox], Block]:
    return lambda box: AppriseAddress(url=SecretStr(address.format(at=f"127.0.0.1:{box.port}")))


MATTERMOST = apprise("mmost://{at}/aaaaaaaaaaaaaaaaaaaaaaaaaa")
ROCKET = apprise("rocket://{at}/Ab1Cd2Ef3Gh4Ij5Kl/Mn6Op7Qr8St9Uv0Wx1Yz2Ab3Cd4Ef5Gh6Ij7Kl8Mn9/?mode=webhook")
MARKDOWN = [pytest.param(MATTERMOST, id="mattermost")]


def links_of_markdown(text: str) -> list[str]:
    """Return where the links of a Markdown text lead, by the grammar of CommonMark."""
    from markdown_it import MarkdownIt

    def walk(tokens: list[object]) -> list[str]:
        found: list[str] = []
        for token in tokens:
            if getattr(token, "type", "") in {"link_open", "image"}:
                found.append(str(getattr(token, "attrs", {}).get("href") or getattr(token, "attrs", {}).get("src")))
            found += walk(getattr(token, "children", None) or [])
        return found

    return walk(list(MarkdownIt("commonmark").parse(text)))


def links_of_slack(text: str) -> list[str]:
    """Return what Slack makes links, mentions and calls of: everything between `<` and `>`."""
    return re.findall(r"<([^>]*)>", text)


@pytest.mark.parametrize("name", FALSE_LINKS)
@pytest.mark.parametrize("channel", MARKDOWN)
def test_in_markdown_only_our_link_is_one(
    prefect_server: str, postbox: Postbox, channel: Callable[[Postbox], Block], name: str
) -> None:
    sent_by(channel(postbox), a_notice(name))

    (posted,) = postbox.taken
    assert links_of_markdown(posted["text"]) == [LINK]


@pytest.mark.parametrize("name", FALSE_LINKS)
def test_in_slack_only_our_link_is_one(
    prefect_server: str, postbox: Postbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from apprise.plugins.slack import NotifySlack

    # The only thing changed is where Slack is.
    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{postbox.port}/services")
    block = SlackWebhook(url=SecretStr("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"))

    sent_by(block, a_notice(name))

    (posted,) = postbox.taken
    (said,) = posted["attachments"]
    found = [link for key in ("title", "text") for link in links_of_slack(said.get(key) or "")]
    assert found == [f"{LINK.replace('&', '&amp;')}|Open the review"]


@pytest.mark.parametrize("name", FALSE_LINKS)
def test_a_program_gets_the_words_alone(prefect_server: str, postbox: Postbox, name: str) -> None:
    sent_by(apprise("json://{at}/hook")(postbox), a_notice(name))

    (posted,) = postbox.taken
    assert posted["title"] == f"Review: {name}"
    assert posted["message"].splitlines()[0] == f"First {name} line"
    assert LINK in posted["message"]


@pytest.mark.parametrize("name", [*FALSE_LINKS, "{{token}}", "{{body}}"])
def test_a_web_hook_gets_the_words_and_never_a_secret_in_their_place(
    prefect_server: str, postbox: Postbox, name: str
) -> None:
    block = CustomWebhookNotificationBlock(
        name="hook", url=f"http://127.0.0.1:{postbox.port}/",
        json_data={"text": "{{subject}}\n{{body}}", "key": "{{token}}"}, secrets={"token": "s3cret"},
    )  # fmt: skip

    sent_by(block, a_notice(name))

    (posted,) = postbox.taken
    assert posted["key"] == "s3cret"
    assert posted["text"].startswith(f"Review: {name.replace('{{', '{ {')}\nFirst ")
    assert "s3cret" not in posted["text"]


def test_a_code_goes_only_where_the_address_names_the_person(prefect_server: str) -> None:
    def saved(url: str) -> str:
        name = f"test-{uuid4().hex[:8]}"
        AppriseAddress(url=SecretStr(url)).save(name, _sync=True)
        return f"apprise-address/{name}"

    assert reaches_one_person(saved("mailto://mail.example.com?from=a@b.example&to={email}"))
    assert not reaches_one_person(saved("mailto://mail.example.com?from=a@b.example&to=team@b.example"))
    assert [reaches_one_person(each) for each in ("mail", "smtp-mail/campaigns", "slack-webhook/team")] == [
        True, True, False,
    ]  # fmt: skip
