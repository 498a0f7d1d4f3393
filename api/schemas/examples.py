"""The examples of the OpenAPI description. They run: a test sends every one of them."""

from typing import Any, Final

BRAND_ID: Final = "brand_01JZ0K6V9Q4R8XW2B7NDHTM3CE"
PERSONA_ID: Final = "persona_01JZ0K7A3M5T9Y1C4GQVSB8WEX"

BRIEF: Final[dict[str, Any]] = {
    "name": "Huila spring harvest",
    "brandId": BRAND_ID,
    "brief": {
        "description": "The first bags from the Huila cooperative arrive in the second week. We paid the 38 families "
        "before the harvest. We want people to know who grew it, and to order one of the 900 bags while they last.",
        "objective": "launch",
        "primaryCTA": {"type": "shop", "text": "Order the first bags", "url": "https://fernwood.example/harvest"},
    },
    "participants": {"personaIds": [PERSONA_ID], "platforms": ["twitter", "linkedin"]},
    "schedule": {
        "timezone": "Europe/Lisbon",
        "startDate": "2031-03-17",
        "endDate": "2031-04-04",
        "allowedDaysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
        "postingWindows": [{"start": "08:00", "end": "10:30"}],
    },
    "cadenceOverrides": {"minPostsPerWeek": 2, "maxPostsPerWeek": 4, "maxPostsPerDay": 1},
    "messaging": {"requiredInclusions": ["38 families", "900 bags"], "campaignAvoidTopics": ["discounts"]},
    "approval": {"approvers": [{"name": "Ana Duarte", "email": "ana@fernwood.example"}], "expiresInHours": 72},
}

TEMPLATE: Final[dict[str, Any]] = {
    "name": "Weekly roast",
    "recurrence": {"rrule": "FREQ=WEEKLY;BYDAY=TU", "at": "09:00", "startsOn": "2026-01-06"},
    "window": {"anchor": "next_monday", "length": "P7D"},
    "brief": {
        "brief": {
            "description": "Every Monday we roast one lot from one farm and sell it until it is gone. We tell what is "
            "in the drum this week, who grew it, and when it can be picked up in the roastery.",
            "objective": "awareness",
        },
        "participants": {"personaIds": [PERSONA_ID], "platforms": ["linkedin"]},
        "schedule": {
            "timezone": "Europe/Lisbon",
            "allowedDaysOfWeek": ["mon", "wed", "fri"],
            "yearlyBlackoutDays": ["--12-25", "--01-01"],
        },
        "cadenceOverrides": {"minPostsPerWeek": 1, "maxPostsPerWeek": 3, "maxPostsPerDay": 1},
        "approval": {"approvers": [{"name": "Ana Duarte", "email": "ana@fernwood.example"}], "expiresInHours": 72},
    },
    "policies": {"leadHours": 72, "overlap": "queue", "catchUp": "latest_only"},
}

PERSONA: Final[dict[str, Any]] = {
    "name": "Ines Carvalho",
    "role": "Head roaster",
    "company": "Fernwood Coffee Roasters",
    "primaryAudience": "consumers",
    "voiceTraits": ["exact", "generous"],
    "writingHabits": {"paragraphs": "short", "questions": "occasional", "emojis": "none", "structure": "prose"},
    "opinions": {
        "strongBeliefs": ["A roast date matters more than a tasting note"],
        "avoidsTopics": ["coffee and health"],
    },
    "language": {"avoid": ["artisanal", "journey"], "prefer": ["drum", "first crack"]},
    "ctaStyle": {"aggressiveness": "low", "patterns": ["If you want one, we kept some back."]},
}

WRITING: Final[dict[str, Any]] = {
    "platform": "Blog",
    "intent": "educate",
    "text": "We changed the drum speed on Tuesday. Nobody asked us to. The second batch tasted of plums.",
}

BRAND: Final[dict[str, Any]] = {
    "name": "Fernwood Coffee Roasters",
    "ethos": "Small batches, named farms, and a roast date on every bag.",
    "coreValues": ["Traceability over slogans"],
    "primaryAudience": "consumers",
    "voiceGuidelines": {"tone": ["warm"], "style": ["short sentences"], "messaging": ["name the farm"]},
    "visualIdentity": {"colorPalette": ["#2F4F3E"], "typography": ["Inter"], "imagery": ["hands at work"]},
    "contentStandards": {
        "qualityRequirements": ["every claim can be checked"],
        "avoidTopics": ["politics"],
        "avoidPhrases": ["game changer"],
    },
    "platformGuidelines": {
        "enabled": ["twitter", "linkedin"],
        "defaults": {
            "linkedin": {
                "defaultAsset": "image",
                "linkPolicy": "allowed",
                "emojiPolicy": "none",
                "hashtagPolicy": "sparing",
                "typicalCadencePerWeek": 2,
            }
        },
    },
    "pillars": [{"name": "Where it grows", "weight": 0.6}, {"name": "Brewing at home", "weight": 0.4}],
}

ASSET: Final[dict[str, Any]] = {"name": "Logo, dark", "type": "logo", "category": "Logos", "tags": ["dark"]}
