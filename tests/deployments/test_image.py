"""The container recipe: it takes along what runs, and nothing else."""

from __future__ import annotations

import re
import tomllib

from deployments.stack import ROOT


def test_every_room_is_in_the_image_and_no_test() -> None:
    recipe = (ROOT / "deployments" / "Dockerfile").read_text()
    copied = {name for line in re.findall(r"^COPY (.+)$", recipe, re.MULTILINE) for name in line.split()[:-1]}

    rooms = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"])
    assert {name for name in copied if (ROOT / name).is_dir()} == rooms
    assert {name for name in copied if not (ROOT / name).exists()} == set()
    assert {"requirements-image.lock", "prefect.toml", "prefect.yaml"} <= copied
