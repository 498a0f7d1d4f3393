"""What an environment lacks before anything is made: all of it at once, each with what to do."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from campaigns.mail_server import MailServerError, mail_server
from deployments.aws.environment import Environment
from deployments.aws.release import commit
from deployments.aws.secrets import MAIL, Secrets

MAIL_URL: Final = "CAMPAIGNS_MAIL_URL"


def missing(clients: Callable[[str], Any], environment: Environment, name: str, *, image: str | None) -> list[str]:
    """Return what is missing, a line each; only looks.

    Args:
        clients: boto3's, by the name of the service.
        image: an image that is there already; None: one has to be built here.
    """
    try:
        clients("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        signed_out = f"AWS: {error}. Sign in (`aws sso login`, or AWS_PROFILE) with the rights of an administrator"
        return [signed_out, *lacks_here(image)]
    checks: list[Callable[[], Iterator[str]]] = [
        lambda: _network(clients("ec2"), environment),
        lambda: _certificate(clients("acm"), environment),
        lambda: _model(clients("bedrock-runtime"), environment),
        lambda: _mail(Secrets(clients("secretsmanager"), name)),
        lambda: lacks_here(image),
    ]
    found: list[str] = []
    for check in checks:
        try:
            found += check()
        except (BotoCoreError, ClientError) as error:
            found.append(f"AWS: {error}")
    return found


def _network(ec2: Any, environment: Environment) -> Iterator[str]:
    try:
        ec2.describe_vpcs(VpcIds=[environment.vpc_id])
    except ClientError as error:
        yield f"vpcId: {error.response['Error']['Message']}"
    for field, subnets in (
        ("privateSubnets", environment.private_subnets), ("publicSubnets", environment.public_subnets)
    ):  # fmt: skip
        try:
            found = ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
        except ClientError as error:
            yield f"{field}: {error.response['Error']['Message']}"
            continue
        if strangers := [each["SubnetId"] for each in found if each["VpcId"] != environment.vpc_id]:
            yield f"{field}: {', '.join(strangers)} lie in another VPC than {environment.vpc_id}"
        if len({each["AvailabilityZone"] for each in found}) < 2:
            yield f"{field}: they lie in one availability zone; two are needed"


def _certificate(acm: Any, environment: Environment) -> Iterator[str]:
    try:
        found = acm.describe_certificate(CertificateArn=environment.certificate_arn)["Certificate"]
    except ClientError as error:
        yield f"certificateArn: {error.response['Error']['Message']}; request one for {environment.hostname}"
        return
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
    wildcard = f"*.{environment.hostname.partition('.')[2]}"
    if not names & {environment.hostname, wildcard}:
        yield f"certificateArn: it is for {', '.join(sorted(names))}, not for {environment.hostname}"
    if found["Status"] != "ISSUED":
        yield f"certificateArn: its status is {found['Status']}; put the records that ACM shows into DNS and wait"


def _model(bedrock: Any, environment: Environment) -> Iterator[str]:
    provider, _, model = environment.model.partition(":")
    if provider != "bedrock":
        return
    question = [{"role": "user", "content": [{"text": "ok"}]}]
    try:
        bedrock.converse(modelId=model, messages=question, inferenceConfig={"maxTokens": 5})
    except ClientError as error:
        said = error.response["Error"]
        yield f"model: {model} answers {said['Code']}: {said['Message']}. Ask for access in the console of Bedrock"


def _mail(secrets: Secrets) -> Iterator[str]:
    if MAIL in secrets.arns():
        return
    given = os.environ.get(MAIL_URL, "")
    if not given:
        yield f"{MAIL_URL}: set it once, smtp://user:password@host:587?from=review@example.com; it is kept as a secret"
        return
    try:
        mail_server(given)
    except MailServerError as error:
        yield f"{MAIL_URL}: {error}"


def lacks_here(image: str | None) -> Iterator[str]:
    """Yield what this machine lacks for building an image; nothing where one is given."""
    if image is not None:
        return
    if not (made_from := commit()):
        yield "image: this is no clone of a repository, or git is missing: its commit names the image; or give --image"
    if made_from.endswith("-changed"):
        yield "image: files differ from the commit that would name it: commit them, or give --image"
    if shutil.which("docker") is None:
        yield "image: docker is not installed: install it, or give --image REPOSITORY@sha256:…"
    elif subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        yield "image: docker does not answer: start it, or give --image REPOSITORY@sha256:…"
