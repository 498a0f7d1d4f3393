"""What a post was given reaches the planner, the writer and the words, whatever the model forgets."""

from __future__ import annotations

from typing import Any

from campaigns.agents.planner import Planner
from campaigns.agents.prompts import plan_prompt, write_prompt
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.writer import Writer
from campaigns.model.campaign import Campaign
from campaigns.model.post import Post
from campaigns.rules.calendar.building import plan_calendar
from campaigns.rules.merge.merging import merge
from campaigns.rules.text.limits.platforms import rendered_text, text_length, text_limit
from tests.agents.inputs import COFFEE, NOW, TENANT, Situation, situation
from tests.model.wires import changed

LINK = {"url": "https://fernwood.com/harvest?lot=7"}
SPEAKERS = [
    {"name":"Lina Pires", "about": "She roasts in the north. Her talk is about water.", "link": "https://talks.com/lina",
     "handles": [{"platform": "twitter", "handle": "@linaroasts"}]},
    {"name": "Omar Diallo", "about": "He grows coffee in Huila.", "altText": "Omar between his trees"},
]  # fmt: skip


def told(*changes: tuple[str, Any]) -> tuple[Situation, list[Post]]:
    made = situation(COFFEE)
    wire = changed(made.campaign.to_wire(), *changes)
    campaign = Campaign.model_validate(wire)
    config = merge(campaign, made.brand, made.personas)
    made = Situation(campaign, made.brand, made.personas, config)
    slots = plan_calendar(campaign, config, seed="seed").slots
    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(1, slots=slots))
    assert planned.error is None
    return made, [each.as_post(TENANT, campaign.id, at=NOW) for each in planned.posts]


def test_posts_carry_what_they_were_given_and_pass_every_check() -> None:
    made, posts = told(
        ("messaging.hashtags", [{"tag": "HuilaHarvest"}]),
        ("messaging.disclosures", [{"text": "Advertisement", "platforms": ["linkedin", "twitter"]}]),
        ("messaging.inclusions", [{"text": "Funded by the growers"}]),
        ("trackedLink", LINK),
        ("items", SPEAKERS),
    )

    for post in posts:
        answer = Writer(OfflineModel(), clock=lambda: NOW).run(TENANT, made.writer_input(post))
        content = answer.content
        assert content is not None
        assert answer.status == "needs_review", answer.quality
        published = rendered_text(post.platform, content)
        assert text_length(post.platform, published) <= text_limit(post.platform)
        assert "Funded by the growers" in content.text
        assert "#HuilaHarvest" in published
        assert content.text.startswith("Advertisement\n") is (post.platform != "instagram")
        if post.platform != "instagram":
            assert content.link is not None
            assert content.link.endswith(f"utm_source={post.platform}&utm_medium=social&utm_campaign="
                                         f"huila-spring-harvest&utm_content={post.id}")  # fmt: skip
            assert content.link in published
            assert content.link.startswith(LINK["url"]) or "talks.com/lina?" in content.link


def test_an_item_has_a_post_about_it_alone() -> None:
    made, posts = told(("items", SPEAKERS))

    lina, omar = (post for post in posts if post.given and post.given.item)
    assert [lina.topic.partition(":")[0], omar.topic.partition(":")[0]] == ["Lina Pires", "Omar Diallo"]
    written = [Writer(OfflineModel(), clock=lambda: NOW).run(TENANT, made.writer_input(each)) for each in (lina, omar)]
    words = [each.content for each in written]
    assert words[0] is not None
    assert words[1] is not None
    assert "Lina Pires" in words[0].text
    assert "38 families" not in words[0].text or "38 families" in lina.required_inclusions
    assert words[0].mentions == (["linaroasts"] if lina.platform == "twitter" else [])
    assert words[1].alt_text == "Omar between his trees"
    assert omar.asset_requirements.image_required


def test_models_are_told_of_it_and_only_where_there_is_something() -> None:
    made, posts = told(("items", SPEAKERS))
    plain = next(post for post in posts if post.given is None)
    item = next(post for post in posts if post.given)

    without = str(write_prompt(made.writer_input(plain), character_limit=280, max_hashtags=2))
    about = str(write_prompt(made.writer_input(item), character_limit=280, max_hashtags=2, characters_taken=24))

    assert '"given"' not in without
    assert '"name":"Lina Pires"' in about
    assert '"characters":24' in about
    assert 'It is about the "item" and nothing else' in about


def test_the_planner_hears_of_items_with_their_slots() -> None:
    made, _ = told(("items", SPEAKERS))
    slots = plan_calendar(made.campaign, made.config, seed="seed").slots
    given = made.planner_input(1, slots=slots)

    prompt = str(plan_prompt(given, slots, taken=[], avoid_topics=[], intents_allowed=[], fixed=frozenset()))

    assert prompt.count('"name":"Omar Diallo"') == 1
    assert 'A slot with "given" is about its item' in prompt


FAIR = {"label": "Fair", "date": "2027-03-25", "wants": ["before", "on", "after"], "weight": 2}
TOLD = (
    "The Fair is on 25 March in the old hall. We paid the 38 families in October, before the harvest. Each bag sold "
    "that day is doubled by a baker. The first bags from Huila are here."
)


def test_after_a_key_date_nothing_of_it_is_said_as_if_it_were_to_come() -> None:
    day_only = {"text": "doubled by a baker", "from": "2027-03-25", "until": "2027-03-25"}
    made, posts = told(
        ("keyDates", [FAIR]), ("messaging.inclusions", [day_only]), ("brief.description", TOLD),
        ("messaging.requiredInclusions", []),
    )  # fmt: skip

    after = [post for post in posts if post.given and post.given.over]
    assert after
    for post in posts:
        content = Writer(OfflineModel(), clock=lambda: NOW).run(TENANT, made.writer_input(post)).content
        assert content is not None
        today = post.given is not None and post.given.near is not None and post.given.near.when == "today"
        assert ("doubled by a baker" in content.text) is today
        if post in after:
            assert "25 March" not in content.text


def test_the_writer_is_told_how_its_day_stands_to_the_key_date() -> None:
    made, posts = told(("keyDates", [FAIR]))

    asked = {
        post.given.near.when: str(write_prompt(made.writer_input(post), character_limit=280, max_hashtags=2))
        for post in posts
        if post.given and post.given.near
    }

    assert "which is still to come: remind of it" in asked["ahead"]
    assert "which is today: say so" in asked["today"]
    assert "announce nothing, and invent no result" in asked["over"]
