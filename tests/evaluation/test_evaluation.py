"""The evaluation runs, says what it found, and can be held against an earlier one."""

from __future__ import annotations

import io
import json
from pathlib import Path

from campaigns.agents.prompts import PROMPT_VERSION
from tests.evaluation.__main__ import main


def test_models_are_compared_on_a_fixed_set_of_briefs(tmp_path: Path) -> None:
    kept, out = tmp_path / "rows.json", io.StringIO()

    assert main(["--brief", "deutsch", "--posts", "3", "--json", str(kept)], out=out) == 0

    head, *rows = out.getvalue().splitlines()
    assert head.split()[:4] == ["model", "prompts", "brief", "topics"]
    assert [row.split()[2] for row in rows] == ["deutsch", "deutsch", "all", "all"]
    offline, hosted = json.loads(kept.read_text("utf-8"))
    assert (offline["model"], offline["written"], offline["ownLanguage"]) == ("offline", 3, 3)
    assert hosted["usage"]["inputTokens"] > 0


def test_posts_are_judged_on_demand(tmp_path: Path) -> None:
    calls = []
    for arguments in ([], ["--judge"]):
        kept = tmp_path / "rows.json"
        main(["--brief", "deutsch", "--posts", "2", "--json", str(kept), *arguments], out=io.StringIO())
        calls.append([row["usage"]["calls"] for row in json.loads(kept.read_text("utf-8"))])

    (offline, hosted), (offline_again, judged) = calls
    assert (offline_again, judged) == (offline, hosted + 2)


def test_an_earlier_run_stands_beside_the_new_one(tmp_path: Path) -> None:
    kept, out = tmp_path / "rows.json", io.StringIO()
    main(["--model", "offline", "--brief", "deutsch", "--posts", "1", "--json", str(kept)], out=io.StringIO())
    earlier = [{**row, "prompts": "before"} for row in json.loads(kept.read_text("utf-8"))]
    kept.write_text(json.dumps(earlier), "utf-8")

    main(["--model", "offline", "--brief", "deutsch", "--posts", "1", "--against", str(kept)], out=out)

    assert [row.split()[1] for row in out.getvalue().splitlines()[1:]] == [
        "before",
        PROMPT_VERSION,
        "before",
        PROMPT_VERSION,
    ]
