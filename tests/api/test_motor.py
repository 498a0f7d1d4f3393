"""What the web process loads: Prefect when something is asked of it, and not before it answers."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

NOT_NEEDED = ("prefect", "apprise", "boto3", "pydantic_ai", "tasks.delivery", "tasks.upkeep", "flows")


def after(program: str) -> str:
    program = f"import sys\nimport api.app\n{textwrap.dedent(program)}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def test_the_application_is_loaded_without_prefect_and_without_what_carries_messages() -> None:
    loaded = after(f"print(*(name for name in {NOT_NEEDED!r} if name in sys.modules))")

    assert loaded == ""


def test_prefect_is_loaded_when_it_is_asked() -> None:
    loaded = after(
        """
        from api import motor
        from api.motor import PrefectUnavailableError
        try:
            motor.run_facts(None, ui_url=None)
        except PrefectUnavailableError as error:
            print(error, "prefect" in sys.modules, "prefect.flows" in sys.modules)
        """
    )

    assert loaded == "PREFECT_API_URL is not set True False"


def test_the_sweeper_is_loaded_beside_the_answers_and_only_where_there_is_one() -> None:
    loaded = after(
        """
        from api import motor
        with motor.sweeping(None, every_seconds=0):
            pass
        print("tasks.upkeep.sweep" in sys.modules)
        with motor.sweeping(None, every_seconds=3600):
            pass
        print("tasks.upkeep.sweep" in sys.modules)
        """
    )

    assert loaded.split() == ["False", "True"]
