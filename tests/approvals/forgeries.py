"""Forged and mutated approval tokens: every trick by its name.

A forger is given some links that are good and the keys of a good server, and makes tokens that must
all be refused: some that nobody without the key could make (then claims or spelling are wrong), some
that need no key at all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.links import ApprovalLink, LinkSigner
from campaigns.model.approval import ApprovalRound
from tests.approvals.scene import NOW

SPACES: Final = ["", " ", "\t", "\n", "\r\n", "\x00", "\u200b", "\ufeff", "%20", "+"]
STRANGE: Final[Sequence[Any]] = [
    None, True, False, 0, 1, -1, 1.5, 1e300, 10**30, "", " ", "0", "null", "1", [], {}, [[]], [None], {"$ne": 1},
    {"__class__": "x"}, "../x", "x" * 300, "é", "\u202e", "\x00", "１７", "9_999", "ap-1\n", "'; --", "{{7*7}}",
]  # fmt: skip
ALGORITHMS: Final[Sequence[Any]] = [
    "none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256", "HS256 ", "", None,
    0, [], ["HS256"], {}, {"alg": "HS256"}, True, "A256GCM", "dir",
]  # fmt: skip
KIDS: Final[Sequence[Any]] = [
    "k2", "K1", "", None, 1, [], {}, "../../dev/null", "/dev/null", "k1\x00", "k1 ", " k1", "k1' OR '1'='1",
    "https://evil.example/key", "k1;k2", "k1,k2", "*", "k" * 400, "revoked", "other",
]  # fmt: skip


def part(value: Any) -> str:
    """Return bytes, text or JSON as one part of a token."""
    if not isinstance(value, bytes):
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        value = text.encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed(header: Any, payload: Any, secret: bytes, digest: str = "sha256") -> str:
    """Return a token of any header and payload at all, with a signature that is right for this secret."""
    head = f"{part(header)}.{part(payload)}"
    return f"{head}.{part(hmac.new(secret, head.encode(), digest).digest())}"


@dataclass(frozen=True)
class Forger:
    """Makes tokens. `rounds` are those of different tenants or campaigns; each has links for its approvers."""

    random: Random
    ring: KeyRing
    rounds: Sequence[ApprovalRound]
    links: Sequence[ApprovalLink]

    def forge(self) -> tuple[str, str]:
        """Return the name of a trick and a token made by it."""
        trick = self.random.choice(TRICKS)
        while (token := trick(self)) in self.good:
            pass
        return trick.__name__, token

    @property
    def good(self) -> set[str]:
        return {link.token for link in self.links}

    def link(self) -> ApprovalLink:
        return self.random.choice(self.links)

    def parts(self) -> tuple[dict[str, Any], dict[str, Any], str]:
        head, body, mac = self.link().token.split(".")
        return _read(head), _read(body), mac

    def sign(self, header: Any, payload: Any) -> str:
        return signed(header, payload, self.ring.signing.secret)


def _read(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


# --- what needs no key -----------------------------------------------------------------------------------


def a_letter_is_another(by: Forger) -> str:
    token = by.link().token
    at = by.random.randrange(len(token))
    return token[:at] + by.random.choice("ABCxyz019-_.=+/ \x00é") + token[at + 1 :]


def letters_are_missing_or_too_many(by: Forger) -> str:
    token = by.link().token
    at, count = by.random.randrange(len(token)), by.random.randint(1, 40)
    return token[:at] + (token[at + count :] if by.random.random() < 0.5 else token[at : at + count] * 2 + token[at:])


def bits_of_the_signature_are_turned(by: Forger) -> str:
    head, body, mac = by.link().token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(mac + "="))
    for _ in range(by.random.randint(1, 8)):
        raw[by.random.randrange(32)] ^= 1 << by.random.randrange(8)
    return f"{head}.{body}.{part(bytes(raw))}"


def the_last_letter_says_the_same(by: Forger) -> str:
    """Unused bits of base64: other spellings of the same signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = by.link().token
    last = alphabet.index(token[-1])
    return token[:-1] + by.random.choice([alphabet[last ^ bit] for bit in (1, 2, 3)])


def parts_of_two_tokens(by: Forger) -> str:
    one, other = by.link().token.split("."), by.link().token.split(".")
    return ".".join(by.random.choice(pair) for pair in zip(one, other, strict=True))


def another_number_of_parts(by: Forger) -> str:
    pieces = by.link().token.split(".")
    return by.random.choice(
        [".".join(pieces[:2]), ".".join(pieces[:2]) + ".", pieces[0], "..", ".".join([*pieces, pieces[2]]),
         ".".join([*pieces, "", pieces[1]]), ".".join(["", *pieces]), "".join(pieces), "...".join(pieces)]
    )  # fmt: skip


