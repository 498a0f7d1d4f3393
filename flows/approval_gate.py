"""The wait for a person (process.md section 4): the store is asked first, then the run pauses.

A run that a worker can restart is suspended: it holds no process while it waits, and its body runs
again from the first line when it is woken. A run in a terminal is paused in its process. Whoever
wakes it, and why, does not matter: only what the store says counts.
"""

from uuid import uuid4

from prefect import get_run_logger, runtime
from prefect.flow_runs import pause_flow_run

from tasks.engine.lease import at_rest, fence
from tasks.engine.server.run_states import PAUSE_KEY
from tasks.engine.suspending import suspend
from tasks.forms.form_answer import form_now, record_form_answers
from tasks.outcome import Outcome, read_outcome, waits_for
from tasks.showing.board import settle
from tasks.steps import AskedRound, SavedCampaign

# Prefect fails a run whose pause times out, without running any of our code. The end of a round is
# ours (it lies in the store); Prefect's is a backstop far behind the longest one.
BACKSTOP_SECONDS = 90 * 24 * 3600
POLL_SECONDS = 2


def wait_for_decision(campaign: SavedCampaign, asked: AskedRound) -> Outcome:
    """Return what was decided in the round; pauses or suspends the run until something was."""
    log = get_run_logger()
    while True:
        refused = record_form_answers(campaign, asked, log)
        if (outcome := read_outcome(campaign, asked)) is not None:
            return outcome
        fence(campaign)  # a run that another process has taken over is not ours to pause

        # A key of its own for every pause: a process killed between "paused" and the saving of the
        # form leaves a key that no answer can reach any more.
        key = f"{PAUSE_KEY}{asked.n}-{uuid4().hex[:8]}"
        message = waits_for(campaign, asked)
        log.info(message)
        settle()
        form = form_now(campaign, asked, refused)
        if runtime.deployment.id is None:
            with at_rest(campaign):
                pause_flow_run(form, timeout=BACKSTOP_SECONDS, poll_interval=POLL_SECONDS, key=key)
        else:
            suspend(form, key=key, seconds=BACKSTOP_SECONDS, message=message)
