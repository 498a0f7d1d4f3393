"""Creates and changes CloudFormation stacks by change sets, so that what would change can be shown first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from botocore.exceptions import ClientError, WaiterError

_PATIENCE: Final = {"Delay": 5, "MaxAttempts": 720}
"""An hour: a database with a standby takes half of it."""
_NOTHING: Final = ("didn't contain changes", "no updates are to be performed")


class StackFailedError(RuntimeError):
    """A stack could not be made or changed; the message names the resources and says why. CloudFormation undid it."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack as it should be."""

    name: str
    template: str
    parameters: Mapping[str, str]


class Stacks:
    """The stacks of one account and region."""

    def __init__(self, client: Any, *, delay: float = _PATIENCE["Delay"]) -> None:
        """Prepare; nothing is asked.

        Args:
            client: boto3's for CloudFormation.
            delay: seconds between two looks at a stack that changes.
        """
        self._client = client
        self._waiting = {**_PATIENCE, "Delay": delay}

    def outputs(self, name: str) -> dict[str, str]:
        """Return the outputs of a stack; none while there is no such stack."""
        described = self._described(name)
        return {each["OutputKey"]: each["OutputValue"] for each in (described or {}).get("Outputs", [])}

    def difference(self, stack: Stack) -> list[str]:
        """Return what `apply` would do, a line each; nothing when the stack is as it should be."""
        found = self._change_set(stack)
        if found is None:
            return []
        change_set, new = found
        lines = [_line(change["ResourceChange"]) for change in self._changes(stack.name, change_set)]
        self._client.delete_change_set(StackName=stack.name, ChangeSetName=change_set)
        if new:
            self._client.delete_stack(StackName=stack.name)  # the empty one that a change set begins with
        return lines or ["parameters or tags"]

    def apply(self, stack: Stack) -> bool:
        """Create or change a stack, wait for it, and return whether anything was to do.

        Raises:
            StackFailedError: it could not be done; CloudFormation put back what was there before.
        """
        found = self._change_set(stack)
        if found is None:
            return False
        change_set, new = found
        self._client.execute_change_set(StackName=stack.name, ChangeSetName=change_set)
        waiter = self._client.get_waiter("stack_create_complete" if new else "stack_update_complete")
        try:
            waiter.wait(StackName=stack.name, WaiterConfig=self._waiting)
        except WaiterError as error:
            raise StackFailedError(f"{stack.name}: {'; '.join(self._reasons(stack.name)) or error}") from error
        return True

    def _change_set(self, stack: Stack) -> tuple[str, bool] | None:
        """Return the change set that leads to the stack, and whether the stack is new; None: nothing is to do."""
        described = self._described(stack.name)
        status = described["StackStatus"] if described else None
        if status == "ROLLBACK_COMPLETE":  # the first attempt failed; such a stack can only be deleted
            self._client.delete_stack(StackName=stack.name)
            self._client.get_waiter("stack_delete_complete").wait(StackName=stack.name, WaiterConfig=self._waiting)
        new = status in {None, "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"}
        name = f"deploy-{uuid4().hex}"
        self._client.create_change_set(
            StackName=stack.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateBody=stack.template,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
        )
        try:
            self._client.get_waiter("change_set_create_complete").wait(
                StackName=stack.name, ChangeSetName=name, WaiterConfig={**self._waiting, "MaxAttempts": 60}
            )
        except WaiterError:
            reason = self._client.describe_change_set(StackName=stack.name, ChangeSetName=name).get("StatusReason", "")
            self._client.delete_change_set(StackName=stack.name, ChangeSetName=name)
            if any(word in reason.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") for word in _NOTHING):
                return None
            raise StackFailedError(f"{stack.name}: {reason}") from None
        if not new and not self._differs(stack, described or {}, name):
            self._client.delete_change_set(StackName=stack.name, ChangeSetName=name)
            return None
        return name, new

    def _differs(self, stack: Stack, described: Mapping[str, Any], change_set: str) -> bool:
        """Whether a change set without resources changes anything at all; AWS refuses one, an emulator does not."""
        if any(True for _ in self._changes(stack.name, change_set)):
            return True
        then = {each["ParameterKey"]: each.get("ParameterValue") for each in described.get("Parameters", [])}
        return any(then.get(name) != value for name, value in stack.parameters.items())

    def _changes(self, name: str, change_set: str) -> list[Any]:
        pages = self._client.get_paginator("describe_change_set").paginate(StackName=name, ChangeSetName=change_set)
        return [change for page in pages for change in page.get("Changes", [])]

    def _described(self, name: str) -> Any:
        try:
            return self._client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _reasons(self, name: str) -> Sequence[str]:
        events = self._client.describe_stack_events(StackName=name)["StackEvents"]
        return [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED") and "cancelled" not in event.get("ResourceStatusReason", "")
        ]


def _line(change: Mapping[str, Any]) -> str:
    replaced = " (made anew)" if change.get("Replacement") == "True" else ""
    return f"{change['Action'].lower()} {change['LogicalResourceId']} ({change['ResourceType']}){replaced}"
