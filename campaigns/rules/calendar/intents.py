"""What each post is for: intent, call to action, required inclusions (domain.md section 14, rules 8 and 9)."""

from collections.abc import Hashable, Sequence
from typing import Final

from campaigns.model.vocabulary import Intent, Objective, Platform
from campaigns.rules.calendar.slots.shares import deal, largest_remainder
from campaigns.rules.merge.config import MergedConfig
from campaigns.rules.text.limits.platforms import text_length, text_limit

Contexts = Sequence[Sequence[Hashable]]

_MIX: Final[dict[Objective, dict[Intent, float]]] = {
    "awareness": {"educate": 0.3, "opinion": 0.3, "invite_discussion": 0.25, "social_proof": 0.15},
    "education": {"educate": 0.5, "opinion": 0.2, "invite_discussion": 0.2, "social_proof": 0.1},
    "conversion": {"educate": 0.3, "social_proof": 0.3, "opinion": 0.2, "reminder": 0.2},
    "event": {"educate": 0.4, "invite_discussion": 0.25, "social_proof": 0.2, "opinion": 0.15},
    "launch": {"educate": 0.35, "social_proof": 0.25, "opinion": 0.2, "invite_discussion": 0.2},
}
_POSTS_PER_REMINDER: Final = 8
_ROOM_FOR_WORDS: Final = 0.4
"""The part of a platform's text limit that an inclusion leaves to the words around it."""


def intents_of(objective: Objective, contexts: Contexts, *, closing: bool = True) -> list[Intent]:
    """Return the intent of each post, in order of time.

    An event and a launch open with an announcement; an event of three posts or more ends with
    reminders, all in its last third, and a launch of five or more with one. The rest follows the
    mix of the objective, evenly over time, personas and platforms.

    Args:
        closing: whether there are reminders; a campaign with key dates reminds of those.
    """
    count = len(contexts)
    opening: list[Intent] = ["announce"] if objective in {"event", "launch"} else []
    reminders = 0
    if objective == "event" and count >= 3:
        reminders = max(1, count // _POSTS_PER_REMINDER)
    elif objective == "launch" and count >= 5:
        reminders = 1
    last: list[Intent] = ["reminder"] * (reminders if closing else 0)
    middle = contexts[len(opening) : count - len(last)]
    kinds, weights = list(_MIX[objective]), list(_MIX[objective].values())
    dealt = deal(largest_remainder(len(middle), weights), middle)
    return [*opening, *(kinds[index] for index in dealt), *last]


def calls_to_action(
    objective: Objective, config: MergedConfig, intents: Sequence[Intent], contexts: Contexts
) -> list[bool]:
    """Return which posts carry the call to action.

    Half the posts of a conversion, rounded up; a third of an event or a launch, its announcement and
    reminders among them; a quarter of the others when the campaign brings its own. None when waived.
    """
    count = len(intents)
    if config.cta is None or (objective in {"awareness", "education"} and config.cta.source != "campaign"):
        return [False] * count
    part = {"conversion": 2, "event": 3, "launch": 3}.get(objective, 4)
    forced = [objective in {"event", "launch"} and intent in {"announce", "reminder"} for intent in intents]
    free = [index for index, taken in enumerate(forced) if not taken]
    more = min(len(free), max(0, -(-count // part) - sum(forced)))
    dealt = deal([more, len(free) - more], [contexts[index] for index in free])
    chosen = {index for index, kind in zip(free, dealt, strict=True) if kind == 0}
    return [taken or index in chosen for index, taken in enumerate(forced)]


def assign_inclusions(
    inclusions: Sequence[str], platforms: Sequence[Platform], too_late: Sequence[Sequence[bool] | None]
) -> list[list[str]]:
    """Return the required inclusions of each post: every one in exactly one post, spread over time.

    A long one goes to a platform with room for it, when there is one.

    Args:
        too_late: for each inclusion which posts come after the day that it names; None: it names none.
    """
    count = len(platforms)
    assigned: list[list[str]] = [[] for _ in platforms]
    for number, inclusion in enumerate(inclusions):
        aim = (2 * number + 1) * count // (2 * len(inclusions))
        cramped = {
            platform
            for platform in set(platforms)
            if text_length(platform, inclusion) > (1 - _ROOM_FOR_WORDS) * text_limit(platform)
        }

        late = too_late[number] or [False] * count

        def cost(
            index: int, aim: int = aim, cramped: set[Platform] = cramped, late: Sequence[bool] = late
        ) -> tuple[bool, bool, int, int, int]:
            return late[index], platforms[index] in cramped, len(assigned[index]), abs(index - aim), index

        assigned[min(range(count), key=cost)].append(inclusion)
    return assigned
