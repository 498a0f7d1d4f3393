"""Writes the list of settings from the code: `python -m deployments.pages.settings_page > docs/settings.md`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from campaigns.settings import Settings

_HEAD: Final = """# Settings

Made from the code by `python -m deployments.pages.settings_page`; a test keeps it so.

Every setting is an environment variable. The defaults run on one machine with nothing but Python; a malformed one stops
the process with its name and what was expected. Two of Prefect's own stand beside them:
`PREFECT_DEFAULT_RESULT_STORAGE_BLOCK`, `sealed-checkpoints/campaigns`, from `python -m deployments.engine.blocks`;
and, in `prefect.toml`, `PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS`, the posts generated at once in one run.

| Variable | Default | |
|---|---|---|
"""


def page() -> str:
    """Return the page: a row for each setting, in the order of the code."""
    return _HEAD + "".join(f"{row}\n" for row in _rows())


def _rows() -> Iterator[str]:
    prefix = Settings.model_config["env_prefix"]
    for name, field in Settings.model_fields.items():
        yield f"| `{prefix}{name.upper()}` | {_default(field)} | {(field.description or '').replace('|', '/')} |"


def _default(field: FieldInfo) -> str:
    match field.default:
        case None if field.annotation is SecretStr or SecretStr in get_args(field.annotation):
            return "none: what needs it does not start"
        case None | "" | SecretStr(_secret_value=""):
            return "–"
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case Path() | str() | int() | float() as value:
            return f"`{value}`"
        case other:
            raise TypeError(f"no words for the default {other!r}")


if __name__ == "__main__":
    sys.stdout.write(page())
