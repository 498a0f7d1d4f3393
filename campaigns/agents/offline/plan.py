"""Topics by the offline writer."""

from __future__ import annotations

from typing import Any

from campaigns.agents.topics import topics_for
from campaigns.model.base import cut


def plan(data: dict[str, Any]) -> dict[str, Any]:
    """Return a topic for every slot of the request."""
    shared, slots = data["shared"], data["request"]["slots"]
    topics = topics_for(
        [slot.get("pillar") for slot in slots],
        shared["campaign"]["brief"],
        taken=data["request"].get("topicsAlreadyUsed", []),
        avoided=shared.get("topicsToAvoid", []),
    )
    return {"topics": [_topic(slot, topic) for slot, topic in zip(slots, topics, strict=True)]}


def _topic(slot: dict[str, Any], topic: str) -> dict[str, Any]:
    answer = {"number": slot["number"], "topic": topic}
    if slot["visual"] != "none":
        what = "A short video" if slot["visual"] == "video" else "A picture"
        answer["assetDescription"] = cut(f"{what} that goes with: {topic}", at_most=500)
    return answer
