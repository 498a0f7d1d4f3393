"""Forged tokens against the real reader of links, and a share of them over HTTP by every door there is."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from urllib.parse import quote

import httpx

from campaigns.approval.invitations import LIVE, invitation
from campaigns.errors import ApprovalLinkError, GoneError
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.links import LinkSigner
from tests.approvals.check import Plan, Row
from tests.approvals.forgeries import TRICKS, Forger, fingerprint
from tests.approvals.scene import ANA, BEN, Scene
from tests.browser.live import live_scene

OVER_HTTP = 0.05
"""Of all forged tokens, so many are sent over HTTP too."""


@contextmanager
def forging(seed: int) -> Iterator[tuple[Scene, Forger]]:
    """Two campaigns that wait for two people each, behind a real server, and somebody who forges their links."""
    with tempfile.TemporaryDirectory() as home, live_scene(Path(home)) as scene:
        revoked = new_ring("revoked").replace(":sign:", ":revoked:")
        ring = KeyRing.parse(f"{new_ring('k1')},{revoked}")
        scene.signer = LinkSigner(ring)
        scene.app().state.links = scene.signer
        scenes = [scene.another(name).stand_up(posts=2, approvers=[ANA.to_wire(), BEN.to_wire()]) for name in "ab"]
        rounds = [each.round() for each in scenes]
        links = [each.link(who) for each in scenes for who in (1, 2)]
        yield scenes[0], Forger(Random(seed), ring, rounds, links)


def accepted(scene: Scene, token: str) -> bool:
    """Whether a token lets somebody in, by the reader that both doors use."""
    try:
        claims = scene.signer.verify(token, now=scene.clock.now)
        return invitation(scene.store, claims, now=scene.clock.now).standing in LIVE
    except (ApprovalLinkError, GoneError):
        return False


def forged_tokens(plan: Plan) -> Row:
    """So many different tokens, of every trick: none is accepted, none raises anything but the refusal."""
    row = Row("tokens: forged and mutated", planned=plan.tokens)
    slowest: list[float] = []
    kinds: Counter[str] = Counter()
    with forging(plan.seed) as (scene, forger):
        assert all(accepted(scene, link.token) for link in forger.links), "the good ones are good"
        seen: set[bytes] = set()
        while len(seen) < plan.tokens:
            trick, token = forger.forge()
            if (print_ := fingerprint(token)) in seen:
                continue
            seen.add(print_)
            kinds[trick] += 1
            began = time.perf_counter()
            try:
                refused, why = not accepted(scene, token), "accepted"
            except Exception as error:
                refused, why = False, type(error).__name__
            slowest.append(time.perf_counter() - began)
            row.tried(refused, f"{trick}: {why}: {token[:200]!r}")
        row.injected = len(seen)
        assert all(accepted(scene, link.token) for link in forger.links), "the good ones are still good"
    slowest.sort()
    row.note = f"{len(kinds)} of {len(TRICKS)} tricks, p99 {1000 * slowest[int(0.99 * len(slowest))]:.2f} ms"
    return row


def forged_tokens_over_http(plan: Plan) -> Row:
    """A share of them as links, as bearer tokens of the JSON way, and as cookies: 401 or 404, never 5xx."""
    wanted = max(len(TRICKS), round(plan.tokens * OVER_HTTP))
    row = Row("tokens: the same over HTTP", planned=wanted)
    statuses: Counter[int] = Counter()
    with forging(plan.seed + 1) as (scene, forger), httpx.Client(base_url=scene.base_url, timeout=60) as client:
        doors = (_as_link, _as_bearer, _as_cookie)
        while row.injected < wanted:
            trick, token = forger.forge()
            for door in doors:
                if door is not _as_link and _as_read(door, token) in forger.good:
                    continue  # HTTP takes off what was put around it: it arrives unforged
                if (answer := door(scene, client, token)) is None:
                    continue  # no client can send it that way
                row.tried(answer.status_code in {400, 401, 404, 414, 431}, f"{trick}: {door.__name__[4:]}: {answer}")
                statuses[answer.status_code] += 1
            row.injected += 1
        for number in range(wanted // 10):
            link, other = forger.link(), forger.link()
            nonce = other.nonce if other.token != link.token else f"{number:032x}"
            answer = client.get(f"/approve/{link.callback_id}?token={link.token}&nonce={nonce}")
            row.tried(answer.status_code == 404, f"a good token with another nonce: {answer}")
        row.tried(not scene.store.approvals.decisions(scene.campaign.tenant_id, scene.campaign.id, 1), "a decision")
    row.note = " ".join(f"{status}:{count}" for status, count in sorted(statuses.items()))
    return row


def _as_read(door: Callable[..., object], token: str) -> str:
    """What is left of it at the other end: RFC 9110 5.5 takes white space off, RFC 6265 4.1.1 quotes off a cookie."""
    bare = token.strip(" \t")
    return bare.removeprefix('"').removesuffix('"') if door is _as_cookie else bare


def _as_link(scene: Scene, client: httpx.Client, token: str) -> httpx.Response | None:
    link = scene.link()
    text = quote(token.encode("utf-8", "surrogatepass"), safe="")
    if len(text) > 60_000:
        return None
    return client.get(f"/approve/{link.callback_id}?token={text}&nonce={link.nonce}")


def _as_bearer(scene: Scene, client: httpx.Client, token: str) -> httpx.Response | None:
    body = {"decision": "approved", "callbackId": scene.round().callback_id}
    return _sent(client, "POST", f"/campaigns/{scene.campaign.id}/approve", f"Bearer {token}", "Authorization", body)


def _as_cookie(scene: Scene, client: httpx.Client, token: str) -> httpx.Response | None:
    return _sent(client, "GET", f"/approve/{scene.round().callback_id}", f"approval={token}", "Cookie")


def _sent(
    client: httpx.Client, method: str, path: str, value: str, header: str, body: object = None
) -> httpx.Response | None:
    try:
        return client.request(method, path, headers={header: value.encode("utf-8", "surrogatepass")}, json=body)
    except httpx.LocalProtocolError:
        return None
    except httpx.ReadError:  # more than the server reads of a head: it answers, and hangs up before all is sent
        return httpx.Response(400)
