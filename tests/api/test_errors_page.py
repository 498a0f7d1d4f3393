"""The catalogue of errors: what it says is what the code does."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from api import catalogue
from api.http.problems import CODES, WORDS
from campaigns.model.faults import WORDS_OF, faults_of_details
from tests.api.doors import Tenant

ROOT = Path(catalogue.__file__).resolve().parents[1]


def test_the_page_is_made_from_the_code_as_it_is() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == catalogue.page(), (
        "run: python -m api.catalogue > docs/errors.md"
    )


def test_every_problem_that_the_api_raises_is_in_the_catalogue_and_no_other() -> None:
    raised: dict[str, set[int]] = {}
    for path in (ROOT / "api").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            values = [argument.value if isinstance(argument, ast.Constant) else None for argument in call.args]
            if name == "problem" and isinstance(values[0], str):
                raised.setdefault(values[0], set())
            if name == "Problem" and len(values) > 1 and isinstance(values[1], str):
                assert isinstance(values[0], int)
                raised.setdefault(values[1], set()).add(values[0])

    of_http = {"NOT_FOUND", "METHOD_NOT_ALLOWED", "BODY_TOO_LARGE"}  # by status: see problems.install
    assert raised.keys() | of_http == CODES.keys()
    assert all(statuses <= {CODES[code][0]} for code, statuses in raised.items())
    assert {status for status, _ in catalogue.error_codes().values()} <= WORDS.keys() | {405}


def test_no_code_has_two_meanings() -> None:
    codes = catalogue.error_codes()

    assert len(codes) >= 30
    assert all(words for _, words in codes.values())
    assert not {"LEASE_LOST", "LINK_INVALID", "GONE", "INTEGRITY"} & codes.keys()  # no answer of the API says these
    assert all(code == code.upper() for code in [*codes, *catalogue.fault_codes(), *catalogue.build_codes()])


def test_every_fault_code_says_what_was_expected() -> None:
    assert [code for code, words in catalogue.fault_codes().items() if not any(words)] == []


def test_a_fault_has_a_code_of_the_page_whatever_pydantic_finds() -> None:
    """Its own names and words, which speak of Python classes, are no part of the API."""
    known = catalogue.fault_codes()
    for kind in get_args(ErrorType):
        detail = ErrorDetails(type=kind, loc=("limit",), msg="Value error, received: <class 'str'>", input="x")
        (fault,) = faults_of_details([detail])
        assert fault.code in known, kind
        if kind not in WORDS_OF:
            assert "class" not in fault.message, kind


def test_what_is_answered_to_an_odd_request_is_on_the_page(tenant: Tenant) -> None:
    files = {"file": (None, "no file")}
    answers = [
        tenant.client.get("/campaigns", params={"limit": "9" * 5000}),
        tenant.client.post(f"/brands/{tenant.brand_id}/assets", files=files, data={"asset": "{}"}),
        tenant.client.post(f"/personas/{tenant.persona_id}/analyze"),
        tenant.client.post("/personas", content="{}", headers={"Content-Type": "text/plain"}),
        tenant.client.post("/personas", json=[]),
    ]
    faults = [fault for each in answers for fault in each.json()["details"]["errors"]]

    assert {each.json()["errorCode"] for each in answers} <= catalogue.error_codes().keys()
    assert len(faults) == 4
    assert {fault["code"] for fault in faults} <= catalogue.fault_codes().keys()
    assert "class" not in str(faults)
