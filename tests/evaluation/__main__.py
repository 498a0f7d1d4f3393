"""Compares models and prompts on a fixed set of briefs: python -m tests.evaluation --model NAME [--model NAME].

    make eval                                                    the offline writer, and the stand-in as a hosted model
    make eval ARGS="--model bedrock:us.anthropic.claude-… --json now.json"
    make eval ARGS="--model bedrock:us.anthropic.claude-… --against now.json"      after the prompts were changed

A model is named as in CAMPAIGN_MODEL, and reached as the product reaches it: Bedrock with the credentials that boto3
finds. Each run costs money there: 7 briefs of 6 posts are about 60 calls. `--json` keeps the rows, `--against` shows
earlier ones beside them, so that two versions of the prompts can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from campaigns.agents.providers.models import ModelOptions, build
from campaigns.agents.providers.text_model import TextModel
from campaigns.model.post import OFFLINE
from deployments.local.fake_bedrock import FakeBedrock
from tests.evaluation.trying import BRIEFS, Tried, tried

STAND_IN = "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HEAD = ("model", "prompts", "brief", "topics", "written", "clean", "blocked", "length", "language", "score", "calls",
        "tokens", "US$", "s", "findings")  # fmt: skip


def main(arguments: Sequence[str] | None = None, *, out: TextIO = sys.stdout) -> int:
    """Print a row for each model and brief, and one for each model; return 1 when a post has no words."""
    parser = argparse.ArgumentParser(prog="python -m tests.evaluation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", action="append", help="as in CAMPAIGN_MODEL; may be given again")
    parser.add_argument("--brief", action="append", choices=list(BRIEFS), help="of the set; default: all")
    parser.add_argument("--posts", type=int, default=6, help="of each brief")
    parser.add_argument("--judge", action="store_true", help="let the model judge its posts too; twice the calls")
    parser.add_argument("--json", type=Path, help="keep the rows here")
    parser.add_argument("--against", type=Path, help="rows that were kept before")
    given = parser.parse_args(arguments)
    names = given.brief or list(BRIEFS)
    before = [Tried.model_validate(row) for row in json.loads(given.against.read_text())] if given.against else []
    rows: list[Tried] = []
    for model in _models(given.model):
        rows += [tried(model, name, posts=given.posts, judged=given.judge) for name in names]
    if given.json:
        given.json.write_text(json.dumps([row.to_wire() for row in rows], ensure_ascii=False, indent=1), "utf-8")
    print(_table([*before, *rows]), file=out)
    return 0 if all(row.written == row.posts for row in rows) else 1


def _models(names: Sequence[str] | None) -> Iterator[TextModel]:
    if names:
        yield from (build(ModelOptions(name=name)) for name in names)
        return
    yield build(ModelOptions(name=OFFLINE))
    with FakeBedrock() as server, _reached(server.url):
        yield build(ModelOptions(name=STAND_IN))


@contextmanager
def _reached(url: str) -> Iterator[None]:
    stand_in = {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    kept = {name: os.environ.get(name) for name in stand_in}
    os.environ.update(stand_in)
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _table(rows: Sequence[Tried]) -> str:
    kinds = dict.fromkeys((row.model, row.prompts) for row in rows)
    lines = [HEAD, *map(_line, rows)]
    lines += [_line(_sum([row for row in rows if (row.model, row.prompts) == kind])) for kind in kinds]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _line(row: Tried) -> tuple[str, ...]:
    return (
        row.model.rpartition(".")[2][:28],
        row.prompts,
        row.brief,
        f"{row.topics}/{row.posts}",
        f"{row.written}/{row.posts}",
        str(row.clean),
        str(row.blocked),
        str(row.on_target),
        str(row.own_language),
        f"{row.score:.2f}",
        str(row.usage.calls),
        str(row.usage.input_tokens + row.usage.output_tokens),
        f"{row.usage.cost_usd:.4f}",
        f"{row.seconds:.1f}",
        " ".join(f"{code}:{count}" for code, count in row.findings.items()),
    )


def _sum(rows: Sequence[Tried]) -> Tried:
    """Return the rows of one model and one version of the prompts as one."""
    first, *others = rows
    total = first.model_copy(update={"brief": "all"})
    for row in others:
        written = total.written + row.written
        score = (total.score * total.written + row.score * row.written) / written if written else 0.0
        findings = dict(total.findings)
        for code, count in row.findings.items():
            findings[code] = findings.get(code, 0) + count
        numbers = ("posts", "topics", "written", "clean", "blocked", "on_target", "own_language", "seconds")
        sums = {name: getattr(total, name) + getattr(row, name) for name in numbers}
        total = total.model_copy(
            update={**sums, "score": score, "findings": findings, "usage": total.usage.plus(row.usage)}
        )
    return total


if __name__ == "__main__":
    sys.exit(main())
