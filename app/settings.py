"""Settings: read once, at the start of a process, from ``MLRELEASE_…`` environment variables or a ``.env`` file."""

import ipaddress
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import Misconfigured, Mistake

SIGNING_KEY_LENGTH = 32  # characters, at least


class Settings(BaseSettings):
    """Everything a team can set. The defaults run the whole thing on one machine, over SQLite and the emulator."""

    model_config = SettingsConfigDict(env_prefix="MLRELEASE_", env_file=".env", extra="ignore", frozen=True)

    data: Path = Field(default=Path(".mlrelease"), description="folder for everything local: database, caches, logs")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in the data folder")
    database_login: Literal["password", "entra"] = Field(
        default="password",
        description="password: the URL's; entra: a token of this process's identity in Azure, for the user that the URL names (PostgreSQL)",
    )
    database_role: str = Field(
        default="",
        description="PostgreSQL role that `migrate` lets read and write the tables, for API and workers that are members of it; empty: "
        "they log in as the tables' owner",
    )
    database_busy_seconds: float = Field(
        default=5.0, gt=0, description="how long the API waits for another process's lock before it answers 503"
    )
    azure: Literal["local", "azure"] = Field(default="local", description="local: `up` starts the emulator")

    host: str = Field(default="127.0.0.1", description="where the API listens")
    port: int = Field(default=8400, ge=0, le=65535, description="where the API listens")
    public_url: str = Field(
        default="", description="the public address, as https://HOST; empty: the loopback address on which it listens"
    )
    behind_proxy: bool = Field(
        default=False,
        description="a proxy forwards requests from elsewhere: never with the development login",
    )
    access: Path | None = Field(
        default=None, description="access.yml: who has access and what they may do; without it only API tokens"
    )
    guardrails: Path | None = Field(
        default=None, description="guardrails.yml: the platform's rules for all definitions; without it there are none"
    )
    development_login: bool = Field(
        default=False,
        description="login by any name, as admin, with the data folder's development-token; on loopback only",
    )
    login_client_secret: SecretStr | None = Field(
        default=None, description="secret; the portal's client secret at the login issuer, if it needs one"
    )
    session_hours: float = Field(default=8.0, gt=0, le=24 * 7, description="until people have to log in again")
    issuer_seconds: float = Field(default=5.0, gt=0, description="timeout for an issuer's keys")
    log_days: float = Field(
        default=30.0, gt=0, description="how long the last log lines of failures are kept, without secrets"
    )
    ready_file: Path | None = Field(default=None, description="a worker writes this file when it is ready")
    emulator_port: int = Field(
        default=8443, ge=0, le=65535, description="the emulator's port of `up`; 0: any free port"
    )

    subscription: str = Field(
        default="",
        validation_alias=AliasChoices("MLRELEASE_SUBSCRIPTION", "AZURE_SUBSCRIPTION_ID"),
        description="the subscription of stages without one",
    )
    key_vault_url: str = Field(
        default="https://{vault}.vault.azure.net",
        validation_alias=AliasChoices("MLRELEASE_KEY_VAULT_URL", "KEY_VAULT_URL_TEMPLATE"),
        description="the address of a Key Vault, from its name",
    )

    read_seconds: float = Field(default=60.0, gt=0, description="timeout of a request to Azure")
    retry_tries: int = Field(default=8, ge=1, description="attempts of a step after transient errors of Azure")
    retry_first_seconds: float = Field(
        default=1.0, gt=0, description="delay before the second attempt; doubles with each attempt"
    )
    retry_longest_seconds: float = Field(
        default=60.0, gt=0, description="longest delay between attempts, unless Azure asks for more"
    )
    poll_seconds: float = Field(default=5.0, gt=0, description="polling interval of a running Azure operation")
    metrics_delay_seconds: float = Field(
        default=180.0, ge=0, description="age from which a minute of Azure Monitor's metrics counts as complete"
    )
    job_poll_seconds: float = Field(default=15.0, gt=0, description="polling interval of a running training job")
    queue_poll_seconds: float = Field(default=0.25, gt=0, description="polling interval of the work queue")
    worker_rollouts: int = Field(default=20, ge=1, description="concurrent rollouts of one worker")
    reconcile_seconds: float = Field(
        default=15.0,
        gt=0,
        description="interval of the search for releases that no worker carries out any more",
    )
    sweep_seconds: float = Field(
        default=3600.0,
        ge=0,
        description="interval of the search for deployments without traffic at each endpoint; 0: none is searched for",
    )
    drift_seconds: float = Field(
        default=900.0,
        ge=0,
        description="interval in which each endpoint is compared with what is on record of it; 0: on demand only",
    )
    lease_seconds: float = Field(
        default=15.0, ge=1, description="after this time another worker takes over from a worker that does not respond"
    )
    stop_seconds: float = Field(default=10.0, gt=0, description="time for a stopping worker to reach a safe point")
    signing_keys: SecretStr = Field(
        default=SecretStr(""),
        description="secret; signs webhooks, links and logins; the newest first, separated by commas; empty with SQLite: created in the data folder",
    )
    provenance_key_file: Path | None = Field(
        default=None,
        description="PEM file of the API: a private ECDSA key (P-256) that signs provenance, and below it keys that did before; without it "
        "with SQLite: created in the data folder",
    )
    notify_poll_seconds: float = Field(default=0.5, gt=0, description="polling interval of the notifier")
    webhook_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(), description="private networks that webhooks may call, separated by commas"
    )
    webhook_http: bool = Field(default=False, description="allow webhooks without TLS")
    slack_url: str = Field(default="https://slack.com/api/", description="Slack's API")
    slack_token: SecretStr = Field(default=SecretStr(""), description="secret; the Slack app's bot token: xoxb-…")
    slack_signing_secret: SecretStr = Field(default=SecretStr(""), description="secret; the Slack app's signing secret")
    slack_channels: dict[str, str] = Field(
        default_factory=dict, description='JSON: channel ids by model, "*" for all others; none: no messages'
    )
    teams_urls: dict[str, SecretStr] = Field(
        default_factory=dict, description='secret; JSON: Teams workflow webhooks by model, "*" for all others'
    )

    github_api: str = Field(default="https://api.github.com", description="GitHub's API; its gates are answered there")
    github_app: str = Field(default="", description="client id of the GitHub app that is a deployment protection rule")
    github_app_key_file: Path | None = Field(
        default=None, description="PEM file of the workers: the GitHub app's private key"
    )
    github_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="secret; the GitHub app's webhook secret; empty: no gates for GitHub"
    )
    github_gates: dict[str, str] = Field(
        default_factory=dict, description='JSON: "MODEL/STAGE" that must serve, by "REPOSITORY_ID/ENVIRONMENT"'
    )
    pipelines_secret: SecretStr = Field(
        default=SecretStr(""),
        description="secret; the password that checks of Azure Pipelines send; empty: no gates for them",
    )
    pipelines_urls: tuple[str, ...] = Field(
        default=(),
        description='JSON: organisations whose checks are answered, as ["https://dev.azure.com/ORGANISATION/"]',
    )

    log_format: Literal["console", "json"] = Field(
        default="console",
        description="console: for people; json: each log line is a JSON document, whoever wrote it. Each request is a line, with its "
        "`X-Request-Id`, and each event; lines of what a worker does for a request have its `traceparent` (W3C Trace Context)",
    )

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: str) -> str:
        if not url:
            return url
        try:
            backend = make_url(url).drivername
        except ArgumentError as broken:
            raise ValueError("is not a database URL") from broken
        if backend not in {"sqlite", "postgresql+psycopg"}:
            raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
        return url

    @field_validator("database_login")
    @classmethod
    def _goes_to_the_server_alone(cls, login: str, info: ValidationInfo) -> str:
        """A token opens whatever its owner may open: it is sent to no server whose certificate was not checked."""
        url = info.data.get("database_url")
        if login == "password" or url is None:  # None: the URL itself is wrong
            return login
        where = make_url(url) if url else None
        if where is None or where.get_backend_name() != "postgresql" or not where.username or where.password:
            raise ValueError(
                "entra needs MLRELEASE_DATABASE_URL as postgresql+psycopg://IDENTITY@HOST/DATABASE, without a password"
            )
        host = where.host or str(where.query.get("host", ""))
        if not (host.startswith("/") or is_loopback(host) or where.query.get("sslmode") == "verify-full"):
            raise ValueError(
                "entra needs sslmode=verify-full in MLRELEASE_DATABASE_URL: a token is sent to no other server"
            )
        return login

    @field_validator("signing_keys")
    @classmethod
    def _are_long(cls, keys: SecretStr) -> SecretStr:
        if any(len(key) < SIGNING_KEY_LENGTH for key in _parts(keys.get_secret_value())):
            raise ValueError(f"each must have {SIGNING_KEY_LENGTH} random characters or more")
        return keys

    @field_validator("webhook_networks", mode="before")
    @classmethod
    def _by_commas(cls, networks: Any) -> Any:
        return _parts(networks) if isinstance(networks, str) else networks

    @field_validator("slack_channels")
    @classmethod
    def _are_channels(cls, channels: dict[str, str]) -> dict[str, str]:
        if any(not (channel.isascii() and channel.isalnum()) for channel in channels.values()):
            raise ValueError("must name channels by their id, such as C0123456789")
        return channels

    @property
    def given_signing_keys(self) -> tuple[str, ...]:
        """The newest first; none when they were not set."""
        return tuple(_parts(self.signing_keys.get_secret_value()))

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, url: str) -> str:
        place = urlsplit(url)
        if url and not (place.scheme in {"http", "https"} and place.hostname and place.path in {"", "/"}):
            raise ValueError("must be an address without a path, as https://HOST")
        if place.scheme == "http" and not is_loopback(place.hostname or ""):
            raise ValueError("must begin with https://: sessions are not sent in the open")
        return url.rstrip("/")

    @cached_property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{(self.data / 'mlrelease.db').resolve()}"

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached under that name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings() -> Settings:
    """The settings of this process. Raises Misconfigured, naming every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as wrong:
        mistakes = [
            Mistake(message=error["msg"], field="MLRELEASE_" + "_".join(map(str, error["loc"])).upper())
            for error in wrong.errors()
        ]
        raise Misconfigured(
            "The settings are wrong: " + "; ".join(map(str, mistakes)) + ".", code="settings_invalid"
        ) from wrong
