"""Brings an environment on AWS to what its file and this commit say: `make deploy ENV=prod`, whenever either changed.

What is missing is told at once, before anything is made. Then stacks, secrets, image, Prefect's blocks, work pool and
deployments; a second run changes nothing. `--dry-run` shows the difference, `--rollback` runs the image of before.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from deployments.aws.environment import Environment, EnvironmentFaultsError, load, text_of
from deployments.aws.preflight import MAIL_URL, lacks_here, missing
from deployments.aws.registered import differences, pieces
from deployments.aws.release import ImageError, Images, Parameter, Release, Releases, commit
from deployments.aws.secrets import NAMES, Secrets
from deployments.aws.stacks import Stack, StackFailedError, Stacks
from deployments.aws.templates import STACKS, read, template, with_settings

REGISTER: Final = ("python", "-m", "deployments.engine.register")
TO_COME: Final = "(comes with this deploy)"


class DeployError(RuntimeError):
    """A step failed; what was done before it stays, and the same command goes on from there."""


class Installation:
    """One environment, and the calls that change it."""

    def __init__(
        self,
        name: str,
        environment: Environment,
        clients: Callable[[str], Any],
        *,
        templates: Callable[[str], str] = template,
        delay: float = 5,
    ) -> None:
        """Prepare; nothing is asked.

        Args:
            clients: boto3's, by the name of the service.
            templates: the text of a stack's template, by its name.
            delay: seconds between two looks at something that changes.
        """
        self.name, self.environment, self.clients = name, environment, clients
        self.stacks = Stacks(clients("cloudformation"), delay=delay)
        self.secrets = Secrets(clients("secretsmanager"), name)
        self.releases = Releases(clients("ssm"), name)
        self.registered = Parameter(clients("ssm"), name, "registered")
        self._templates, self._delay = templates, delay

    def stack(self, part: str, image: str = "") -> Stack:
        """Return a stack as it should be, from what the ones before it tell."""
        more = {name: text_of(value) for name, value in self.environment.settings.items()}
        text = with_settings(self._templates(part), more)
        told = {key: value for each in STACKS for key, value in self.stacks.outputs(self._stack_name(each)).items()}
        told |= {f"{name.title()}Secret": arn for name, arn in self.secrets.arns().items()}
        told["Table"] = self.environment.restored_table or told.get("OwnTable", TO_COME)
        told |= {"Image": image, "VpcCidr": self._cidr()}
        told |= self.environment.data() if part == "data" else self.environment.run()
        wanted = read(text)["Parameters"]
        given = {name: told.get(name, TO_COME) for name in wanted if name in told or "Default" not in wanted[name]}
        return Stack(self._stack_name(part), text, given)

    def _stack_name(self, part: str) -> str:
        return f"campaigns-{self.name}-{part}"

    def _cidr(self) -> str:
        vpcs = self.clients("ec2").describe_vpcs(VpcIds=[self.environment.vpc_id])["Vpcs"]
        return str(vpcs[0]["CidrBlock"])

    def difference(self, image: str, *, ours: bool = True) -> Iterator[str]:
        """Yield what `deploy` would do, a line each; nothing when all is as it should be.

        Args:
            ours: the image is of this working tree: then it is known what Prefect is told.
        """
        release = self.releases.read()
        for name in NAMES:
            if name not in self.secrets.arns():
                yield f"secret {self.secrets.path(name)}: made"
        if image != release.image:
            yield f"image: {release.image or 'none'} -> {image}"
        for part in STACKS:
            stack = self.stack(part, image)
            if TO_COME in stack.parameters.values():
                yield f"stack {stack.name}: made"
                continue
            yield from (f"stack {stack.name}: {line}" for line in self.stacks.difference(stack))
        if release.registered != image:
            yield "Prefect: blocks, work pool and deployments registered from the image"
            yield from (f"Prefect: {line}" for line in (differences(self.registered.read(), pieces()) if ours else ()))

    def deploy(self, image: str, *, mail_url: str = "", say: Callable[[str], None] = print, ours: bool = True) -> None:
        """Do everything that is to do, in order, and say each.

        Args:
            ours: as for `difference`.

        Raises:
            DeployError, StackFailedError: a step failed.
        """
        self._stack_done("data", image, say)
        key = self.stacks.outputs(self._stack_name("data"))["KmsKeyId"]
        there = self.secrets.arns()
        for name in NAMES:
            if name not in there:
                self.secrets.make(name, key, mail_url=mail_url)
                say(f"secret {self.secrets.path(name)}: made")
        self._stack_done("run", image, say)
        release = self.releases.read().moved_to(image)
        self.releases.write(release)
        if release.registered != image:
            self._registered()
            self.releases.write(replace(release, registered=image))
            self.registered.write(pieces() if ours else {})
            say("Prefect: blocks, work pool and deployments registered")
        else:
            say("Prefect: knows this image")
        self._stack_done("watch", image, say)

    def _stack_done(self, part: str, image: str, say: Callable[[str], None]) -> None:
        stack = self.stack(part, image)
        changed = self.stacks.apply(stack)
        say(f"stack {stack.name}: {'changed' if changed else 'as it should be'}")

    def run_in_image(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command as a worker's task, with its settings and secrets; return its exit code and what it printed.

        Raises:
            DeployError: it did not begin, or does not end.
        """
        told, ecs = self.stacks.outputs(self._stack_name("run")), self.clients("ecs")
        network = {"subnets": self.environment.private_subnets, "securityGroups": [told["WorkerGroup"]]}
        answer = ecs.run_task(
            cluster=told["Cluster"],
            taskDefinition=told["WorkerTask"],
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
            overrides={"containerOverrides": [{"name": "worker", "command": list(command)}]},
        )
        if not answer["tasks"]:
            raise DeployError(f"{' '.join(command)} did not begin: {answer['failures']}")
        task = answer["tasks"][0]["taskArn"]
        waiting = {"Delay": max(1, int(self._delay)), "MaxAttempts": 120}
        try:
            ecs.get_waiter("tasks_stopped").wait(cluster=told["Cluster"], tasks=[task], WaiterConfig=waiting)
        except WaiterError as error:
            raise DeployError(f"{' '.join(command)} does not end: {error}; its log: {told['WorkerLogs']}") from error
        ended = ecs.describe_tasks(cluster=told["Cluster"], tasks=[task])["tasks"][0]
        code = ended["containers"][0].get("exitCode")
        if code is None:
            raise DeployError(f"{' '.join(command)} did not begin: {ended.get('stoppedReason', 'no reason given')}")
        return int(code), self._log(told["WorkerLogs"], task.rpartition("/")[2])

    def _log(self, group: str, task: str) -> str:
        try:
            events = self.clients("logs").get_log_events(
                logGroupName=group, logStreamName=f"worker/worker/{task}", startFromHead=True
            )["events"]
        except ClientError as error:
            return f"no log: {error.response['Error']['Code']}"
        return "\n".join(each["message"] for each in events)

    def _registered(self) -> None:
        """Let Prefect know this release.

        Raises:
            DeployError: it ended badly.
        """
        code, said = self.run_in_image(REGISTER)
        if code:
            raise DeployError(f"{' '.join(REGISTER)} ended with {code}:\n{said[-2000:]}")

    def restart(self, services: Sequence[str]) -> None:
        """Start services of the run stack again one after another, so that they read their secrets anew, and wait."""
        told, ecs = self.stacks.outputs(self._stack_name("run")), self.clients("ecs")
        names = [told[each] for each in services]
        for name in names:
            ecs.update_service(cluster=told["Cluster"], service=name, forceNewDeployment=True)
        waiting = {"Delay": max(1, int(self._delay)), "MaxAttempts": 120}
        ecs.get_waiter("services_stable").wait(cluster=told["Cluster"], services=names, WaiterConfig=waiting)


