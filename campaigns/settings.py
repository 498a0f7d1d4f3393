"""What may be set, and its defaults: the only reader of the environment in the domain.

Every setting is a `CAMPAIGNS_*` variable. The defaults run on one machine with nothing but Python; a
missing or malformed one stops the process with its name and what was expected.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from campaigns.keys.keyring import KeyRing
from campaigns.keys.webhooks import Webhook, webhooks_of
from campaigns.mail_server import Mailbox, mail_server, mailbox
from campaigns.model.terms.approval_terms import Approver
from campaigns.rules.merge.defaults import MAX_POSTS, MOST_POSTS_EVER
from campaigns.rules.text.web.web_addresses import host_name_of, host_of, origin_of, require_address

MAIL_FILE: Final = "mail"
"""The embedded default: one file for each mail, readable by the owner only."""
MAIL_BLOCK: Final = "smtp-mail/campaigns"
"""The block that `python -m deployments.engine.blocks` saves where CAMPAIGNS_MAIL_URL is set."""
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1", "testserver"})

StoreUrl = Annotated[str, StringConstraints(pattern=r"^(sqlite:///.+|dynamodb://[A-Za-z0-9_.-]{3,255})$")]
FolderUrl = Annotated[str, StringConstraints(pattern=r"^(file:///.+|s3://[a-z0-9][a-z0-9.-]{2,62}(/.*)?)$")]


def _each(rule: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda text: ",".join(rule(each.strip()) for each in text.split(",") if each.strip()))


Origin = Annotated[str, AfterValidator(origin_of)]
Origins = Annotated[str, _each(origin_of)]
HostNames = Annotated[str, _each(host_name_of)]
HttpAddress = Annotated[str, AfterValidator(require_address)]


class Settings(BaseSettings):
    """Where things are, who signs, and how much is done at once."""

    # An error of a key ring or of the mail server's address would else print it.
    model_config = SettingsConfigDict(env_prefix="CAMPAIGNS_", frozen=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Field(default=Path(".campaigns"), description="Folder of the embedded store, checkpoints and mail")
    store_url: StoreUrl | None = Field(
        default=None, description="sqlite:///FILE or dynamodb://TABLE; else SQLite in the home"
    )
    checkpoints_url: FolderUrl | None = Field(
        default=None, description="Sealed results of steps: file:///FOLDER or s3://BUCKET/PREFIX; else in the home"
    )
    assets_url: FolderUrl | None = Field(
        default=None, description="Files of brand assets: file:///FOLDER or s3://BUCKET/PREFIX; else in the home"
    )
    kms_key_id: str | None = Field(default=None, description="Key for SSE-KMS in S3")

    model: str = Field(default="offline", description="offline, bedrock:MODEL, anthropic:MODEL, openai:MODEL …")
    judge: Literal["off", "automatic", "always"] = Field(
        default="automatic",
        description="A second call of the model judges voice, quality and claims of a post: off; automatic, where posts"
        " may be approved without a person; always",
    )
    model_base_url: HttpAddress = Field(default="", description="Address of an OpenAI-compatible server")
    model_timeout_seconds: float = Field(default=120, gt=0, le=600, description="For one call of the model")
    planning_timeout_seconds: float = Field(
        default=300, gt=0, le=3600, description="For one attempt at a plan, all calls of the model together"
    )
    post_timeout_seconds: float = Field(
        default=120, gt=0, le=3600, description="For one attempt at a post, all calls of the model together"
    )
    build_timeout_seconds: float = Field(
        default=3600, gt=0, le=7 * 86400,
        description="For all the work on a campaign, pauses between attempts included; the time in which people, or a "
        "permit to call the model, are waited for does not count, and retry-campaign begins to count anew",
    )  # fmt: skip
    model_price_in: float | None = Field(default=None, ge=0, description="US dollars for a million input tokens")
    model_price_out: float | None = Field(default=None, ge=0, description="US dollars for a million output tokens")

    checkpoint_keys: SecretStr | None = Field(default=None, description="Key ring that seals checkpoints")
    approval_keys: SecretStr | None = Field(default=None, description="Key ring that signs approval links")
    api_keys: SecretStr | None = Field(default=None, description="Key ring of HS256 bearer tokens of the API")

    api_base_url: Origin = Field(
        default="http://127.0.0.1:8000", description="What approval links start with: scheme, host and port, no path"
    )
    allowed_origins: Origins = Field(
        default="", description="Web pages that may call the API from a browser: their origins, comma-separated"
    )
    allowed_hosts: HostNames = Field(
        default="", description="Host names of the API beside that of its base URL, comma-separated; * allows any"
    )
    requests_per_minute: int = Field(default=3000, ge=1, description="Of one tenant, in one process")
    requests_burst: int = Field(default=300, ge=1, description="Of one tenant, at once")
    start_patience_seconds: float = Field(
        default=1.0, ge=0, le=60, description="How long POST /campaigns waits for Prefect, to name the flow run"
    )
    docs_enabled: bool = Field(default=False, description="Serve /openapi.json and the Swagger UI at /docs")

    oidc_issuer: HttpAddress = Field(default="", description="Issuer of an OpenID provider whose tokens are accepted")
    oidc_audience: str = Field(default="", description="What its tokens must be made for")
    oidc_jwks_url: str = Field(
        default="", pattern=r"^(https://\S+|http://(127\.0\.0\.1|localhost)(:\d+)?/\S*)?$",
        description="Where the provider publishes its keys",
    )  # fmt: skip
    oidc_tenant_claim: str = Field(default="tenantId", min_length=1, description="Claim that names the tenant")
    oidc_scope_claim: str = Field(default="scope", min_length=1, description="Claim that lists the scopes")
    oidc_email_claim: str = Field(
        default="email", min_length=1,
        description="Claim with the caller's e-mail address, by which a requester is known among approvers",
    )  # fmt: skip

    prefect_ui_url: HttpAddress | None = Field(
        default=None, description="Where people open runs, such as http://host/v2"
    )
    tenant: str = Field(
        default="", pattern=r"^([a-z0-9][a-z0-9-]{1,62})?$",
        description="The only tenant that runs of this worker act for; empty: for any",
    )  # fmt: skip
    form_tenants: str = Field(
        default="", pattern=r"^([a-z0-9][a-z0-9-]{1,62}(,[a-z0-9][a-z0-9-]{1,62})*)?$",
        description="Whose brands, personas and templates Prefect's forms offer by name, such as fernwood,acme",
    )  # fmt: skip
    deployment: str = Field(default="build-campaign/build-campaign", description="flow/deployment the API starts")
    run_start_seconds: str = Field(
        default="40,campaigns-docker=120,campaigns-ecs=120,campaigns-kubernetes=120",
        pattern=r"^[0-9]{1,4}(,[^,=]+=[0-9]{1,4})*$",
        description="How long a run may take from its worker's hands until it works; more for pools that make "
        "a container for each",
    )  # fmt: skip
    analysis_deployment: str = Field(
        default="analyze-persona/analyze-persona", description="flow/deployment that reads a persona's style"
    )
    notification_blocks: str = Field(
        default="mail", pattern=r"^[a-z0-9-]+(/[a-z0-9-]+)?(,[a-z0-9-]+/[a-z0-9-]+)*$",
        description="How people are told: mail (by CAMPAIGNS_MAIL_URL; without it a file in the home folder), or "
        "blocks such as smtp-mail/campaigns,slack-webhook/approvals",
    )  # fmt: skip
    mail_url: SecretStr = Field(
        default=SecretStr(""),
        description="Mail server, such as smtp://user:password@host:587?from=review@example.com; "
        "python -m deployments.engine.blocks saves it as the block smtp-mail/campaigns",
    )
    webhooks: SecretStr = Field(
        default=SecretStr(""),
        description="Where approved posts go, as JSON: an object of tenants, each with url and secret (whsec_…)",
    )
    operator_name: str = Field(
        default="Campaign team", description="Who hears of results, of time-outs, and of what came too late"
    )
    operator_email: str = Field(default="operator@localhost.localdomain", description="The address of the above")
    metrics: Literal["none", "emf"] = Field(
        default="none", description="emf prints CloudWatch's Embedded Metric Format on standard output"
    )
    metrics_by_tenant: bool = Field(
        default=False, description="Whether metrics by EMF and OTLP have a dimension TenantId: some 60 series a tenant"
    )
    otlp_endpoint: HttpAddress = Field(
        default="", description="Where metrics and traces go by OTLP over HTTP, such as http://collector:4318; "
        "headers by OTEL_EXPORTER_OTLP_HEADERS",
    )  # fmt: skip
    logs: Literal["json", "text"] = Field(
        default="json", description="How log lines are written by API, flow runs and housekeeping: one JSON object a "
        "line, or text for people",
    )  # fmt: skip
    alert_blocks: str = Field(
        default="", pattern=r"^([a-z0-9-]+/[a-z0-9-]+(,[a-z0-9-]+/[a-z0-9-]+)*)?$",
        description="Prefect notification blocks that hear of alerts, such as slack-webhook/operators",
    )  # fmt: skip
    writer_limit: int = Field(
        default=20, ge=1, le=1000,
        description="Posts written at once over all runs and tenants; fewer while the model throttles",
    )  # fmt: skip
    tenant_backlog: int = Field(
        default=100, ge=1, le=100_000,
        description="Campaigns of one tenant that are built or wait for it: POST /campaigns answers 429 beyond",
    )  # fmt: skip
    backlog: int = Field(
        default=1000, ge=1, le=1_000_000,
        description="Campaigns of all tenants that are built or wait for it: POST /campaigns answers 503 beyond",
    )  # fmt: skip
    most_posts: int = Field(
        default=MAX_POSTS, ge=1, le=MOST_POSTS_EVER,
        description=f"Posts of one campaign, at most; up to {MOST_POSTS_EVER}. API and workers need the same",
    )  # fmt: skip
    sweep_seconds: float = Field(
        default=5, ge=0, le=60, description="How often the API looks for what waits to be delivered; 0: never"
    )
    default_approver_name: str = Field(
        default="Campaign approver", description="Who is asked when a brief names nobody"
    )
    default_approver_email: str = Field(
        default="approver@localhost.localdomain", description="The address of the above"
    )

    @field_validator("checkpoint_keys", "approval_keys", "api_keys", mode="after")
    @classmethod
    def _ring_is_readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            KeyRing.parse(value.get_secret_value())
        return value

    @field_validator("mail_url", mode="after")
    @classmethod
    def _mail_server_is_readable(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            mail_server(value.get_secret_value())
        return value

    @field_validator("webhooks", mode="after")
    @classmethod
    def _webhooks_are_readable(cls, value: SecretStr) -> SecretStr:
        webhooks_of(value.get_secret_value())
        return value

    def webhook_of(self, tenant_id: str) -> Webhook | None:
        """Return where the approved posts of a tenant go; None: nowhere."""
        return webhooks_of(self.webhooks.get_secret_value()).get(tenant_id)

    @model_validator(mode="after")
    def _one_key_one_purpose(self) -> Self:
        rings = [ring for ring in (self.checkpoint_keys, self.approval_keys, self.api_keys) if ring is not None]
        secrets = [key.secret for ring in rings for key in KeyRing.parse(ring.get_secret_value()).keys.values()]
        if len(set(secrets)) != len(secrets):
            raise ValueError("a key serves one purpose: the rings must not share keys")
        return self

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Self:
        named = (self.oidc_issuer, self.oidc_audience, self.oidc_jwks_url)
        if any(named) and not all(named):
            raise ValueError("an OpenID provider needs CAMPAIGNS_OIDC_ISSUER, _AUDIENCE and _JWKS_URL together")
        return self

    def api_hosts(self) -> frozenset[str]:
        """Return the host names under which the API answers, without ports."""
        given = filter(None, self.allowed_hosts.split(","))
        return frozenset({host_of(self.api_base_url), "127.0.0.1", "localhost", *given})

    def web_origins(self) -> list[str]:
        """Return the origins whose pages may call the API."""
        return list(filter(None, self.allowed_origins.split(",")))

    def run_start(self, work_pool: str | None) -> float:
        """Return how many seconds a run of this work pool may take to start."""
        usual, *named = self.run_start_seconds.split(",")
        return float(dict(each.rsplit("=", 1) for each in named).get(work_pool or "", usual))

    def tenants_of_forms(self) -> list[str]:
        """Return the tenants whose names Prefect's forms offer: of a worker that is bound to one, that one."""
        return [self.tenant] if self.tenant else [each for each in self.form_tenants.split(",") if each]

    def default_approver(self) -> Approver:
        """Return who is asked when a brief names nobody."""
        return Approver(name=self.default_approver_name, email=self.default_approver_email)

    def channels(self) -> list[str]:
        """Return the names of the channels by which people are told: `mail` is a file, all others are blocks."""
        mail = MAIL_BLOCK if self.mail_url.get_secret_value() else MAIL_FILE
        return list(dict.fromkeys(mail if name == MAIL_FILE else name for name in self.notification_blocks.split(",")))

    def tells_nobody(self) -> bool:
        """Whether what people are told only becomes files, although they are elsewhere."""
        return self.channels() == [MAIL_FILE] and urlsplit(self.api_base_url).hostname not in _THIS_MACHINE

    def operator(self) -> Mailbox:
        """Return who runs the campaigns."""
        found = mailbox(self.operator_name, self.operator_email)
        return found or Mailbox(self.operator_name, "operator@localhost.localdomain")

    def store_location(self) -> str:
        return self.store_url or f"sqlite:///{self.home.resolve()}/store.db"

    def checkpoints_location(self) -> str:
        return self.checkpoints_url or f"file://{self.home.resolve()}/checkpoints"

    def assets_location(self) -> str:
        return self.assets_url or f"file://{self.home.resolve()}/assets"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
