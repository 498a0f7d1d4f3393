"""The permit under which a step calls the model (`campaigns.operations.permits`): it is waited for under the lease."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial

from campaigns.agents.failures import FailureCode
from campaigns.errors import AgentError
from campaigns.operations.watching.metrics import THROTTLED
from campaigns.wiring import get_permits, get_signals
from tasks.engine.lease import clock_of, require_going_on
from tasks.steps import SavedCampaign


@contextmanager
def permit(campaign: SavedCampaign) -> Iterator[None]:
    """Hold a permit in the block. Waiting for one is no work of the build, unless another of its calls is under way.

    Raises:
        BuildTimeoutError: the build's time was over before there was one.
        LeaseLostError: the run was stopped or its process ends, before there was one; or another has taken over.
    """
    still, clock = partial(require_going_on, campaign), clock_of(campaign)
    with ExitStack() as held:
        with clock.waiting():
            still()
            held.enter_context(get_permits().hold(campaign.tenant_id, still=still))
        held.enter_context(clock.calling())
        still()  # it may have waited to the end
        try:
            yield
        except AgentError as error:
            if error.reason == FailureCode.THROTTLED:
                get_signals().count(THROTTLED, now=datetime.now(UTC))
            raise
