"""Brands and their files over HTTP."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from api.schemas.examples import ASSET, BRAND
from campaigns.errors import NotFoundError
from campaigns.model.library.brand import MAX_ASSET_BYTES
from campaigns.store.library import brand_assets
from campaigns.store.library.assets import AssetFiles
from tests.api.doors import Door, Tenant

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
FILES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0" + b"\x00" * 40,
    "image/gif": b"GIF89a" + b"\x00" * 40,
    "image/webp": b"RIFF\x20\x00\x00\x00WEBPVP8 " + b"\x00" * 40,
    "application/pdf": b"%PDF-1.7\n" + b"\x00" * 40,
}


def created(tenant: Tenant, **changes: Any) -> str:
    answer = tenant.client.post("/brands", json={**BRAND, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def upload(
    tenant: Tenant,
    content: bytes,
    *,
    brand_id: str = "",
    said: Any = None,
    name: str = "logo.png",
    kind: str = "image/png",
) -> httpx.Response:
    return tenant.client.post(
        f"/brands/{brand_id or tenant.brand_id}/assets",
        data={"asset": said if isinstance(said, str) else json.dumps(said or ASSET)},
        files={"file": (name, content, kind)},
    )


def test_a_brand_is_created_read_changed_and_archived(tenant: Tenant) -> None:
    brand_id = created(tenant, name="Second brand")
    path = f"/brands/{brand_id}"

    changed = tenant.client.patch(path, json={"status": "inactive", "pillars": None, "version": 1})
    refused = tenant.client.post("/campaigns", json=tenant.brief(brandId=brand_id))
    gone = tenant.client.delete(path, headers={"If-Match": '"2"'})

    assert (changed.json()["status"], changed.json()["pillars"]) == ("inactive", [])
    assert refused.json()["details"]["errors"][0]["code"] == "BRAND_INACTIVE"
    assert gone.status_code == 204
    assert tenant.client.get(path).status_code == 404


def test_a_name_is_one_brand_of_a_tenant(door: Door) -> None:
    tenant, other = door.tenant(seeded=False), door.tenant(seeded=False)
    first = created(tenant, name="Acme  Coffee")

    again = tenant.client.post("/brands", json={**BRAND, "name": "ACME coffee"})
    tenant.client.delete(f"/brands/{first}")
    freed = tenant.client.post("/brands", json={**BRAND, "name": "Acme Coffee"})

    assert (again.status_code, again.json()["details"]["field"]) == (409, "name")
    assert freed.status_code == 201
    assert created(other, name="Acme Coffee")


def test_a_client_cannot_archive_a_brand_by_changing_it(tenant: Tenant) -> None:
    answer = tenant.client.patch(f"/brands/{tenant.brand_id}", json={"status": "archived", "version": 1})

    assert answer.status_code == 422
    assert answer.json()["details"]["errors"][0]["field"] == "status"


def test_a_brand_that_a_campaign_in_work_uses_stays(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()

    refused = tenant.client.delete(f"/brands/{tenant.brand_id}")
    tenant.client.post(f"/campaigns/{campaign_id}/cancel")

    assert (refused.status_code, refused.json()["details"]["campaigns"]) == (409, [campaign_id])
    assert tenant.client.delete(f"/brands/{tenant.brand_id}").status_code == 204


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_what_its_bytes_say(tenant: Tenant, kind: str) -> None:
    answer = upload(tenant, FILES[kind], name="x.exe", kind="application/x-msdownload")

    assert answer.status_code == 201
    body = answer.json()
    assert (body["contentType"], body["fileSize"]) == (kind, len(FILES[kind]))
    assert body["sha256"] == hashlib.sha256(FILES[kind]).hexdigest()
    assert "storageKey" not in body
    read = tenant.client.get(f"/brands/{tenant.brand_id}/assets/{body['id']}/content")
    assert (read.content, read.headers["Content-Type"]) == (FILES[kind], kind)
    assert read.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in read.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ\x90",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<html>",
        b"\x89PNG",
        b"RIFF1234WAVE",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF89a",
        b"RIFF\x04\x00\x00\x00WEBP",
        b"%PDF-",
        b"\xef\xbb\xbf\x89PNG\r\n\x1a\n" + b"\x00" * 40,
        b" %PDF-1.7 a leaflet",
    ],
    ids=[
        "empty",
        "exe",
        "svg",
        "html",
        "cut-png",
        "wav",
        "png-signature",
        "jpeg-signature",
        "gif-signature",
        "webp-signature",
        "pdf-signature",
        "png-after-mark",
        "pdf-after-blank",
    ],
)
def test_other_files_are_refused_whatever_they_are_called(tenant: Tenant, content: bytes) -> None:
    answer = upload(tenant, content)

    assert (answer.status_code, answer.json()["errorCode"]) == (422, "BRAND_INVALID_FILE_TYPE")
    assert tenant.client.get(f"/brands/{tenant.brand_id}/assets").json()["items"] == []


def test_a_pdf_that_begins_with_a_byte_order_mark_is_one(tenant: Tenant) -> None:
    content = b"\xef\xbb\xbf%PDF-1.7 a leaflet"

    answer = upload(tenant, content)

    assert (answer.status_code, answer.json()["contentType"]) == (201, "application/pdf")
    assert tenant.client.get(f"{answer.headers['location']}/content").content == content


@pytest.mark.parametrize(
    ("parts", "field", "code"),
    [
        ([("file", ("a.png", PNG, "image/png")), ("file", ("b.png", PNG, "image/png"))], "file", "TOO_MANY"),
        ([("file", ("a.png", PNG, "image/png")), ("asset", (None, json.dumps(ASSET)))], "asset", "TOO_MANY"),
        ([("file", ("a.png", PNG, "image/png")), ("note", (None, "x"))], "note", "UNKNOWN_FIELD"),
    ],
    ids=["two files", "two assets", "a stranger"],
)
def test_no_part_of_an_upload_is_dropped_without_a_word(tenant: Tenant, parts: Any, field: str, code: str) -> None:
    whole = [("asset", (None, json.dumps(ASSET))), *parts]

    answer = tenant.client.post(f"/brands/{tenant.brand_id}/assets", files=whole)

    assert answer.status_code == 422
    assert [(each["field"], each["code"]) for each in answer.json()["details"]["errors"]] == [(field, code)]
    assert tenant.client.get(f"/brands/{tenant.brand_id}/assets").json()["items"] == []


def test_what_an_asset_is_may_not_begin_with_a_byte_order_mark(tenant: Tenant) -> None:
    answer = upload(tenant, PNG, said="\ufeff" + json.dumps(ASSET))

    assert answer.status_code == 422
    assert "byte order mark" in answer.json()["details"]["errors"][0]["message"]


def test_a_file_has_at_most_ten_mebibytes(tenant: Tenant) -> None:
    largest = PNG + b"\x00" * (MAX_ASSET_BYTES - len(PNG))

    assert upload(tenant, largest).status_code == 201
    answer = upload(tenant, largest + b"\x00")
    far = upload(tenant, largest + b"\x00" * 2 * 1024 * 1024)

    assert (answer.status_code, answer.json()["errorCode"]) == (422, "BRAND_FILE_TOO_LARGE")
    assert (far.status_code, far.json()["errorCode"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({**ASSET, "type": "film"}, "asset.type"),
        ({**ASSET, "sha256": "0"}, "asset.sha256"),
        ({**ASSET, "usageRules": {"sizing": {"minWidth": 9, "maxWidth": 3}}}, "asset.usageRules.sizing"),
        ({}, "asset.name"),
        ("{", "body"),
        ('{"name": "a", "name": "b"}', "body"),
        ("[" * 1000, "body"),
        ("null", "asset"),
    ],
)
def test_what_is_said_of_a_file_is_checked(tenant: Tenant, said: Any, field: str) -> None:
    answer = upload(tenant, PNG, said=said if said else "{}")

    assert answer.status_code == 422
    assert field in {fault["field"] for fault in answer.json()["details"]["errors"]}


def test_an_asset_is_listed_by_type_changed_and_deleted(tenant: Tenant) -> None:
    logo = upload(tenant, PNG).json()["id"]
    image = upload(tenant, PNG, said={**ASSET, "type": "image"}).json()["id"]
    path = f"/brands/{tenant.brand_id}/assets"

    listed = tenant.client.get(path, params={"type": "image"}).json()["items"]
    changed = tenant.client.patch(f"{path}/{logo}", json={"tags": ["light"], "version": 1})
    gone = tenant.client.delete(f"{path}/{image}")

    assert [each["id"] for each in listed] == [image]
    assert (changed.json()["tags"], changed.json()["name"]) == (["light"], ASSET["name"])
    assert gone.status_code == 204
    assert [each["id"] for each in tenant.client.get(path).json()["items"]] == [logo]
    assert tenant.client.get(f"{path}/{image}/content").status_code == 404


def test_files_of_another_tenants_brand_are_not_there(door: Door) -> None:
    owner, thief = door.tenant(), door.tenant()
    asset_id = upload(owner, PNG).json()["id"]
    path = f"/brands/{owner.brand_id}/assets"

    answers = [
        thief.client.get(path),
        thief.client.get(f"{path}/{asset_id}"),
        thief.client.get(f"{path}/{asset_id}/content"),
        thief.client.get(f"/brands/{thief.brand_id}/assets/{asset_id}/content"),
        upload(thief, PNG, brand_id=owner.brand_id),
        thief.client.delete(f"{path}/{asset_id}"),
    ]

    assert {answer.status_code for answer in answers} == {404}


def test_the_assets_of_a_brand_come_in_pages(tenant: Tenant) -> None:
    path = f"/brands/{tenant.brand_id}/assets"
    for _ in range(5):
        assert upload(tenant, PNG).status_code == 201

    seen, cursor = [], {}
    while True:
        page = tenant.client.get(path, params={"limit": 2, **cursor}).json()
        seen += [each["id"] for each in page["items"]]
        assert len(page["items"]) <= 2
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}

    assert seen == [each["id"] for each in tenant.client.get(path).json()["items"]]
    assert len(set(seen)) == 5
    other = tenant.client.get(path, params={"type": "logo", **cursor})
    assert (other.status_code, other.json()["details"]["errors"][0]["code"]) == (422, "CURSOR_INVALID")


def test_a_brand_takes_so_many_files_and_one_that_comes_too_late_leaves_no_bytes(
    door: Door, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brand_assets, "MAX_ASSETS", 2)
    files = door.app.state.asset_files
    put, kept = type(files).put, []

    def last_place_is_taken(self: AssetFiles, tenant_id: str, brand_id: str, asset_id: str, content: bytes) -> str:
        key = put(self, tenant_id, brand_id, asset_id, content)
        kept.append(asset_id)
        if len(kept) == 2:  # as if somebody else took the last place between the first look and the row
            monkeypatch.setattr(brand_assets, "MAX_ASSETS", 1)
        return key

    monkeypatch.setattr(AssetFiles, "put", last_place_is_taken)
    assert upload(tenant, PNG).status_code == 201

    late = upload(tenant, PNG)

    assert (late.status_code, late.json()["errorCode"]) == (409, "LIMIT_REACHED")
    assert len(tenant.client.get(f"/brands/{tenant.brand_id}/assets").json()["items"]) == 1
    with pytest.raises(NotFoundError):
        files.get(tenant.name, tenant.brand_id, kept[1])
    assert upload(tenant, PNG).json()["errorCode"] == "LIMIT_REACHED"
    assert len(kept) == 2  # refused before its bytes were kept


@pytest.mark.parametrize(("charset", "status"), [("idna", 400), ("punycode", 400), ("zip", 400), ("UTF-8", 201)])
def test_a_form_is_read_as_utf_8_and_handed_to_no_other_codec(tenant: Tenant, charset: str, status: int) -> None:
    said, files = {"asset": json.dumps(ASSET), "xn--a9": "xn--a9"}, {"file": ("logo.png", PNG, "image/png")}
    if status == 201:
        del said["xn--a9"]
    where = f"/brands/{tenant.brand_id}/assets"
    made = tenant.client.build_request("POST", where, data=said, files=files)
    kind = f"{made.headers['Content-Type']}; charset={charset}"

    answer = tenant.client.post(where, content=made.read(), headers={"Content-Type": kind})

    assert answer.status_code == status, answer.text
    assert status == 201 or answer.json()["errorCode"] == "BODY_UNREADABLE"


def in_parts(*heads: str) -> bytes:
    return "".join(f"--x\r\n{head}\r\n\r\n{{}}\r\n" for head in heads).encode() + b"--x--\r\n"


NAMED = 'Content-Disposition: form-data; name="asset"'


@pytest.mark.parametrize(
    "body",
    [
        in_parts(*[NAMED] * 1001),
        in_parts(*[f'{NAMED}; filename="b"'] * 1001),
        in_parts("A: b\r\n" * 100_000 + NAMED),
        in_parts(f"A: {'b' * 1_000_000}\r\n{NAMED}"),
        in_parts(f"{'A' * 1_000_000}: b\r\n{NAMED}"),
        in_parts(f"{NAMED}; {'a=b; ' * 200_000}"),
    ],
    ids=["parts", "files", "headers", "long header", "long name", "parameters"],
)
def test_parts_and_their_heads_are_bounded(tenant: Tenant, body: bytes) -> None:
    answer = tenant.client.post(
        f"/brands/{tenant.brand_id}/assets", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "BODY_UNREADABLE")
