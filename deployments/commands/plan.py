"""Prints the calendar of a brief; calls no model: python -m deployments.commands.plan samples/spring-harvest.json.

Brand and personas are read from files beside the brief (brand.json, personas.json) unless named.
Dates that have passed are moved ahead by whole weeks, so that samples do not age.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from campaigns.errors import BadBriefError, Fault, FaultsError
from campaigns.model.brief import CampaignBrief
from campaigns.model.faults import faults_of
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.post import Slot
from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.calendar.building import Calendar, plan_calendar
from campaigns.rules.calendar.report import share_lines
from campaigns.rules.freshen import moved_ahead
from campaigns.rules.merge.merging import MergedConfig, explain, merge, plan_version
from campaigns.rules.submission import submission_faults
from campaigns.settings import get_settings

TENANT = "plan"


def main(arguments: Sequence[str] | None = None, *, now: datetime | None = None, out: TextIO = sys.stdout) -> int:
    """Print the plan and return 0; print every fault of the brief and return 1 when it has none."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.commands.plan", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("brief", type=Path, help="the brief, as JSON on the wire")
    parser.add_argument("--brand", type=Path, help="its brand (default: brand.json beside the brief)")
    parser.add_argument("--personas", type=Path, help="its personas (default: personas.json beside the brief)")
    given = parser.parse_args(arguments)
    beside: Path = given.brief.parent
    moment = now or datetime.now(UTC)
    try:
        brief, brand, personas = _read(
            given.brief, given.brand or beside / "brand.json", given.personas or beside / "personas.json", moment
        )
        config = merge(brief, brand, personas, most_posts=get_settings().most_posts)
        # The seed of the run too: what is printed here is what the campaign gets.
        calendar = plan_calendar(brief, config, seed=plan_version(brief, config), not_before=moment)
    except FaultsError as refusal:
        for fault in refusal.faults:
            print(f"{fault.field}: {fault.message} [{fault.code}]", file=out)
        return 1
    _print_plan(brief, config, calendar, out)
    return 0


def _read(
    brief_path: Path, brand_path: Path, personas_path: Path, now: datetime
) -> tuple[CampaignBrief, Brand | None, list[Persona]]:
    """Read and check the three files.

    Raises:
        FaultsError: every fault of the brief.
    """
    try:
        brief = CampaignBrief.model_validate(moved_ahead(json.loads(brief_path.read_text()), now.date()))
    except ValidationError as error:
        raise BadBriefError(faults_of(error)) from error
    except json.JSONDecodeError as error:
        raise BadBriefError([Fault("body", f"is not valid JSON: {error}", "JSON_INVALID")]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadBriefError([Fault("body", f"cannot be read: {error}", "JSON_INVALID")]) from error
    stored = {"tenantId": TENANT, "createdAt": now.isoformat(), "updatedAt": now.isoformat()}
    brand = None
    if brief.brand_id is not None and brand_path.exists():
        found = Brand.model_validate({**stored, **json.loads(brand_path.read_text())})
        brand = found if found.id == brief.brand_id else None
    people = json.loads(personas_path.read_text()) if personas_path.exists() else []
    personas = [Persona.model_validate({**stored, **person}) for person in people]
    by_id = {persona.id: persona for persona in personas}
    most = get_settings().most_posts
    if faults := submission_faults(brief, brand=brand, personas=by_id, now=now, most_posts=most):
        raise BadBriefError(faults)
    return brief, brand, personas


def _print_plan(brief: CampaignBrief, config: MergedConfig, calendar: Calendar, out: TextIO) -> None:
    names = {rules.persona_id: rules.name for rules in config.personas}
    zone = brief.schedule.zone
    rows: list[list[Any]] = []
    for slot in calendar.slots:
        local = slot.scheduled_at.astimezone(zone)
        rows.append(
            [
                slot.number,
                local.strftime("%a %Y-%m-%d %H:%M %Z"),
                PLATFORM_NAMES[slot.platform],
                names[slot.persona_id],
                slot.pillar or "",
                slot.intent.replace("_", " "),
                "yes" if slot.needs_cta else "",
                slot.visual.replace("_", " "),
                "; ".join(slot.required_inclusions),
                _about(slot),
            ]
        )
    print(f"{brief.name}: {len(rows)} posts, times in {zone.key}\n", file=out)
    headings = ["#", "When", "Platform", "Persona", "Pillar", "Intent", "CTA", "Visual", "Must include", "About"]
    _print_table(headings, rows, out)
    print("\nShares", file=out)
    shares = [
        [line.kind, line.name, f"{line.asked:.0%}", f"{line.got:.0%}", line.posts]
        for line in share_lines(config, calendar)
    ]
    _print_table(["Of", "Name", "Asked", "Got", "Posts"], shares, out)
    print("\nResolved configuration", file=out)
    _print_table(["Value", "Is", "Comes from"], [list(line) for line in explain(config)], out)
    warnings = [*config.warnings, *calendar.warnings]
    print("\nWarnings" if warnings else "\nNo warnings", file=out)
    for warning in warnings:
        print(f"- {warning}", file=out)
    print(f"\nPlan version {plan_version(brief, config)}", file=out)


def _about(slot: Slot) -> str:
    if slot.given is None:
        return ""
    return slot.given.about or (slot.given.item.name if slot.given.item else "")


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], out: TextIO) -> None:
    texts = [list(headings), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(headings))]
    texts.insert(1, ["-" * width for width in widths])
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), file=out)


if __name__ == "__main__":
    sys.exit(main())