def something_around_it(by: Forger) -> str:
    token, odd = by.link().token, by.random.choice
    return odd(
        [token + "=" * by.random.randint(1, 4), odd(SPACES[1:]) + token, token + odd(SPACES[1:]), f"Bearer {token}",
         f'"{token}"', f"{token},{token}", f"{token}.{token}", token + "#x", token + "%00",
         token.replace("-", "+") + "+", token.replace(".", "%2e"), token.swapcase(), token[::-1], f"token={token}",
         token + "\ud800", token + "\u202e"]
    )  # fmt: skip


def junk(by: Forger) -> str:
    kind = by.random.randrange(4)
    size = by.random.choice([0, 1, 43, 100, 352, 1025, 5_000, 60_000])
    letters = ["A.", "abc-_.", "\u00e9\U0001f600.", "0123456789abcdef"][kind]
    return "".join(by.random.choices(letters, k=size))


def no_signature_is_asked_for(by: Forger) -> str:
    header, payload, mac = by.parts()
    header["alg"] = by.random.choice(ALGORITHMS[:4])
    return f"{part(header)}.{part(payload)}.{by.random.choice(['', mac, part(b'x' * 32)])}"


def a_key_of_ones_own(by: Forger) -> str:
    header, payload, _ = by.parts()
    secret = by.random.choice(
        [b"\x00" * 32, b"k1", b"secret", b"", by.random.randbytes(32), json.dumps(header).encode()]
    )
    return signed(header, payload, secret)


