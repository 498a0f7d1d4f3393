"""A post in an approver's own words, as it is typed: how long it is, what the checks find, what changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup
from pydantic import ValidationError

from api.review.views.cards import Finding, findings_of, length_of
from api.review.views.forms import Answers, Faults
from api.review.views.marking import diff_markup
from api.review.visit import Visit
from campaigns.approval.editing import material_of
from campaigns.model.faults import faults_of
from campaigns.model.post import Post
from campaigns.rules.approval.rewriting import Material, content_with, judged
from campaigns.rules.text.limits.platforms import rendered_text
from campaigns.texts import Words


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What is said of a text beside its field; `refused` is why no post can have it."""

    text: str
    count: str = ""
    over: bool = False
    findings: tuple[Finding, ...] = ()
    refused: str = ""
    changes: Markup | None = None

    @property
    def blocked(self) -> bool:
        return bool(self.refused) or any(each.severity == "block" for each in self.findings)


def looked_at(material: Material, post: Post, text: str, words: Words) -> OwnWords:
    """Count and check a text as if it were the post's."""
    try:
        content = content_with(post, text)
    except ValidationError as error:
        return OwnWords(text, refused=faults_of(error)[0].message)
    assert post.content is not None
    old, new = (rendered_text(post.platform, each) for each in (post.content, content))
    count, over = length_of(post.platform, new, words)
    findings, _ = findings_of(judged(material, post, content), words)
    return OwnWords(text, count, over, tuple(findings), changes=diff_markup(old, new, words))


def own_words(visit: Visit, answers: Answers) -> Mapping[str, OwnWords]:
    """Return what is said of every text that was typed, by post."""
    typed = [(post, edit) for post in visit.posts if (edit := answers.posts[post.id].edit) and visit.may_edit(post)]
    if not typed:
        return {}
    material = material_of(visit.store, *visit.round.campaign_ref)
    return {post.id: looked_at(material, post, edit, visit.words) for post, edit in typed}


def faults_of_own_words(visit: Visit, answers: Answers) -> Faults:
    """Return which texts a check blocks."""
    found = own_words(visit, answers)
    numbers = {post.id: str(post.number) for post in visit.posts}
    return Faults(
        posts={
            post_id: visit.words("fault.edit_blocked", number=numbers[post_id])
            for post_id, each in found.items()
            if each.blocked
        }
    )
