"""Who is meant by a name or an address that somebody typed, and who asked for a campaign.

People are compared as people read them: without regard to case, width of letters, spaces and what
cannot be seen. `Ana <ana@example.com>` is a name and an address, and means whoever has both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

from campaigns.errors import Fault, FaultsError
from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import Campaign
from campaigns.model.terms.approval_terms import EMAIL, Approval, Approver, StageTerms

_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>\s]+@[^<>\s]+)>")


class Person(Protocol):
    """Somebody with a name and an address: an approver of a brief, or of a round."""

    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...


P = TypeVar("P", bound=Person)


def folded(text: str) -> str:
    """Return the text as it is compared: two texts that read alike come out alike."""
    wide = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    seen = "".join(sign for sign in wide if unicodedata.category(sign) not in {"Cf", "Cc"} or sign.isspace())
    return " ".join(seen.split())


def parts_of(typed: str) -> tuple[str, str]:
    """Return the name and the address in what was typed, folded; "" where there is none."""
    text = folded(typed)
    if mailbox := _MAILBOX.fullmatch(text):
        return folded(mailbox["name"]).strip("\"' "), mailbox["address"]
    return ("", text) if "@" in text and " " not in text else (text, "")


def called(people: Iterable[P], typed: str) -> list[P]:
    """Return those of this address, else those of this name; with both given, those who have both."""
    everybody = list(people)
    name, address = parts_of(typed)
    if not address:
        return [each for each in everybody if name and folded(each.name) == name]
    found = [each for each in everybody if folded(each.email) == address and name in {"", folded(each.name)}]
    return found or [each for each in everybody if folded(each.name) == folded(typed)]


@dataclass(frozen=True, slots=True)
class Requester:
    """The requester of a campaign: the name that the token or the form gave, and an address where it is known."""

    name: str
    email: str | None

    @classmethod
    def given(cls, name: str, email: str | None = None) -> Requester:
        """Return who asks; the address may stand in the name, as in `Ana <ana@example.com>`."""
        address = parts_of(name)[1]
        return cls(name, email or (address if re.fullmatch(EMAIL, address) else None))

    @classmethod
    def of(cls, campaign: Campaign) -> Requester:
        return cls.given(campaign.requested_by or "", campaign.requester_email)

    @property
    def shown(self) -> str:
        """What readers are told: a name that was typed, else the address; the subject of a token tells them nothing."""
        return self.name if parts_of(self.name)[0] and parts_of(self.name)[1] else self.email or self.name

    @property
    def known_as(self) -> frozenset[str]:
        """The names and addresses under which he came, folded."""
        given = [text for text in (self.name, self.email) if text]
        return frozenset({part for text in given for part in (*parts_of(text), folded(text)) if part})

    def is_person(self, person: Person) -> bool:
        """Whether he is this person: by address, or under a name that he gave."""
        return not self.known_as.isdisjoint({folded(person.name), folded(person.email)})


def is_requesters_name(campaign: Campaign, typed: str, others: Sequence[Person] = ()) -> bool:
    """Whether what was typed names the requester, under any name or address that the campaign knows.

    Args:
        others: approvers beside those of the campaign's terms, such as a round's.
    """
    requester = Requester.of(campaign)
    known = set(requester.known_as)
    asked = [person for stage in campaign.approval.in_stages for person in stage.approvers]
    for person in (*asked, *others):
        if requester.is_person(person):
            known |= {folded(person.name), folded(person.email)}
    name, address = parts_of(typed)
    if address and address not in known:
        # An address says more than the name beside it: another Ana is another person.
        return name in requester.known_as
    return not known.isdisjoint({name, address, folded(typed)} - {""})


def entitlement_faults(terms: Approval, requester: Requester, default_approver: Approver | None) -> list[Fault]:
    """Return why these terms cannot be kept with this requester, each with the smallest change that helps.

    Args:
        default_approver: who is asked where the terms name nobody; None: somebody else than the requester.
    """
    if not terms.prevent_self_approval:
        return []
    if requester.email is None:
        who = requester.name or "whoever asks"
        help_ = "send a token with an e-mail claim, name the address in the form as who asks, or leave this off"
        message = f"cannot be kept: {who} has no e-mail address by which the requester is known: {help_}"
        return [Fault("approval.preventSelfApproval", message, "REQUESTER_UNKNOWN")]
    places = [f"approval.stages[{index}]" for index, _ in enumerate(terms.stages or [])] or ["approval"]
    return [
        fault
        for place, asked in zip(places, terms.in_stages, strict=True)
        for fault in _unkept(asked, place, requester, default_approver)
    ]


def _unkept(asked: StageTerms, place: str, requester: Requester, default_approver: Approver | None) -> Iterator[Fault]:
    named = asked.approvers or ([default_approver] if default_approver else [])
    able = sum(not requester.is_person(each) for each in named) if named else 1
    email = requester.email
    if able == 0:
        message = f"leaves nobody who may decide: name one more approver than {email}, who asks"
        yield Fault(f"{place}.approvers", message, "NOBODY_MAY_DECIDE")
    elif asked.quorum.isdigit() and int(asked.quorum) > able:
        message = f"asks for {asked.quorum}, and {able} may decide: ask for {able}, or name more than {email}, who asks"
        yield Fault(f"{place}.quorum", message, "QUORUM_UNREACHABLE")


IN_PLACE_OF_ALL: Final = "ap-prefectui"
"""Stands for an operator who decides in Prefect's form in place of all approvers."""


def speaker(round_: ApprovalRound, typed: str, decide_as: Literal["approver", "operator"]) -> tuple[str, str]:
    """Return the approver id and the name for an answer in a form where people type their name.

    A name decides for an approver when it means exactly one of those asked. Only `decide_as="operator"` decides in
    place of all.

    Raises:
        FaultsError: nobody, or more than one, is meant; it says what to type. No address is told.
    """
    if not folded(typed):
        raise _unknown("is needed to decide: type your name", "NAME_REQUIRED")
    if decide_as == "operator":
        return IN_PLACE_OF_ALL, typed
    asked = [each for each in round_.approvers if not each.revoked]
    match called(asked, typed):
        case [approver]:
            return approver.id, approver.name
        case []:
            names = ", ".join(each.name for each in asked)
            raise _unknown(
                f"“{typed}” is nobody who is asked: type the name or e-mail address of one of {names} as it was "
                "given, or choose to decide as operator, in place of all",
                "UNKNOWN_APPROVER",
            )
        case several:
            raise _unknown(
                f"“{typed}” is the name of {len(several)} approvers: type the e-mail address of the one you are",
                "AMBIGUOUS_APPROVER",
            )


def _unknown(message: str, code: str) -> FaultsError:
    return FaultsError([Fault("decidedBy", message, code)])