def the_key_is_in_the_header(by: Forger) -> str:
    header, payload, _ = by.parts()
    secret = by.random.randbytes(32)
    jwk = {"kty": "oct", "k": part(secret), "alg": "HS256", "kid": header["kid"]}
    extra = by.random.choice(
        [{"jwk": jwk}, {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example"}, {"x5c": [part(secret)]}]
    )
    return signed({**header, **extra}, payload, secret)


def another_server(by: Forger) -> str:
    """A link that is right in every way, of somebody else's server, which may use the same name for its key."""
    round_ = by.random.choice(by.rounds)
    signer = LinkSigner(KeyRing.parse(new_ring(by.random.choice(["k1", "k2", by.ring.signing.kid]))))
    return signer.sign(round_, by.random.choice(round_.approvers), now=NOW).token


def a_revoked_key(by: Forger) -> str:
    header, payload, _ = by.parts()
    revoked = next(key for key in by.ring.keys.values() if key.state == "revoked")
    return signed({**header, "kid": revoked.kid}, payload, revoked.secret)


def a_bearer_token_of_the_api(by: Forger) -> str:
    """Even of a server that was given the same keys for both."""
    ring = by.random.choice([by.ring, KeyRing.parse(new_ring())])
    hours = timedelta(hours=by.random.randint(1, 24))
    tenant = by.random.choice(by.rounds).tenant_id
    return mint(ring, tenant_id=tenant, subject=f"s{by.random.random()}", scopes=SCOPES, ttl=hours, now=NOW)


# --- what only the holder of the key could make, and is refused all the same --------------------------------


def another_header(by: Forger) -> str:
    header, payload, _ = by.parts()
    name, values = by.random.choice(
        [
            ("alg", ALGORITHMS),
            ("kid", KIDS),
            ("typ", ["JWT", "jwt", "approval+JWT", "at+jwt", "", None, [], 1, "access"]),
        ]
    )
    return by.sign({**header, name: by.random.choice(values)}, payload)


def one_header_too_many(by: Forger) -> str:
    header, payload, _ = by.parts()
    extra = by.random.choice(
        [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"b64": False, "crit": ["b64"]}, {"zip": "DEF"},
         {"cty": "JWT"}, {"enc": "A256GCM"}, {"x5t": "x"}, {"nonce": "x"}, {"Alg": "none"},
         {f"x{by.random.randrange(9999)}": 1}]
    )  # fmt: skip
    return by.sign({**header, **extra}, payload)


def one_header_too_few(by: Forger) -> str:
    header, payload, _ = by.parts()
    del header[by.random.choice(list(header))]
    return by.sign(header, payload)


def another_algorithm_that_is_right(by: Forger) -> str:
    header, payload, _ = by.parts()
    digest = by.random.choice(["sha384", "sha512", "sha1", "md5"])
    names = {"sha384": "HS384", "sha512": "HS512"}
    return signed({**header, "alg": names.get(digest, "HS256")}, payload, by.ring.signing.secret, digest)


def a_claim_of_another_type(by: Forger) -> str:
    header, payload, _ = by.parts()
    name = by.random.choice(list(payload))
    value: Any = by.random.choice(STRANGE)
    while value == payload[name] and type(value) is type(payload[name]):
        value = by.random.choice(STRANGE)
    return by.sign(header, {**payload, name: value})


def a_time_in_other_words(by: Forger) -> str:
    header, payload, _ = by.parts()
    name, other = by.random.choice(["exp", "iat"]), by.random.choice
    at = payload[name]
    value = other([str(at), f" {at} ", float(at), at + 0.5, f"{at:_}", "".join(chr(ord(c) + 0xFEE0) for c in str(at))])
    return by.sign(header, {**payload, name: value})


def a_time_that_cannot_be(by: Forger) -> str:
    header, payload, _ = by.parts()
    second = by.random.randint(2, 10**7)
    changed = by.random.choice(
        [{"exp": payload["exp"] + second}, {"iat": payload["iat"] + 61 + second}, {"exp": payload["iat"]},
         {"exp": payload["iat"] - second}, {"exp": 10**12}, {"iat": -second, "exp": second}, {"iat": 0}]
    )  # fmt: skip
    return by.sign(header, {**payload, **changed})


def a_claim_too_few_or_too_many(by: Forger) -> str:
    header, payload, _ = by.parts()
    if by.random.random() < 0.5:
        # Without the digest it is a link of before there was one, which stays good.
        del payload[by.random.choice([claim for claim in payload if claim != "digest"])]
    else:
        payload[
            by.random.choice(["nbf", "role", "scope", "decision", "__class__", f"x{by.random.randrange(9999)}"])
        ] = 1
    return by.sign(header, payload)


def something_of_somebody_else(by: Forger) -> str:
    """Claims of two good links in one token: another tenant, campaign, round or callback with what is one's own."""
    header, payload, _ = by.parts()
    _, other, _ = by.parts()
    names = [name for name in ("tenantId", "campaignId", "round", "callbackId") if other[name] != payload[name]]
    if not names:
        return by.sign(header, {**payload, "round": by.random.randint(2, 1000)})
    taken = by.random.sample(names, by.random.randint(1, max(1, len(names) - 1)))
    if "callbackId" in names and set(taken) == set(names):
        taken.remove("callbackId")
    return by.sign(header, {**payload, **{name: other[name] for name in taken}})


def somebody_who_was_not_asked(by: Forger) -> str:
    header, payload, _ = by.parts()
    return by.sign(
        header, {**payload, "sub": by.random.choice(["ap-9", "ap-0", "policy", "ap-prefectui", "AP-1", "ap-"])}
    )


def another_purpose(by: Forger) -> str:
    header, payload, _ = by.parts()
    changed = by.random.choice(
        [{"type": "api"}, {"type": "access"}, {"aud": "campaign-api"}, {"aud": ["approval-link"]}, {"iss": "evil"},
         {"aud": ["approval-link", "campaign-api"]}, {"type": ["approval"]}, {"aud": "approval-link "}]
    )  # fmt: skip
    return by.sign(header, {**payload, **changed})


def a_name_that_comes_twice(by: Forger) -> str:
    header, payload, _ = by.parts()
    if by.random.random() < 0.3:
        return by.sign(json.dumps(header)[:-1] + ',"alg":"none"}', payload)
    name = by.random.choice(list(payload))
    again = json.dumps({name: by.random.choice([payload[name], "rival", None])})
    return by.sign(header, json.dumps(payload)[:-1] + "," + again[1:])


def another_spelling(by: Forger) -> str:
    """The same claims, written in another way."""
    header, payload, _ = by.parts()
    text = json.dumps(payload, separators=(",", ":"))
    shuffled = list(payload.items())
    while [name for name, _ in shuffled] == list(payload):
        by.random.shuffle(shuffled)
    written: Any = by.random.choice(
        [text.encode(code) for code in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig")]
        + [json.dumps(payload), json.dumps(payload, indent=1), f" {text}", f"{text}\n", f"{text}\x00", dict(shuffled),
           text.replace("approval", "\\u0061pproval"), text[:-1] + ",}", text + "{}", f"[{text}]", f"/**/{text}"]
    )  # fmt: skip
    return by.sign(header, written)


def no_claims_at_all(by: Forger) -> str:
    header, _, _ = by.parts()
    payload: Any = by.random.choice(
        [
            *STRANGE,
            b"\xff\xfe",
            b"",
            "[" * by.random.randint(1, 450),
            '{"a":' * by.random.randint(1, 80),
            "NaN",
            "1e999",
        ]
    )
    return by.sign(header, payload)


TRICKS: Final[Sequence[Callable[[Forger], str]]] = [
    a_letter_is_another, letters_are_missing_or_too_many, bits_of_the_signature_are_turned,
    the_last_letter_says_the_same, parts_of_two_tokens, another_number_of_parts, something_around_it, junk,
    no_signature_is_asked_for, a_key_of_ones_own, the_key_is_in_the_header, another_server, a_revoked_key,
    a_bearer_token_of_the_api, another_header, one_header_too_many, one_header_too_few,
    another_algorithm_that_is_right, a_claim_of_another_type, a_time_in_other_words, a_time_that_cannot_be,
    a_claim_too_few_or_too_many, something_of_somebody_else, somebody_who_was_not_asked, another_purpose,
    a_name_that_comes_twice, another_spelling, no_claims_at_all,
]  # fmt: skip


def fingerprint(token: str) -> bytes:
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=12).digest()
