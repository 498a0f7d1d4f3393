"""Rehearses a deploy on the emulator of AWS: `make rehearse`, in half a minute and without an account.

The very templates, secrets and steps of `make deploy`, as far as the emulator goes (`deployments.aws.templates` lists
what it cannot make); what would run in a container is only noted. Shows the difference, deploys, deploys again, moves
to another image and back.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from deployments.aws.deploy import Installation
from deployments.aws.environment import Environment
from deployments.aws.preflight import missing
from deployments.aws.templates import emulated
from deployments.local.aws_local import INSTALLATION, REGION, AwsLocal
from deployments.local.fake_bedrock import FakeBedrock

ACCOUNT: Final = "111122223333"
HOSTNAME: Final = "review.example.com"
MAIL_URL: Final = "smtp://user:password@email-smtp.eu-central-1.amazonaws.com:587?from=review@example.com"
FIRST, SECOND = (f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/campaigns@sha256:{letter * 64}" for letter in "ab")
Clients = Callable[[str], Any]


@contextmanager
def account() -> Iterator[Clients]:
    """Yield boto3's clients of an account of the emulator, by the name of the service."""
    with AwsLocal(INSTALLATION) as emulator, FakeBedrock() as bedrock:
        session: Any = emulator.session(ACCOUNT)
        made: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in made:
                url = bedrock.url if service == "bedrock-runtime" else emulator.endpoint_url
                made[service] = session.client(service, endpoint_url=url)
            return made[service]

        yield client
        for each in made.values():
            each.close()


def environment(clients: Clients) -> Environment:
    """Make what an environment begins with, a network and a certificate, and return what its file would say."""
    ec2 = clients("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    nets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for n, zone in enumerate("abab")
    ]
    subnets = [each["SubnetId"] for each in nets]
    said = {
        "region": REGION,
        "hostname": HOSTNAME,
        "certificateArn": clients("acm").request_certificate(DomainName=HOSTNAME)["CertificateArn"],
        "vpcId": vpc,
        "privateSubnets": subnets[:2],
        "publicSubnets": subnets[2:],
        "operatorEmail": "ops@example.com",
        "protect": False,
    }
    return Environment.model_validate(said, by_alias=True)


class OnTheEmulator(Installation):
    """No container runs there: what would run in one is noted."""

    def __init__(self, name: str, environment: Environment, clients: Clients) -> None:
        super().__init__(name, environment, clients, templates=emulated, delay=0.2)
        self.ran: list[tuple[str, ...]] = []

    def run_in_image(self, command: Sequence[str]) -> tuple[int, str]:
        self.ran.append(tuple(command))
        return 0, ""


def main() -> int:
    with account() as clients:
        installation = OnTheEmulator("rehearsal", environment(clients), clients)
        lacks = missing(clients, installation.environment, installation.name, image=FIRST)
        for title, image in (
            ("# before anything is there", FIRST), ("# again", FIRST), ("# the next release", SECOND), ("# back", FIRST)
        ):  # fmt: skip
            print(f"\n{title}: make deploy ENV=rehearsal ARGS=--dry-run")
            print("\n".join(installation.difference(image)) or "nothing would change")
            print(f"\n{title}: make deploy ENV=rehearsal")
            installation.deploy(image, mail_url=MAIL_URL)
        print(f"\nmissing before the first: {', '.join(lacks) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
