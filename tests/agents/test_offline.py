"""The offline writer: deterministic, honest, within every rule, and never twice the same."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.agents.offline import OfflineModel
from campaigns.agents.offline.post import LABEL, LABELS, _hashtags
from campaigns.agents.offline.remarks import REMARKS, remarks_for
from campaigns.agents.planner import Planner
from campaigns.agents.topics import ANGLES, is_instruction, repeats, sentences, topics_for
from campaigns.agents.writer import Writer
from campaigns.model.base import clean_text
from campaigns.model.characters import hiding
from campaigns.model.post import Post, PostContent
from campaigns.rules.text.platforms import rendered_text, text_length, text_limit
from campaigns.rules.text.similarity import DUPLICATE_POST, similarity
from tests.agents.inputs import COFFEE, NOW, TALKS, TENANT, Situation, situation

SETTINGS = [(COFFEE, 60), (TALKS, 60)]


def campaign(name: str, count: int) -> tuple[Situation, list[Post]]:
    made = situation(name)
    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(count))
    return made, [each.as_post(TENANT, made.campaign.id, at=NOW) for each in planned.posts]


def written(made: Situation, post: Post) -> PostContent:
    answer = Writer(OfflineModel(), clock=lambda: NOW).run(TENANT, made.writer_input(post))
    assert answer.status == "completed", answer.quality
    assert answer.usage.calls == 1
    assert answer.content is not None
    return answer.content


@pytest.mark.parametrize(("name", "count"), SETTINGS)
def test_every_post_of_a_campaign_passes_every_guardrail_at_once_and_no_two_are_alike(name: str, count: int) -> None:
    made, posts = campaign(name, count)

    texts = defaultdict(list)
    for post in posts:
        content = written(made, post)
        assert content.text.endswith(LABEL)
        assert text_length(post.platform, rendered_text(post.platform, content)) <= text_limit(post.platform)
        texts[post.platform].append(content.text)

    for of_platform in texts.values():
        assert len(of_platform) == count // 3
        assert max(similarity(one, other) for one, other in combinations(of_platform, 2)) < DUPLICATE_POST


@pytest.mark.parametrize(("name", "count"), SETTINGS)
def test_it_says_only_what_the_brief_says(name: str, count: int) -> None:
    made, posts = campaign(name, count)
    cta = made.campaign.brief.primary_cta
    assert cta is not None
    ours = {
        word for phrase in (*ANGLES, *REMARKS, LABEL, "Link in bio") for word in re.findall(r"\w+", phrase.casefold())
    }
    pillars = [pillar.name for pillar in made.config.pillars.value]
    typed = " ".join(
        [made.campaign.brief.description, cta.text, *made.campaign.messaging.required_inclusions, *pillars]
    )
    theirs = set(re.findall(r"\w+", typed.casefold()))

    for post in posts:
        said = set(re.findall(r"\w+", written(made, post).text.casefold()))
        assert said <= ours | theirs


BRIEFS = {
    "de": "Die Frühlingsernte ist da. Wir haben die 38 Familien im Oktober bezahlt. Witze sind erlaubt, Spott nicht.",
    "fr": "La récolte de printemps est là. Nous avons payé les 38 familles en octobre. Évitez les blagues.",
    "es": "La cosecha de primavera ya está aquí. Pagamos a las 38 familias en octubre. Por favor, nada de chistes.",
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
        assert said
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


def test_a_word_keeps_its_marks_in_a_hashtag() -> None:
    shared = {"campaign": {"name": "मूल कहानी"}, "rules": {"maxHashtags": 2}}

    assert _hashtags(shared, {"pillar": "Brand Awareness"}) == ["मूलकहानी"]


def test_the_same_input_gives_the_same_words() -> None:
    made, posts = campaign(COFFEE, 6)

    assert [written(made, post) for post in posts] == [written(made, post) for post in posts]


def test_a_sentence_that_a_rule_forbids_is_left_out() -> None:
    made, posts = campaign(COFFEE, 12)
    # The brief says "while they last", which pushes; this persona does not push.
    soft = [post for post in posts if post.persona_id == made.personas[0].id]

    assert soft
    assert all("while they last" not in written(made, post).text for post in soft)


def test_a_brief_that_is_too_long_for_x_is_cut_where_people_see_it() -> None:
    long = "This harvest " + "really " * 60 + "arrives soon"
    made = situation(COFFEE, brief={"description": long, "objective": "awareness"}, messaging={})
    planned = Planner(OfflineModel()).run(TENANT, made.planner_input(1))

    content = written(made, planned.posts[0].as_post(TENANT, made.campaign.id, at=NOW))

    assert "…" in content.text


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
    assert answer.status == ("needs_review" if answer.quality.blocked else "completed")


@given(
    pillars=st.lists(st.sampled_from([None, "Craft", "People"]), min_size=1, max_size=40),
    description=st.sampled_from(
        ["One sentence only about bags.", "Bags arrive. Families grew them. We paid them first."]
    ),
    taken=st.lists(st.sampled_from(["Craft, a closer look: Bags arrive", "Something else"]), max_size=2),
)
def test_topics_differ_from_each_other_and_from_what_was_used(
    pillars: list[str | None], description: str, taken: list[str]
) -> None:
    topics = topics_for(pillars, description, taken=taken, avoided=["People"])

    assert len(topics) == len(pillars)
    for index, topic in enumerate(topics):
        assert not repeats(topic, [*taken, *topics[:index]])
        assert "People" not in topic


def test_when_every_angle_is_used_up_there_is_still_a_topic() -> None:
    topics = topics_for([None] * 440, "One sentence.", taken=[], avoided=[])

    assert len(topics) == 440
    assert all(topics)


def test_a_post_repeats_no_remark_of_its_own_nor_the_first_one_of_its_neighbours() -> None:
    for turn in range(1, 300):
        assert len(set(remarks_for(turn))) == 3
        assert remarks_for(turn)[0] not in {remarks_for(other)[0] for other in range(turn + 1, turn + 29)}
