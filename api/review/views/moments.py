"""Another moment for a post, as the page offers it: those that the rules allow, and what another one would break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.review.views.forms import Answers, Faults, instant_of_wall, wall_of
from api.review.visit import Visit
from campaigns.approval.editing import material_of
from campaigns.model.post import Post
from campaigns.rules.approval.rewriting import board_of
from campaigns.rules.calendar.moving import Board


@dataclass(frozen=True, slots=True)
class Moments:
    """What is offered, as wall times with their words; what was chosen or typed, and why that cannot be."""

    offered: list[tuple[str, str]]
    chosen: str = ""
    typed: str = ""
    refused: str = ""
    told: str = ""


def moments(visit: Visit, answers: Answers, posts: Sequence[Post]) -> Mapping[str, Moments]:
    """Return what is offered for each of these posts that may be moved, by post."""
    movable = [post for post in posts if visit.may_move(post)]
    if not movable:
        return {}
    board = _board(visit, answers)
    return {post.id: _of(visit, board, post, answers.posts[post.id].move_to or "") for post in movable}


def faults_of_moments(visit: Visit, answers: Answers) -> Faults:
    """Return which posts were moved where they cannot be, and the rule that they would break there."""
    moved = [post for post in visit.posts if visit.may_move(post) and answers.posts[post.id].move_to]
    if not moved:
        return Faults()
    board = _board(visit, answers)
    found = [(post, _of(visit, board, post, answers.posts[post.id].move_to or "", offer=False)) for post in moved]
    return Faults(
        posts={
            post.id: visit.words("fault.move", number=str(post.number), why=each.refused)
            for post, each in found
            if each.refused
        }
    )


def _board(visit: Visit, answers: Answers) -> Board:
    """Return the places as the answers leave them: two posts may change theirs."""
    material = material_of(visit.store, *visit.round.campaign_ref)
    wanted = {post_id: each.move_to for post_id, each in answers.posts.items() if each.move_to}
    posts = [
        post.model_copy(update={"scheduled_at": instant_of_wall(wall, visit.zone)})
        if (wall := wanted.get(post.id))
        else post
        for post in material.posts
    ]
    return board_of(material, visit.round, posts)


def _of(visit: Visit, board: Board, post: Post, wall: str, *, offer: bool = True) -> Moments:
    words, zone = visit.words, visit.zone
    offered = [
        (wall_of(at, zone), f"{words.short_day(at.astimezone(zone).date())}, {words.clock(at, zone)}")
        for at in (board.offered(post) if offer else [])
    ]
    if not wall:
        return Moments(offered)
    at = instant_of_wall(wall, zone)
    rule = None if at == post.scheduled_at else board.broken(post.model_copy(update={"scheduled_at": at}), at)
    known = wall in {value for value, _ in offered}
    return Moments(
        offered,
        chosen=wall if known else "",
        typed="" if known else wall,
        refused=words(f"move.{rule}") if rule is not None else "",
        told="" if rule is not None else words.both(at, zone, visit.reader_zone),
    )
