"""Writes the catalogue of errors from the code: `python -m api.catalogue > docs/errors.md`."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from api import app  # with it everything that can answer is imported
from api.http.problems import CODES, STATUS
from campaigns import errors
from campaigns.agents.failures import REMEDIES
from campaigns.model.faults import OTHER, PATTERNS, WORDS_OF
from campaigns.operations.recovery import QUARANTINED, STOPPED
from tasks.ask import NoUsablePostError

ROOT: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = ("campaigns", "api")
# Faults of what operators give to a flow, and of what a model answers: no request of the API holds either.
_ELSEWHERE: Final = {ROOT / "campaigns" / "operations" / "acts.py", ROOT / "campaigns" / "model" / "post.py"}
# A lease is lost by runs, a wrong link gets a page or INVALID_TOKEN, and what is gone says how.
_NEVER_ANSWERED: Final = frozenset({errors.LeaseLostError, errors.ApprovalLinkError, errors.GoneError})

COMPUTED: Final = {
    "CADENCE_UNREACHABLE": "days and windows do not hold minPostsPerWeek: the numbers, and the least changes that help",
    "EDIT_BLOCKED": "what a check says of the words that an approver wrote: change them",
    "PASSAGE_NOT_FOUND": "these words do not stand in the post: quote them as they are shown",
    "TOO_MANY_CHANGES": "one answer changes more posts than are written together: send the others after it",
    "CHANGE_NOT_APPROVED": "is your own version or time: approve the post with it, or leave it out",
    "MOVE_BREAKS_RULE": "the rule of the calendar that the moment would break, with its numbers",
    "DECISION_CONTRADICTS_POSTS": "says {…}, but what is said of the posts comes to {…}",
    "NOBODY_MAY_DECIDE": "the requester may not decide, and nobody else is named: name one more approver",
    "REQUESTER_UNKNOWN": "preventSelfApproval cannot be kept: the requester has no e-mail address to be known by",
    "ITEMS_TOO_MANY": "the cadence has fewer posts than there are items: the numbers, and the least changes that help",
    "KEY_DATE_CADENCE": "maxPostsPerWeek or maxPostsPerDay leave no post to a key date; the least changes that help",
    "KEY_DATE_CLOSED": "nothing is posted on a key date: a blackout, or no posting day; the least changes that help",
    "KEY_DATE_OUTSIDE": "a key date lies before or after the campaign; the least changes that help",
    "LEGAL_BLOCK": "cannot be approved as it is: a claim or a competitor has to be taken out first",
    "NOTHING_TO_APPROVE": "every post is blocked by a check: decide post by post",
    "NO_POSTING_TIME": "no allowed day and window lies between startDate and endDate",
    "STAGES_TOO_LONG": "the stages need more hours than are left before the first post: the least changes that help",
    "WINDOW_OVER": "the window of the occurrence is over before the hours for the approval are",
    "TOO_FEW_POSTS": "the window of the occurrence holds fewer posts than minUsefulPosts",
    "TOO_MANY_POSTS": "the cadence asks for more posts than a campaign may have; `CAMPAIGNS_MOST_POSTS` says how many",
}
"""What faults say whose message is put together from numbers."""

BUILD_CODES: Final = {
    "REVISION_LIMIT": (
        "Changes were asked for more often than `maxRevisionRounds` allows. Retry the campaign: it gets one round more."
    ),
    errors.IntegrityError.code: (
        "What is stored is not what was approved. Nothing goes out; roll the campaign back, then retry it."
    ),
    NoUsablePostError.code: "Not one post could be written. Do what their `lastError` says, then retry the campaign.",
    errors.BuildTimeoutError.code: (
        "The build worked longer than `CAMPAIGNS_BUILD_TIMEOUT_SECONDS`; waiting for people, or for a permit to call"
        " the model, does not count. What is written stays. Retry the campaign: it goes on where it stopped, with as"
        " much time again."
    ),
    STOPPED: "Somebody ended its run in Prefect while it was at work. Retry the campaign.",
    QUARANTINED: "The run broke off again and again. Read its log, mend the cause, then retry the campaign.",
}
"""Why a build ended, beside what a model may answer."""

_HEAD: Final = """# Errors

Made from the code by `python -m api.catalogue`; a test keeps it so.

