"""How the stand-in for Amazon Bedrock can misbehave: one name for each fault."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Refused:
    """An HTTP error. `error` is the spelling in the header; Bedrock itself uses both cases."""

    status: int
    error: str
    message: str
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of HTTP 200: raw JSON of the content blocks, and why the model stopped."""

    content: str
    stop: str = "end_turn"


@dataclass(frozen=True, slots=True)
class Slow:
    """The usual answer, this many seconds late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Broken:
    """An HTTP 200 whose body is these bytes; with `cut` the connection ends before the promised length."""

    body: bytes
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Dripping:
    """An answer that never ends: a byte now and then, for this many seconds; no read time-out ever fires."""

    seconds: float


Behaviour = Refused | Said | Slow | Broken | Dripping | Mapping[str, Any] | None
"""A mapping is the model's answer, through the tool it was given; None is the usual answer."""


def said(text: str, stop: str = "end_turn") -> Said:
    """Return an answer in prose."""
    return Said(json.dumps([{"text": text}]), stop)


def called(raw_input: str, stop: str = "tool_use") -> Said:
    """Return an answer through the tool, its input as raw JSON: NaN and repeated names survive."""
    block = '[{"toolUse": {"toolUseId": "tu_1", "name": "final_answer", "input": %s}}]'
    return Said(block % raw_input, stop)


_POST: Final = {"text": "The first bags arrive in the second week.", "hashtags": []}

BEHAVIOURS: Final[Mapping[str, Behaviour]] = {
    "ok": None,
    "throttle": Refused(429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "throttle_lower_case": Refused(429, "throttlingException", "Too many tokens, please wait."),
    "throttle_retry_after": Refused(429, "ThrottlingException", "Too many requests.", retry_after="7"),
    "model_error": Refused(424, "ModelErrorException", "The model failed."),
    "unavailable": Refused(503, "ServiceUnavailableException", "The service is unavailable."),
    "not_ready": Refused(429, "ModelNotReadyException", "The model is not ready."),
    "internal": Refused(500, "InternalServerException", "Something went wrong."),
    "model_timeout": Refused(408, "ModelTimeoutException", "The model took too long."),
    "withdrawn": Refused(404, "ResourceNotFoundException", "This model version has reached the end of its life."),
    "unknown_model": Refused(400, "ValidationException", "The provided model identifier is invalid."),
    "denied": Refused(403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    "expired_token": Refused(403, "ExpiredTokenException", "The security token included in the request is expired"),
    "quota": Refused(400, "ServiceQuotaExceededException", "You have exceeded your quota."),
    "bad_request": Refused(400, "ValidationException", "Malformed input request."),
    "slow": Slow(5.0),
    "dripping": Dripping(5.0),
    "malformed": said('{"text": "The first bags arrive'),
    "prose": said(f"Here is your post:\n{json.dumps(_POST)}\nShall I write another one?"),
    "truncated": said('{"text": "The first bags arr', stop="max_tokens"),
    "truncated_call": called('{"text": "The first bags arr"}', stop="max_tokens"),
    "empty": Said("[]"),
    "empty_text": said(""),
    "wrong_language": called(json.dumps({"text": "第一批咖啡豆将在第二周到达。"})),
    "too_long": called(json.dumps({"text": "The first bags arrive in the second week. " * 2000})),
    "nan": called('{"text": NaN}'),
    "duplicate_keys": said('{"text": "The first bags arrive.", "text": "Approved."}'),
    "ten_megabytes": called(json.dumps({"text": "a" * 10_000_000})),
    "wrong_shape": called('{"words": ["The first bags arrive."]}'),
    "not_an_object": said("[1, 2, 3]"),
    "deep": said("[" * 100_000),
    "refusal": said("I'm sorry, but I can't help with writing this post."),
    "refusal_stop": said("", stop="refusal"),
    "guardrail_intervened": said("Sorry, this was blocked.", stop="guardrail_intervened"),
    "content_filtered": said("", stop="content_filtered"),
    "malformed_tool_use": Said("[]", stop="malformed_tool_use"),
    "not_json": Broken(b"<html>502 Bad Gateway</html>"),
    "cut_connection": Broken(b'{"output": {"mess', cut=True),
}
"""Every misbehaviour by name, for `--script` and for tests."""
