"""Holds every answer to the OpenAPI description: its status is documented, its body and headers are as described."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

ALWAYS = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow, noarchive",
}


_descriptions: list[dict[str, Any]] = []


class Truth:
    """Compares answers with the description of one application."""

    def __init__(self, app: FastAPI) -> None:
        # Settings change nothing in it, and making it takes a second.
        app.openapi_schema = _descriptions[0] if _descriptions else None
        self.description = app.openapi()
        _descriptions[:] = [self.description]
        self._templates = [(_pattern(path), path) for path in self.description["paths"]]
        self._validator = cache(self._make_validator)

    def check(self, response: httpx.Response) -> None:
        """Fail the test when an answer is not as described; an event hook of the client."""
        response.read()
        for name, value in ALWAYS.items():
            assert response.headers.get(name) == value, name
        assert re.fullmatch(r"[\w.-]{8,64}", response.headers["x-correlation-id"])
        assert "server" not in response.headers
        request = response.request
        if request.method == "HEAD":
            assert response.content == b""
            return
        if response.status_code >= 400 and response.headers["content-type"] == "application/json":
            self._validate("ProblemBody", response)
        operation = self._operation(request.method, request.url.path)
        if operation is None:
            assert response.status_code in {400, 401, 404, 405, 200, 303}, f"{request.method} {request.url.path}"
            return
        status = str(response.status_code)
        where = f"{request.method} {request.url.path} -> {status}: {response.text[:500]}"
        assert status in operation["responses"], f"not documented: {where}"
        described = operation["responses"][status]
        for name in described.get("headers", {}):
            assert name in response.headers, f"no {name}: {where}"
        content = described.get("content")
        if content is None:
            assert response.content == b"", where
            return
        kind = response.headers["content-type"].partition(";")[0]
        assert kind in content, f"{kind} is not documented: {where}"
        if kind == "application/json":
            errors = list(self._validator(operation["operationId"], status).iter_errors(response.json()))
            if errors:
                pytest.fail(f"{where}\n{errors[0].message} at {list(errors[0].absolute_path)}")

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for pattern, template in self._templates:
            if pattern.fullmatch(path):
                operations: dict[str, Any] = self.description["paths"][template]
                if (found := operations.get(method.lower())) is not None:
                    return dict(found)
        return None

    def _validate(self, component: str, response: httpx.Response) -> None:
        schema = {"$ref": f"#/components/schemas/{component}", "components": self.description["components"]}
        Draft202012Validator(schema).validate(response.json())

    def _make_validator(self, operation_id: str, status: str) -> Draft202012Validator:
        for path in self.description["paths"].values():
            for operation in path.values():
                if operation["operationId"] == operation_id:
                    schema = operation["responses"][status]["content"]["application/json"]["schema"]
                    return Draft202012Validator(
                        {**schema, "components": self.description["components"]},
                        format_checker=Draft202012Validator.FORMAT_CHECKER,
                    )
        raise AssertionError(operation_id)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))
