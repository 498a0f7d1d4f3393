"""The settings of one environment on AWS, written by people: `deployments/environments/NAME.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from campaigns.settings import Settings
from deployments.aws.templates import given_settings

FOLDER: Final = Path(__file__).resolve().parent.parent / "environments"

Subnet = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]+$")]
Given = str | bool | int | float
Subnets = Annotated[list[Subnet], Field(min_length=2)]


class EnvironmentFaultsError(ValueError):
    """The file of an environment cannot be used; `faults` has them all, a line each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Environment(BaseModel):
    """Where an installation lives and how big it is. Names on the file are camelCase."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    hostname: str = Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)
    certificate_arn: str = Field(pattern=r"^arn:[\w-]+:acm:[\w-]+:\d{12}:certificate/[\w-]+$")
    vpc_id: str = Field(pattern=r"^vpc-[0-9a-f]+$")
    private_subnets: Subnets
    public_subnets: Subnets
    operator_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
    model: str = "bedrock:eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    servers: int = Field(default=1, ge=1, le=8)
    workers: int = Field(default=2, ge=1, le=50)
    apis: int = Field(default=2, ge=1, le=50)
    endpoints: bool = False
    private_route_tables: list[Annotated[str, StringConstraints(pattern=r"^rtb-[0-9a-f]+$")]] = []
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks_url: str = ""
    database_class: str = "db.t4g.medium"
    requests_per_address: int = Field(default=2000, ge=0)
    restored_table: str = Field(default="", pattern=r"^$|^[A-Za-z0-9_.-]{3,255}$")
    protect: bool = True
    log_days: int = Field(default=90, ge=1)
    settings: dict[str, Given] = {}

    @field_validator("settings")
    @classmethod
    def _settings_can_be_given(cls, value: dict[str, Given]) -> dict[str, Given]:
        if faults := [f"{name}: {fault}" for name, given in value.items() if (fault := _fault_of(name, given))]:
            raise ValueError("; ".join(faults))
        return value

    @model_validator(mode="after")
    def _endpoints_have_routes(self) -> Environment:
        if self.endpoints and not self.private_route_tables:
            raise ValueError("privateRouteTables: with endpoints = true, those of the private subnets")
        return self

    def data(self) -> dict[str, str]:
        """Return the parameters of the stack that keeps."""
        return {"RestoredTable": self.restored_table, "LogDays": str(self.log_days)}

    def run(self) -> dict[str, str]:
        """Return the parameters of the stack that runs, as far as people say them."""
        return {
            "VpcId": self.vpc_id,
            "PrivateSubnets": ",".join(self.private_subnets),
            "PublicSubnets": ",".join(self.public_subnets),
            "PrivateRouteTables": ",".join(self.private_route_tables),
            "CertificateArn": self.certificate_arn,
            "Hostname": self.hostname,
            "Model": self.model,
            "OperatorEmail": self.operator_email,
            "OidcIssuer": self.oidc_issuer,
            "OidcAudience": self.oidc_audience,
            "OidcJwksUrl": self.oidc_jwks_url,
            "Servers": str(self.servers),
            "Workers": str(self.workers),
            "Apis": str(self.apis),
            "DatabaseClass": self.database_class,
            "ProtectDatabase": str(self.protect).lower(),
            "RequestsPerAddress": str(self.requests_per_address),
            "Endpoints": "yes" if self.endpoints else "no",
            "LogDays": str(self.log_days),
        }


def _fault_of(name: str, given: Given) -> str:
    """Return why a setting cannot be given in the file of an environment; empty: it can."""
    field = Settings.model_fields.get(name.removeprefix("CAMPAIGNS_").lower())
    if field is None or not name.startswith("CAMPAIGNS_") or not name.isupper():
        return "there is no such setting; docs/settings.md has them all"
    if SecretStr in {field.annotation, *get_args(field.annotation)}:
        return "it is a secret, and this file has none: docs/operating.md, Keys"
    if name in given_settings():
        return "deployments/aws/run.yaml gives it already"
    one_field: Any = (field.annotation, field)
    alone: Any = create_model("Alone", value=one_field)
    try:
        alone(value=text_of(given))
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""


def text_of(given: Given) -> str:
    """Return a value of the file as an environment variable holds it."""
    return str(given).lower() if isinstance(given, bool) else str(given)


def load(name: str, folder: Path = FOLDER) -> Environment:
    """Read the file of an environment.

    Raises:
        EnvironmentFaultsError: it is not there, or not as it should be; every fault at once.
    """
    path = folder / f"{name}.toml"
    if not path.is_file():
        raise EnvironmentFaultsError([f"{path} is missing: copy {folder / 'example.toml'} and fill it in"])
    try:
        return Environment.model_validate(tomllib.loads(path.read_text()), by_alias=True)
    except tomllib.TOMLDecodeError as error:
        raise EnvironmentFaultsError([f"{path}: {error}"]) from None
    except ValidationError as error:
        raise EnvironmentFaultsError(
            [f"{path}: {'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()]
        ) from None
