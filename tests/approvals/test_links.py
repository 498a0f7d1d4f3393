"""Links: what a token lets through, and everything that it does not."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.auth.identity import mint
from campaigns.errors import ApprovalLinkError, RoundExpiredError
from campaigns.keys import jws
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.links import MAX_TOKEN_LENGTH, ApprovalLink, LinkClaims, LinkSigner
from tests.store.samples import NOW, a_campaign, a_round

RING = KeyRing.parse(new_ring("k1"))
SIGNER = LinkSigner(RING)
CAMPAIGN = a_campaign()
ROUND = a_round(CAMPAIGN)
ROUND = ROUND.model_copy(update={"approvers": [ROUND.approvers[0].model_copy(update={"jti": "jti-of-one-approver"})]})
LINK = SIGNER.sign(ROUND, ROUND.approvers[0], now=NOW)


def claims(**changes: Any) -> dict[str, Any]:
    payload = json.loads(base64.urlsafe_b64decode(LINK.token.split(".")[1] + "=="))
    return {name: value for name, value in {**payload, **changes}.items() if value is not None}


def signed(
    payload: dict[str, Any], *, header: dict[str, Any] | None = None, secret: bytes = RING.signing.secret
) -> str:
    headers = {"typ": "approval+jwt", "kid": "k1", **(header or {})}
    return jwt.PyJWT().encode(payload, secret, algorithm="HS256", headers=headers)


def hand_made(header: Any, payload: Any) -> str:
    """A token of any JSON at all, correctly signed."""
    import hashlib
    import hmac

    def part(value: Any) -> bytes:
        text = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=")

    head = part(header) + b"." + part(payload)
    mac = hmac.new(RING.signing.secret, head, hashlib.sha256).digest()
    return (head + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


HEADER = {"alg": "HS256", "kid": "k1", "typ": "approval+jwt"}


def test_a_link_says_who_where_and_until_when() -> None:
    found = SIGNER.read(LINK.token, now=NOW)

    assert (found.tenant_id, found.campaign_id, found.round) == (ROUND.tenant_id, ROUND.campaign_id, ROUND.n)
    assert (found.sub, found.jti, found.callback_id) == ("ap-1", "jti-of-one-approver", ROUND.callback_id)
    assert found.expires_at == ROUND.expires_at


def test_an_address_is_safe_in_any_mail_client() -> None:
    url = LINK.url("https://review.example")

    assert url.startswith(f"https://review.example/approve/{ROUND.callback_id}?token=")
    assert len(LINK.token) < 600
    assert url[-1].isalnum()
    assert set(url) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/?=&")
    assert "approved" not in url
    assert CAMPAIGN.name not in url


@pytest.mark.parametrize("late", [0, 1, 60, 3600 * 24 * 400])
def test_a_late_link_is_ours_but_its_time_is_over(late: int) -> None:
    at = ROUND.expires_at + timedelta(seconds=late)

    with pytest.raises(RoundExpiredError):
        SIGNER.read(LINK.token, now=at)
    assert SIGNER.verify(LINK.token, now=at).expired(at)


def test_a_link_is_good_until_the_very_last_moment() -> None:
    assert SIGNER.read(LINK.token, now=ROUND.expires_at - timedelta(microseconds=1))


def test_a_link_lasts_as_long_as_a_round_that_ends_within_a_second() -> None:
    ends = ROUND.expires_at + timedelta(milliseconds=800)
    last = ends - timedelta(microseconds=1)
    round_ = ROUND.model_copy(update={"expires_at": ends})

    for signed_at in (NOW, last):
        link = SIGNER.sign(round_, round_.approvers[0], now=signed_at)
        assert SIGNER.read(link.token, now=last).sub == "ap-1"


# --- keys -------------------------------------------------------------------------------------------


def rings() -> tuple[str, str]:
    old = new_ring("k1")
    return old, new_ring("k2")


def test_a_link_survives_the_rotation_of_its_key_until_that_is_revoked() -> None:
    old, new = rings()
    link = LinkSigner(KeyRing.parse(old)).sign(ROUND, ROUND.approvers[0], now=NOW)

    rotated = LinkSigner(KeyRing.parse(f"{new},{old.replace(':sign:', ':verify:')}"))
    revoked = LinkSigner(KeyRing.parse(f"{new},{old.replace(':sign:', ':revoked:')}"))
    dropped = LinkSigner(KeyRing.parse(new))

    assert rotated.read(link.token, now=NOW).sub == "ap-1"
    rotated.check_nonce(link.token, link.nonce)
    for refusing in (revoked, dropped):
        with pytest.raises(ApprovalLinkError):
            refusing.read(link.token, now=NOW)
        with pytest.raises(ApprovalLinkError):
            refusing.check_nonce(link.token, link.nonce)


def test_the_name_of_a_key_is_looked_up_and_nothing_else() -> None:
    for kid in ["k2", "../k1", "k1\0", "", "file:///k1", "K1"]:
        with pytest.raises(ApprovalLinkError):
            SIGNER.read(signed(claims(), header={"kid": kid}), now=NOW)


def test_a_bearer_token_of_the_api_is_no_link() -> None:
    token = mint(RING, tenant_id="fernwood", subject="x", scopes=[], ttl=timedelta(hours=1), now=NOW)

    with pytest.raises(ApprovalLinkError):
        SIGNER.read(token, now=NOW)


# --- what PyJWT would let through ----------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": str(claims()["exp"])},
        {"exp": f" {claims()['exp']} "},
        {"exp": float(claims()["exp"]) + 0.5},
        {"exp": claims()["iat"] + 3600 * 24 * 365 * 100},
        {"exp": claims()["iat"]},
        {"exp": None},
        {"iat": None},
        {"iat": claims()["iat"] + 3600},
        {"iat": True},
        {"sub": None},
        {"sub": ""},
        {"sub": "ap-1; drop"},
        {"aud": ["approval-link"]},
        {"aud": "campaign-api"},
        {"iss": "somebody"},
        {"type": "api"},
        {"type": None},
        {"tenantId": ""},
        {"tenantId": ["fernwood"]},
        {"tenantId": {"$ne": 1}},
        {"tenantId": "../fernwood"},
        {"campaignId": "campaign_1"},
        {"round": "1"},
        {"round": 0},
        {"round": 1.0},
        {"callbackId": "x"},
        {"jti": None},
        {"role": "admin"},
        {"nbf": 1},
    ],
    ids=str,
)
def test_claims_are_exactly_ours(changes: dict[str, Any]) -> None:
    with pytest.raises(ApprovalLinkError):
        SIGNER.verify(signed(claims(**changes)), now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "approval+JWT"},
        {"crit": ["exp"]},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"b64": False, "crit": ["b64"]},
        {"x5u": "https://evil.example"},
        {"cty": "JWT"},
    ],
    ids=str,
)
def test_headers_are_exactly_ours(header: dict[str, Any]) -> None:
    with pytest.raises(ApprovalLinkError):
        SIGNER.verify(hand_made({**HEADER, **header}, claims()), now=NOW)


@pytest.mark.parametrize(
    "token",
    [
        LINK.token + "=",
        LINK.token + "\n",
        " " + LINK.token,
        LINK.token + ".",
        LINK.token.replace(".", "..", 1),
        ".".join(LINK.token.split(".")[:2]),
        ".".join(LINK.token.split(".")[:2]) + ".",
        LINK.token[:-1],
        LINK.token[:-1] + ("A" if LINK.token[-1] != "A" else "B"),
        LINK.token.swapcase(),
        "\ud800" + LINK.token,
        "x" * (MAX_TOKEN_LENGTH + 1),
        "",
        "null",
        hand_made({**HEADER, "alg": "none"}, claims()),
        hand_made({**HEADER, "alg": "HS512"}, claims()),
        hand_made({**HEADER, "alg": ["HS256"]}, claims()),
        hand_made({**HEADER, "kid": 1}, claims()),
        hand_made(["alg", "kid", "typ"], claims()),
        hand_made(HEADER, [1, 2, 3]),
        hand_made(HEADER, "text"),
        hand_made(HEADER, json.dumps(claims()).encode("utf-16")),
        hand_made(HEADER, b"\xef\xbb\xbf" + json.dumps(claims()).encode()),
        hand_made(HEADER, (json.dumps(claims())[:-1] + ',"tenantId":"rival"}').encode()),
        hand_made(json.dumps(HEADER)[:-1].encode() + b',"alg":"none"}', claims()),
        hand_made(HEADER, b"[" * 300),
    ],
    ids=range(26),
)
def test_only_the_spelling_that_we_write_is_a_token(token: str) -> None:
    with pytest.raises(ApprovalLinkError):
        SIGNER.verify(token, now=NOW)


def test_the_token_by_hand_is_good_when_nothing_is_wrong_with_it() -> None:
    assert SIGNER.read(hand_made(HEADER, claims()), now=NOW).sub == "ap-1"


@given(position=st.integers(0, len(LINK.token) - 1), letter=st.sampled_from("ABCxyz019-_. =\x00é"))
def test_a_token_with_one_other_letter_is_none(position: int, letter: str) -> None:
    forged = LINK.token[:position] + letter + LINK.token[position + 1 :]

    if forged != LINK.token:
        with pytest.raises(ApprovalLinkError):
            SIGNER.verify(forged, now=NOW)


def test_a_megabyte_of_junk_costs_nothing() -> None:
    began = datetime.now(UTC)

    for _ in range(200):
        with pytest.raises(ApprovalLinkError):
            SIGNER.verify("A" * 1_000_000, now=NOW)

    assert datetime.now(UTC) - began < timedelta(seconds=2)


# --- nonce and form ---------------------------------------------------------------------------------


def other_link() -> ApprovalLink:
    other = ROUND.approvers[0].model_copy(update={"jti": "jti-of-somebody-else"})
    return SIGNER.sign(ROUND, other, now=NOW)


@pytest.mark.parametrize(
    "nonce",
    ["", "x", LINK.nonce[:-1], LINK.nonce.upper() + "A", other_link().nonce, "é"],
    ids=["empty", "short", "cut", "longer", "another link's", "not ASCII"],  # the keys are new in every process
)
def test_a_nonce_belongs_to_one_token(nonce: str) -> None:
    SIGNER.check_nonce(LINK.token, LINK.nonce)

    with pytest.raises(ApprovalLinkError):
        SIGNER.check_nonce(LINK.token, nonce)


def test_a_link_sent_by_a_clock_that_is_behind_is_not_older_than_its_round() -> None:
    behind = SIGNER.sign(ROUND, ROUND.approvers[0], now=ROUND.opened_at - timedelta(hours=1))

    assert SIGNER.read(behind.token, now=ROUND.opened_at).issued_at >= ROUND.opened_at.replace(microsecond=0)


def claims_of(link: ApprovalLink, signer: LinkSigner = SIGNER) -> LinkClaims:
    return signer.read(link.token, now=NOW)


def test_a_form_belongs_to_its_own_link_and_says_how_old_it_is() -> None:
    claims = claims_of(LINK)
    form = SIGNER.form_token(claims, now=NOW)
    issued, kid, mac = form.split(".")

    assert SIGNER.form_issued_at(claims, form, now=NOW) == NOW
    assert SIGNER.form_issued_at(claims, form, now=NOW + timedelta(hours=40)) == NOW
    assert SIGNER.form_issued_at(claims, form, now=NOW - timedelta(hours=1)) is None
    assert SIGNER.form_issued_at(claims_of(other_link()), form, now=NOW) is None
    forged = ["", "1.2", form[:-1] + "g", f"{int(issued) + 1}.{kid}.{mac}", f"{issued}.nobody.{mac}", f"{issued}.{mac}"]
    for each in [*forged, "9" * 99 + "." + "a" * 64]:
        assert SIGNER.form_issued_at(claims, each, now=NOW) is None


def test_a_form_of_an_open_page_is_still_good_after_a_reminder_and_a_new_key() -> None:
    old = new_ring("old")
    before = LinkSigner(KeyRing.parse(old))
    form = before.form_token(claims_of(before.sign(ROUND, ROUND.approvers[0], now=NOW), before), now=NOW)

    after = LinkSigner(KeyRing.parse(f"{new_ring('new')},{old.replace(':sign:', ':verify:')}"))
    later = NOW + timedelta(hours=3)
    reminded = after.read(after.sign(ROUND, ROUND.approvers[0], now=later).token, now=later)

    assert after.form_issued_at(reminded, form, now=later) == NOW
    revoked = LinkSigner(KeyRing.parse(f"{new_ring('new')},{old.replace(':sign:', ':revoked:')}"))
    assert revoked.form_issued_at(reminded, form, now=later) is None


def test_an_address_is_kept_as_something_that_cannot_be_turned_back() -> None:
    one, same, other = (SIGNER.fingerprint(text) for text in ("10.0.0.0/24", "10.0.0.0/24", "10.0.1.0/24"))

    assert one == same != other
    assert "10.0" not in one
    assert LinkSigner(KeyRing.parse(new_ring())).fingerprint("10.0.0.0/24") != one


def test_algorithms_registered_elsewhere_do_not_reach_our_links() -> None:
    assert jws._JWT is not jwt.api_jwt._jwt_global_obj
