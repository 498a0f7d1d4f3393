"""The two state machines of properties 8 and 9 in a longer run, with what happened in it counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.approvals.check import Plan, Row
from tests.approvals.test_callback_model import Approval
from tests.properties.test_deadline_model import Deadline

EXAMPLES = 400
STEPS = 50
FAULTS_AN_EXAMPLE = 1


def _run(row: Row, machine: Any, plan: Plan) -> Row:
    tally: Counter[str] = machine.tally
    longer = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    row.planned = EXAMPLES * FAULTS_AN_EXAMPLE
    try:
        run_state_machine_as_test(hypothesis.seed(plan.seed)(machine), settings=longer)
    except AssertionError as error:
        row.findings.append("\n".join([str(error), *getattr(error, "__notes__", [])]))
    row.attempts, row.successes = tally["examples"] + len(row.findings), tally["examples"]
    row.injected = tally["faults"]
    return row


def callback_workflow(plan: Plan) -> Row:
    """Property 8: issue, click, replay, revoke, rotate, edit, cancel, with faults."""
    row = _run(Row("property 8: callback workflow"), Approval, plan)
    told = Approval.tally
    row.note = f"{told['clicks']:,} clicks: {told['told recorded']} recorded, {told['told already']} already decided"
    return row


def callback_timeout(plan: Plan) -> Row:
    """Property 9: clocks, deciders and the reaper, with faults."""
    row = _run(Row("property 9: callback time-out"), Deadline, plan)
    row.note = f"rounds: {Deadline.tally['decided']} decided, {Deadline.tally['timed_out']} timed out"
    return row