Every error has one shape. `errorCode` is stable, `message` is for people, `errorId` names the answer in the logs, and
`details.errors` lists every fault of a request at once; of more than 100 the first 100, and
`message` says how many there are.

```json
{
  "message": "the request has 1 fault; nothing was stored",
  "errorCode": "BRIEF_INVALID",
  "errorId": "01M83MHAR4ZN3C0FNJ8TGMSSK7",
  "details": {"errors": [{"field": "schedule.endDate", "message": "must be after startDate 2027-04-04, not 2027-03-15",
                          "code": "END_BEFORE_START"}]}
}
```

Try again: 429 and 503 after `Retry-After`; 409 `VERSION_CONFLICT` and 412 after reading again; no other 4xx as it is.
A repeated `POST /campaigns` is safe: for seven days with the same `Idempotency-Key`, for ever with the same
`metadata.externalRef`.
"""

_WHY: Final = """Why building a campaign or a post failed; or an error code above. To retry is `retry-campaign`
([runbook.md](runbook.md)). To change is `PATCH /campaigns/{id}`: of a failed campaign `budgetUSD`, `brief` and
`messaging`, the approvers where `NOBODY_MAY_DECIDE`, and as long as no post is planned every field.
"""


def page() -> str:
    """Return the catalogue as Markdown."""
    lines = [_HEAD, "## Error codes\n", "| `errorCode` | Status | |", "|---|---|---|"]
    lines += [f"| `{code}` | {status} | {words} |" for code, (status, words) in sorted(error_codes().items())]
    lines += ["", "## Codes of faults\n", "What `details.errors[].code` may be; `{…}` is filled in.\n"]
    lines += ["| `code` | |", "|---|---|"]
    lines += [
        f"| `{code}` | {'<br>'.join(sorted(filter(None, words)))} |" for code, words in sorted(fault_codes().items())
    ]
    lines += ["", "## Codes of `lastError`\n", _WHY]
    lines += ["| `code` | |", "|---|---|"]
    lines += [f"| `{code}` | {words} |" for code, words in sorted(build_codes().items())]
    return "\n".join(lines) + "\n"


def error_codes() -> dict[str, tuple[int, str]]:
    """Return status and meaning of every error code that an answer may have."""
    found: dict[str, tuple[int, str]] = {}
    for kind in _kinds(errors.CampaignError):
        status = next((status for each, status in STATUS if issubclass(kind, each)), 500)
        if status != 500 and kind not in _NEVER_ANSWERED:
            words = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
            found[kind.code] = (status, re.sub(r" \(domain\.md [^()]*\)", "", words))
    return found | dict(CODES)


def build_codes() -> dict[str, str]:
    """Return meaning and remedy of every code that `lastError` of a campaign or a post may have."""
    return {code.value: f"{said.meaning} {said.action}" for code, said in REMEDIES.items()} | BUILD_CODES


def _kinds(kind: type[errors.CampaignError]) -> Iterator[type[errors.CampaignError]]:
    for each in kind.__subclasses__():
        if "code" in vars(each):  # else it is told as what it is a kind of
            yield each
        yield from _kinds(each)


def fault_codes() -> dict[str, set[str]]:
    """Return the words of every fault code in the code: pydantic's that we translate, and our own rules."""
    found: dict[str, set[str]] = {OTHER[0]: {OTHER[1], *(words for _, words in PATTERNS)}}
    for code, words in WORDS_OF.values():
        found.setdefault(code, set()).add(words)
    few = errors.InsufficientExamplesError(5, 4).faults[0]
    found[few.code] = {few.message}
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path not in _ELSEWHERE):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            texts = [_text(argument) for argument in call.args]
            if name == "PydanticCustomError" and texts[0]:
                code, _ = WORDS_OF.get(texts[0], (texts[0].upper(), ""))
                found.setdefault(code, set()).add(texts[1])
            if name == "Fault" and len(texts) == 3 and texts[2]:
                found.setdefault(texts[2], set()).add(texts[1] or COMPUTED.get(texts[2], ""))
    return found


def _text(node: ast.expr) -> str:
    """Return a text as it is written; what is put into it at run time becomes `{…}`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("|", "\\|")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "{…}" for part in node.values)
    return ""


def main() -> None:
    assert app.ROUTERS
    sys.stdout.write(page())


if __name__ == "__main__":
    main()