def opened(name: str) -> Installation:
    """Return an environment with clients for the AWS account that is signed in to.

    Raises:
        EnvironmentFaultsError: its file cannot be used.
    """
    environment = load(name)
    session = boto3.Session(region_name=environment.region)
    client: Any = session.client  # its overloads name every service
    return Installation(name, environment, client)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__.partition("\n")[0])
    parser.add_argument("environment", metavar="ENV")
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument("--image", help="REPOSITORY@sha256:…, instead of building this commit")
    parser.add_argument("--rollback", action="store_true", help="run the image of before again")
    options = parser.parse_args(arguments)
    try:
        installation = opened(options.environment)
        return _deployed(installation, options)
    except EnvironmentFaultsError as error:
        return _told([*error.faults, *lacks_here(options.image)])
    except (DeployError, StackFailedError, ImageError, BotoCoreError, ClientError) as error:
        print(f"{error}\nWhat was done stays; mend this, and the same command goes on.", file=sys.stderr)
        return 1


def _deployed(installation: Installation, options: argparse.Namespace) -> int:
    release = installation.releases.read() if options.rollback else Release()
    if options.rollback and not release.before:
        return _told(["rollback: no image ran before this one"])
    named: str | None = release.before if options.rollback else options.image
    images = Images(installation.clients("ecr"))
    built = named or images.of(commit())
    lacks = missing(installation.clients, installation.environment, installation.name, image=built)
    if lacks:
        return _told(lacks)
    if options.dry_run:
        lines = list(installation.difference(built or f"of commit {commit()}", ours=named is None))
        print("\n".join(lines) or "nothing would change")
        return 0
    image = built or images.build(commit())
    print(f"image {image}")
    installation.deploy(image, mail_url=os.environ.get(MAIL_URL, ""), ours=named is None)
    return _reached(installation)


def _reached(installation: Installation) -> int:
    told = installation.stacks.outputs(f"campaigns-{installation.name}-run")
    address = f"https://{installation.environment.hostname}/readyz"
    try:
        answer = httpx.get(address, timeout=10)
    except httpx.HTTPError as error:
        print(f"{address}: {type(error).__name__}. Let DNS lead there: CNAME {told['BalancerName']}")
        return 0
    print(f"{address}: {answer.status_code} {answer.text[:300]}")
    return 0 if answer.is_success else 1


def _told(lines: Sequence[str]) -> int:
    print("Nothing was changed. Missing:", file=sys.stderr)
    for line in lines:
        print(f"- {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
