"""Turns values into pages: templates with everything escaped, and a style sheet whose name follows its content."""

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from campaigns.model.platforms import PLATFORM_FILES

HERE: Final = Path(__file__).resolve().parent
STATIC: Final = HERE / "static"


SCRIPTED: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
}
"""The content policy of the one page with a script: only our script runs, and it connects only to us."""


def page(template: str, status: int, headers: dict[str, str] | None = None, /, **values: Any) -> HTMLResponse:
    """Return a page; every value is escaped unless it was made by the escaping itself."""
    text = _environment().get_template(template).render(stylesheet=stylesheet_name(), script=script_name(), **values)
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
def script() -> str:
    """Return the script of the review without what only its authors read."""
    text = re.sub(r"/\*.*?\*/", "", (STATIC / "review.js").read_text("utf-8"), flags=re.DOTALL)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


@lru_cache(maxsize=1)
def script_name() -> str:
    """Return the name under which the script may be kept for ever."""
    return f"review-{hashlib.sha256(script().encode()).hexdigest()[:12]}.js"


def fragment(template: str, macro: str, /, *arguments: Any) -> str:
    """Return a part of a page, as a macro of a template makes it."""
    return str(getattr(_environment().get_template(template).module, macro)(*arguments))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["platform_files"] = PLATFORM_FILES
    return environment
