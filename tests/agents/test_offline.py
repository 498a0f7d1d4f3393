"""The offline writer: deterministic, honest, within every rule, and never twice the same."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.agents import topics
from campaigns.agents.planner import Planner
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.providers.offline.post import LABEL, LABELS, TOO_FEW
from campaigns.agents.topics import is_instruction, repeats, topics_for
from campaigns.agents.writer import Writer
from campaigns.model.base import clean_text
from campaigns.model.characters import hiding
from campaigns.model.post import AssetRequirements, Post, PostContent
from campaigns.rules.text.limits.platforms import rendered_text, text_length, text_limit
from campaigns.rules.text.sentences import sentences
from campaigns.rules.text.similarity import DUPLICATE_POST, similarity
from tests.agents.inputs import COFFEE, NOW, TALKS, TENANT, Situation, situation

SETTINGS = [(COFFEE, 6), (TALKS, 6)]


def campaign(name: str, count: int) -> tuple[Situation, list[Post]]:
    made = situation(name)
    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(count))
    return made, [each.as_post(TENANT, made.campaign.id, at=NOW) for each in planned.posts]


def written(made: Situation, post: Post, siblings: Sequence[str] = ()) -> PostContent:
    answer = Writer(OfflineModel(), clock=lambda: NOW).run(TENANT, made.writer_input(post, sibling_texts=siblings))
    assert answer.quality is not None
    assert not answer.quality.blocked, answer.quality
    assert answer.status == "needs_review"  # a draft, whatever it says
    assert answer.usage.calls == 1
    assert answer.content is not None
    return answer.content


@pytest.mark.parametrize(("name", "count"), SETTINGS)
def test_every_post_of_a_campaign_passes_every_guardrail_at_once_and_no_two_are_alike(name: str, count: int) -> None:
    made, posts = campaign(name, count)

    texts: dict[str, list[str]] = defaultdict(list)
    for post in posts:
        content = written(made, post, texts[post.platform])
        assert content.text.endswith(LABEL)
        assert text_length(post.platform, rendered_text(post.platform, content)) <= text_limit(post.platform)
        texts[post.platform].append(content.text)

    for of_platform in texts.values():
        assert len(of_platform) == count // 3
        assert max(similarity(one, other) for one, other in combinations(of_platform, 2)) < DUPLICATE_POST


@pytest.mark.parametrize(("name", "count"), SETTINGS)
def test_it_says_whole_sentences_of_the_brief_and_nothing_of_its_own(name: str, count: int) -> None:
    made, posts = campaign(name, count)
    cta = made.campaign.brief.primary_cta
    assert cta is not None
    theirs = [*sentences(made.campaign.brief.description), cta.text, *made.campaign.messaging.required_inclusions]

    for post in posts:
        content = written(made, post)
        said = content.text.removesuffix(LABEL).replace("Link in bio.", "")
        for fact in theirs:
            said = said.replace(fact if fact in said else fact.rstrip("."), "")
        assert re.sub(r"[\s.]+", "", said) == ""
        assert (content.hashtags, content.alt_text) == ([], None)


def test_each_fact_has_a_post_and_then_somebody_is_told_that_they_ran_out() -> None:
    facts = "The harvest arrived on Monday. The families were paid in October. It tastes of red apple."
    made = situation(COFFEE, brief={"description": facts, "objective": "awareness", "ctaWaived": True}, messaging={})

    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(8)).posts

    assert [each.topic for each in planned[:3]] == [fact.rstrip(".") for fact in sentences(facts)]
    assert [each.review_reason for each in planned[:6]] == [None] * 6  # then each pair
    assert all("repeats one" in (each.review_reason or "") for each in planned[6:])


BRIEFS = {
    "de": "Die Frühlingsernte ist da. Wir haben die 38 Familien im Oktober bezahlt. Witze sind erlaubt, Spott nicht.",
    "fr": "La récolte de printemps est là. Nous avons payé les 38 familles en octobre. Évitez les blagues.",
    "es": "Los primeros sacos llegan pronto. Pagamos a las 38 familias en octubre. El café sabe a manzana roja. Por"
    " favor, nada de chistes.",
    "pt": "Os primeiros sacos chegam na segunda semana. Pagámos às famílias em outubro. O café sabe a maçã vermelha.",
    "ja": "春の収穫が届きました。ウイラの38家族に、10月に支払いました。" + "豆は香り高く、" * 90 + "です。",
    "hi": "मूल कहानी यह है। हमने अक्टूबर में परिवारों को भुगतान किया। फसल वसंत में आई।",
}


@pytest.mark.parametrize("language", BRIEFS)
def test_in_another_language_it_says_whole_sentences_of_the_brief_and_nothing_else(language: str) -> None:
    brief = {"description": BRIEFS[language], "objective": "awareness", "ctaWaived": True}
    made = situation(COFFEE, brief=brief, messaging={})
    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(3))
    facts = sentences(BRIEFS[language])

    for each in planned.posts:
        answer = Writer(OfflineModel(), clock=lambda: NOW).run(
            TENANT, made.writer_input(each.as_post(TENANT, made.campaign.id, at=NOW))
        )
        assert answer.content is not None
        said = answer.content.text.removesuffix(LABELS[language]).strip()
        assert said or language == "ja"  # where one sentence of the brief is too long for the platform
        for fact in facts:
            said = said.replace(fact, "")
        assert said.strip() == ""
        assert answer.content.hashtags == []
        assert answer.content.alt_text is None
        assert not any(word in answer.content.text for word in ("Witze", "blagues", "chistes"))


def test_what_is_meant_for_the_writer_is_no_fact() -> None:
    assert is_instruction("Funny is fine, mocking people is not.")
    assert is_instruction("Please use our hashtag.")
    assert not is_instruction("We paid the 38 families in October, before the harvest.")


def test_nothing_meant_for_the_writer_is_published() -> None:
    brief = "The bags arrive in the second week. Every picture has alt text that describes it. Funny is fine."
    made = situation(COFFEE, brief={"description": brief, "objective": "awareness", "ctaWaived": True}, messaging={})

    for each in Planner(OfflineModel()).run(TENANT, made.planner_input(4)).posts:
        answer = Writer(OfflineModel()).run(TENANT, made.writer_input(each.as_post(TENANT, made.campaign.id, at=NOW)))
        assert answer.content is not None
        assert "alt text" not in answer.content.text
        assert "Funny" not in answer.content.text


def test_the_same_input_gives_the_same_words() -> None:
    made, posts = campaign(COFFEE, 6)

    assert [written(made, post) for post in posts] == [written(made, post) for post in posts]


def test_a_sentence_that_a_rule_forbids_is_left_out() -> None:
    made, posts = campaign(COFFEE, 12)
    # The brief says "while they last", which pushes; this persona does not push.
    soft = [post for post in posts if post.persona_id == made.personas[0].id]

    assert soft
    assert all("while they last" not in written(made, post).text for post in soft)


def test_a_sentence_that_is_too_long_for_x_is_left_out_there() -> None:
    long = "This harvest " + "really " * 60 + "arrives soon"
    made = situation(COFFEE, brief={"description": long, "objective": "awareness"}, messaging={})
    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(1))

    content = written(made, planned.posts[0].as_post(TENANT, made.campaign.id, at=NOW))

    assert content.text == f"Order the first bags. {LABEL}"


# What a brief lets through: no control and no direction characters.
letters = st.characters(exclude_categories=("Cc", "Cf", "Cs"))
descriptions = (
    st.text(letters, min_size=10, max_size=400)
    .filter(lambda text: not hiding(text))
    .map(clean_text)
    .filter(lambda text: len(text) >= 10)
)


@settings(max_examples=100)
@given(
    description=descriptions,
    number=st.integers(1, 1000),
    inclusion=st.text("abc d", min_size=1, max_size=40).filter(str.strip),
)
def test_any_brief_gives_an_answer(description: str, number: int, inclusion: str) -> None:
    made = situation(TALKS)
    brief = made.campaign.brief.model_copy(update={"description": description})
    post = made.post(made.slots(1)[0]).model_copy(update={"number": number, "required_inclusions": [inclusion.strip()]})

    answer = Writer(OfflineModel()).run(TENANT, made.writer_input(post, brief=brief))

    assert answer.success
    assert answer.quality is not None
    assert answer.status == "needs_review"


@given(
    count=st.integers(1, 40),
    description=st.sampled_from(
        ["One sentence only about bags.", "Bags arrive. Families grew them. We paid them first."]
    ),
    taken=st.lists(st.sampled_from(["Bags arrive", "Something else"]), max_size=2),
)
def test_topics_differ_until_facts_and_pairs_of_them_are_used_up(
    count: int, description: str, taken: list[str]
) -> None:
    topics = topics_for(count, description, taken=taken, avoided=["People"])

    assert len(topics) == count
    new = [topic for index, topic in enumerate(topics) if not repeats(topic, [*taken, *topics[:index]])]
    assert topics[: len(new)] == new
    assert all(topic.split("; ")[0] in description for topic in topics)


def test_when_every_fact_is_used_up_there_is_still_a_topic() -> None:
    assert topics_for(440, "One sentence.", taken=[], avoided=[]) == ["One sentence"] * 440
    assert topics_for(1, "One sentence.", taken=[], avoided=["sentence"]) == ["The campaign"]


def test_a_brief_in_a_script_without_spaces_is_planned_whatever_its_length() -> None:
    long = "豆は香り高く、" * 280 + "です。"
    made = situation(COFFEE, brief={"description": long, "objective": "awareness", "ctaWaived": True}, messaging={})

    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(3))

    assert planned.success
    assert all(0 < len(each.topic) <= 200 for each in planned.posts)


def test_a_post_whose_facts_are_another_ones_says_so() -> None:
    made, posts = campaign(COFFEE, 2)
    other = written(made, posts[0]).text

    again = Writer(OfflineModel(), clock=lambda: NOW).run(
        TENANT, made.writer_input(posts[0], other_topics=[posts[0].topic])
    )

    assert again.content is not None
    assert TOO_FEW not in other
    assert again.content.text.endswith(f"{LABEL} {TOO_FEW}")


def test_japanese_has_its_own_stops_no_blanks_and_no_english_beside_it() -> None:
    brief = {
        "description": (
            "図書館は夜に働く人のための閲覧室を開きます。部屋には十二個のランプがあります。入るのにカードはいりません。"
        ),
        "objective": "awareness",
        "primaryCTA": {"type": "custom", "text": "開館時間を見る", "url": "https://fernwood.example/harvest"},
    }
    made = situation(brief=brief, messaging={})
    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(3)).posts
    posts = [each.as_post(TENANT, made.campaign.id, at=NOW) for each in planned]

    assert written(made, posts[0]).text == (
        "図書館は夜に働く人のための閲覧室を開きます。開館時間を見る。オフラインの下書きです。"
    )
    notes = [post.asset_requirements.image_description for post in posts if post.asset_requirements.image_description]
    assert notes
    assert all(note.startswith("次のテーマの画像: ") for note in notes)


@pytest.mark.parametrize("visual", ["image", "video"])
@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt", "nl", "ja", "zh", "ko", "hi", ""])
def test_a_note_for_a_picture_is_a_description_however_short_the_topic(
    language: str, visual: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "nearest_language", lambda _: language)

    assert AssetRequirements(image_description=topics.visual_note(visual, "a")).image_description
