"""Topics by the offline writer."""

from typing import Any

from campaigns.agents.topics import own_topic, topics_for, visual_note


def plan(data: dict[str, Any]) -> dict[str, Any]:
    """Return a topic for every slot of the request."""
    shared, slots = data["shared"], data["request"]["slots"]
    topics = topics_for(
        len(slots),
        shared["campaign"]["brief"],
        taken=data["request"].get("topicsAlreadyUsed", []),
        avoided=shared.get("topicsToAvoid", []),
    )
    own = [own_topic(slot.get("given"), topic) for slot, topic in zip(slots, topics, strict=True)]
    return {"topics": [_topic(slot, topic) for slot, topic in zip(slots, own, strict=True)]}


def _topic(slot: dict[str, Any], topic: str) -> dict[str, Any]:
    answer = {"number": slot["number"], "topic": topic}
    if slot["visual"] != "none":
        # A note for whoever makes the picture; what it shows can only be said once there is one.
        answer["assetDescription"] = visual_note(slot["visual"], topic)
    return answer
