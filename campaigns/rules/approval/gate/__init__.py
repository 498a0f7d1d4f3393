"""The gate: may this be done to an approval round, and what is to be written? Pure; the only place that says so.

    decide    somebody says what they think of what they were shown
    undo      what was said is taken back
    draft     what is typed is kept for its author
    revoke    a link becomes worthless
    replace   a link becomes worthless and another one is good: the same person's, or another person's
    resend    whoever has not decided gets the link again
    extend    the approvers get more time
    edit      a post of the open round gets other words
    expire    the time is over
    close     the words are written again without a decision
    ask       a round is opened, and the next one (`require_askable`, `is_put_again`)

The store reads a `Case`, asks one of these, and writes the `Change` only if the case still holds; otherwise it
reads again and asks again. So nothing that was read earlier, and nobody at a door, has a say. Whatever an act
does, at its end the decisions that stand are asked whether the round is complete.

Belongs here: every act on a round. Does not: what a complete round comes to (`approval.decisions`), and who may be
asked (`approval.identities`).
"""

from campaigns.rules.approval.decisions import asked_again
from campaigns.rules.approval.gate.case import Case, Change, FormProof, Gate, LinkProof, OrderProof, Voice
from campaigns.rules.approval.gate.conditions import may_decide
from campaigns.rules.approval.gate.ends import close, expire, is_put_again, require_askable
from campaigns.rules.approval.gate.orders import (
    LONGEST_OPEN,
    due_before,
    extend,
    later,
    one_asked,
    replace,
    resend,
    revoke,
)
from campaigns.rules.approval.gate.voices import answer_id, answer_of, decide, draft, undo
from campaigns.rules.approval.gate.words import edit, require_undecided, what_is_shown

__all__ = [
    "LONGEST_OPEN",
    "Case", "Change", "FormProof", "Gate", "LinkProof", "OrderProof", "Voice", "answer_id", "answer_of", "asked_again",
    "close",
    "decide", "draft", "due_before", "edit", "expire", "extend", "is_put_again", "later", "may_decide", "one_asked",
    "replace", "require_askable", "require_undecided", "resend", "revoke", "undo", "what_is_shown",
]  # fmt: skip
