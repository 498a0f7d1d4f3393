"""Turns values into pages: templates with everything escaped, and a style sheet whose name follows its content."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE: Final = Path(__file__).resolve().parent
STATIC: Final = HERE / "static"


def page(template: str, status: int, headers: dict[str, str] | None = None, /, **values: Any) -> HTMLResponse:
    """Return a page; every value is escaped unless it was made by the escaping itself."""
    text = _environment().get_template(template).render(stylesheet=stylesheet_name(), **values)
    return HTMLResponse(text, status_code=status, headers=headers)


@lru_cache(maxsize=1)
def stylesheet() -> str:
    """Return the style sheet without what only its authors read."""
    text = re.sub(r"/\*.*?\*/", "", (STATIC / "approval.css").read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r" ?([{};,]) ?", r"\1", re.sub(r"\s+", " ", text)).strip()


@lru_cache(maxsize=1)
def stylesheet_name() -> str:
    """Return the name under which the style sheet may be kept for ever."""
    return f"approval-{hashlib.sha256(stylesheet().encode()).hexdigest()[:12]}.css"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
