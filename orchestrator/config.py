"""Settings: every knob with its default and its sentence. Read once, at the start, and nowhere below.

`docs/configuration.md` is generated from this class, and a test compares them.
"""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from orchestrator.domain.policy import Policy, Reach, Resubmit

CommaSeparated = Annotated[list[str], NoDecode]


class Settings(BaseSettings):
    """Environment variables, each with the prefix `ORCHESTRATOR_`."""

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_", extra="ignore", env_ignore_empty=True)

    database_url: str = Field(
        "sqlite+aiosqlite:///./data/orchestrator.db",
        description="Where jobs are remembered: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://user@host/name`.",
    )
    storage_url: str = Field(
        "file://./data/assets", description="Where bytes are kept: `file://folder`, or `s3://bucket/prefix`."
    )
    public_url: str = Field(
        "http://127.0.0.1:8080",
        description="How the outside reaches this service: callbacks are asked for under it, and asset links begin "
        "with it. By default this machine, at `PORT`.",
    )
    upstream_url: str = Field("https://api.acedata.cloud", description="The provider's base URL.")
    upstream_token: str = Field("", description="The provider's token.", repr=False)
    secret_key: CommaSeparated = Field(
        default_factory=list,
        description="Signs callback URLs and asset links, comma-separated: the first signs, all verify. Without one, a "
        "random one is made at the first start and kept in the database.",
        repr=False,
    )
    api_keys: CommaSeparated = Field(
        default_factory=list,
        description="API keys, comma-separated, each of a consumer of its own. Without any, `serve` makes one at the "
        "first start, prints it once and keeps only its hash.",
        repr=False,
    )
    allow_private_networks: Annotated[list[IPv4Network | IPv6Network], NoDecode] = Field(
        default_factory=list,
        description="Private networks that webhooks and downloads may reach, as comma-separated CIDRs.",
    )
    reconcile_after: float | None = Field(
        None,
        gt=0,
        description="Seconds after a submit until a missing callback is overdue and the provider is asked; by default "
        "each operation has its own time (images: 35 minutes).",
    )
    resubmit: Resubmit = Field(
        Resubmit.WHEN_ABSENT,
        description="What to do with a submit that the provider, asked twice, does not know: `when_absent` submits "
        "again, `never` fails the job.",
    )
    reach: Literal["auto", "callback", "poll"] = Field(
        "auto",
        description="How results come back. `auto`: by callback, or by asking where `PUBLIC_URL` is an address that "
        "the provider cannot reach.",
    )
    lease: float = Field(
        60.0, ge=1, le=60, description="Seconds until the work of a process that died is taken up by another."
    )
    host: str = Field("127.0.0.1", description="The address that `serve` listens on.")
    port: int = Field(8080, ge=0, le=65535, description="The port that `serve` listens on.")
    log_format: Literal["console", "json"] = Field("console", description="How logs are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    database_pool: int = Field(10, ge=2, description="Connections to PostgreSQL, a process.")
    max_callback_bytes: int = Field(64 << 20, ge=1024, description="The largest callback body that is taken, in bytes.")
    max_request_bytes: int = Field(64 << 20, ge=1024, description="The largest JSON request that is taken, in bytes.")
    max_asset_bytes: int = Field(512 << 20, ge=1024, description="The largest media file that is stored, in bytes.")
    webhook_timeout: float = Field(15.0, gt=0, le=30, description="Seconds that one webhook attempt may take.")
    link_ttl: float = Field(7 * 86400.0, ge=3600, description="Seconds that signed asset links are valid.")
    retain_jobs: float | None = Field(
        None, gt=0, description="Seconds that finished jobs and their assets are kept; by default for ever."
    )

    @field_validator("secret_key", "api_keys", "allow_private_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]

    @field_validator("allow_private_networks", mode="after")
    @classmethod
    def _networks(cls, value: list[IPv4Network | IPv6Network]) -> list[IPv4Network | IPv6Network]:
        return [ip_network(each) for each in value]

    @model_validator(mode="after")
    def _urls(self) -> Self:
        if "public_url" not in self.model_fields_set:
            self.public_url = f"http://127.0.0.1:{self.port}"
        for name in ("public_url", "upstream_url"):
            parts = urlsplit(getattr(self, name))
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError(f"{name.upper()} must be an http or https URL, not {getattr(self, name)!r}.")
        return self

    @property
    def provider_name(self) -> str:
        """What the provider is called in jobs: by its host."""
        host = urlsplit(self.upstream_url).hostname or ""
        for domain, name in (("acedata.cloud", "acedata"), ("xhuoapi.ai", "xhuo")):
            if host == domain or host.endswith(f".{domain}"):
                return name
        return "sandbox" if _is_private(host) else "upstream"

    def to_policy(self) -> Policy:
        """The numbers that verbs obey."""
        return Policy(
            public_url=self.public_url.rstrip("/"),
            reach=self._reach(),
            resubmit=self.resubmit,
            lease=timedelta(seconds=self.lease),
            webhook_timeout=timedelta(seconds=self.webhook_timeout),
            link_ttl=timedelta(seconds=self.link_ttl),
            max_callback_bytes=self.max_callback_bytes,
            max_request_bytes=self.max_request_bytes,
            max_asset_bytes=self.max_asset_bytes,
            reconcile_after=_duration(self.reconcile_after),
            retain_jobs=_duration(self.retain_jobs),
        )

    def _reach(self) -> Reach:
        if self.reach != "auto":
            return Reach(self.reach)
        # A provider out there cannot call an address that only this machine or this network knows.
        unreachable = _is_private(urlsplit(self.public_url).hostname or "")
        outside = not _is_private(urlsplit(self.upstream_url).hostname or "")
        return Reach.POLL if unreachable and outside else Reach.CALLBACK


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host
    return not address.is_global
