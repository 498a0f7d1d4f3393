"""Voices as the doors make them: by a link that is good now, by the form in Prefect, by an operator's order."""

from __future__ import annotations

from campaigns.approval.rounds import FormProof, LinkProof, OrderProof, Voice
from campaigns.model.approval import ApprovalRound, Channel


def by_link(
    round_: ApprovalRound, approver: int | str = 1, *, channel: Channel = "link", code: bool = False, name: str = ""
) -> Voice:
    """The voice of one of those asked (by number or id), who saw what this round shows."""
    wanted = f"ap-{approver}" if isinstance(approver, int) else approver
    asked = next((each for each in round_.approvers if each.id == wanted), None)
    jti = asked.jti if asked else "a-link-of-nobody"
    proof = LinkProof(jti, round_.opened_at, round_.expires_at, round_.digest, code)
    return Voice(wanted, name or (asked.name if asked else "Nobody"), channel, proof)


def by_form(round_: ApprovalRound, name: str = "Olga", approver_id: str = "ap-prefectui") -> Voice:
    asked = next((each for each in round_.approvers if each.id == approver_id), None)
    typed = FormProof(round_.n, round_.digest, asked.email if asked else name, "approver" if asked else "operator")
    return Voice(approver_id, name, "prefect_ui", typed)


def by_operator(round_: ApprovalRound, name: str = "Olga", approver_id: str = "ap-operator") -> Voice:
    return Voice(approver_id, name, "operator", OrderProof(round_.digest, "as agreed by phone", name))
