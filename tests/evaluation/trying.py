"""One model on one brief: what it planned and wrote, and what the checks say of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from campaigns.agents.planner import Planner
from campaigns.agents.prompts import PROMPT_VERSION
from campaigns.agents.providers.text_model import TextModel
from campaigns.agents.writer import Writer
from campaigns.model.base import Wire
from campaigns.model.post import ModelUsage
from campaigns.rules.text.language import guess_language
from campaigns.rules.text.limits.platforms import measured, platform_rules, rendered_text
from tests.agents.inputs import TENANT, situation

BRIEFS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "briefs.json").read_text("utf-8"))


class Tried(Wire):
    """What came of it.

    Attributes:
        topics: slots that the model gave a usable topic, of `posts`.
        written: posts with words; `clean` of them have no finding, `blocked` have one that blocks.
        findings: how often each code was found.
        on_target: posts of half to one and a half times the length that their platform aims for.
        own_language: posts in the language of the brief.
        score: mean of the posts' scores.
    """

    model: str
    prompts: str
    brief: str
    posts: int
    topics: int
    written: int
    clean: int
    blocked: int
    on_target: int
    own_language: int
    score: float
    findings: dict[str, int]
    usage: ModelUsage
    seconds: float


def tried(model: TextModel, name: str, *, posts: int, judged: bool = False) -> Tried:
    """Let a model plan and write a brief of the set; it goes on where an answer is none."""
    began = time.monotonic()
    made = situation(BRIEFS[name]["sample"], **BRIEFS[name].get("changes", {}))
    planned = Planner(model).run(TENANT, made.planner_input(posts))
    usage, findings, scores = planned.usage, Counter[str](), list[float]()
    language = guess_language(made.campaign.brief.description)
    clean = blocked = on_target = own_language = 0
    said: dict[str, list[str]] = {}
    for each in planned.posts:
        post = each.as_post(TENANT, made.campaign.id, at=made.campaign.created_at)
        siblings = said.setdefault(post.platform, [])
        answer = Writer(model).run(TENANT, made.writer_input(post, sibling_texts=siblings, judged=judged))
        usage = usage.plus(answer.usage)
        if answer.content is None or answer.quality is None:
            findings[answer.error.code if answer.error else "NO_ANSWER"] += 1
            continue
        siblings.append(answer.content.text)
        scores.append(answer.quality.score)
        findings.update({check.code for check in answer.quality.checks})
        clean += not answer.quality.checks
        blocked += answer.quality.blocked
        length = measured(post.platform, rendered_text(post.platform, answer.content)).length
        on_target += 0.5 <= length / platform_rules(post.platform).target_length <= 1.5
        own_language += guess_language(answer.content.text) in {language, None}
    return Tried(
        model=model.name,
        prompts=PROMPT_VERSION,
        brief=name,
        posts=posts,
        topics=sum(each.review_reason is None for each in planned.posts),
        written=len(scores),
        clean=clean,
        blocked=blocked,
        on_target=on_target,
        own_language=own_language,
        score=round(sum(scores) / len(scores), 3) if scores else 0.0,
        findings=dict(findings.most_common()),
        usage=usage,
        seconds=round(time.monotonic() - began, 2),
    )
