"""Settings: read once, at the start of a process, from ``MLRELEASE_…`` environment variables or a ``.env`` file."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import Misconfigured, Mistake


class Settings(BaseSettings):
    """Everything a team can set. The defaults run the whole thing on one machine, over SQLite and the emulator."""

    model_config = SettingsConfigDict(env_prefix="MLRELEASE_", env_file=".env", extra="ignore", frozen=True)

    data: Path = Field(default=Path(".mlrelease"), description="folder for everything local: database, caches, logs")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in the data folder")
    database_busy_seconds: float = Field(
        default=30.0, gt=0, description="that the API waits for a lock another process holds, before it answers 503"
    )
    azure: Literal["local", "azure"] = Field(default="local", description="local: `up` starts the emulator")

    host: str = Field(default="127.0.0.1", description="where the API listens")
    port: int = Field(default=8400, ge=0, le=65535, description="where the API listens")
    behind_proxy: bool = Field(
        default=False,
        description="serve beyond loopback, although callers name themselves: only where a proxy authenticates them",
    )
    ready_file: Path | None = Field(default=None, description="a worker writes it once it takes work")
    emulator_port: int = Field(default=8443, ge=0, le=65535, description="of `up`; 0: a free one")

    subscription: str = Field(
        default="",
        validation_alias=AliasChoices("MLRELEASE_SUBSCRIPTION", "AZURE_SUBSCRIPTION_ID"),
        description="the subscription of stages that name none",
    )
    key_vault_url: str = Field(
        default="https://{vault}.vault.azure.net",
        validation_alias=AliasChoices("MLRELEASE_KEY_VAULT_URL", "KEY_VAULT_URL_TEMPLATE"),
        description="how a vault's name becomes its address",
    )

    read_seconds: float = Field(default=60.0, gt=0, description="for Azure to answer a request")
    retry_tries: int = Field(default=8, ge=1, description="how often a step is begun that Azure fails for a moment")
    retry_first_seconds: float = Field(default=1.0, gt=0, description="before the second try; doubles from try to try")
    retry_longest_seconds: float = Field(
        default=60.0, gt=0, description="between two tries, unless Azure asks for more"
    )
    poll_seconds: float = Field(default=5.0, gt=0, description="between two looks at a running Azure operation")
    job_poll_seconds: float = Field(default=15.0, gt=0, description="between two looks at a running training job")
    queue_poll_seconds: float = Field(default=0.25, gt=0, description="between two looks at the work queue")
    worker_rollouts: int = Field(default=20, ge=1, description="rollouts that one worker carries at once")
    lease_seconds: float = Field(
        default=15.0, ge=1, description="after which a silent worker's rollouts go on elsewhere"
    )
    stop_seconds: float = Field(default=10.0, gt=0, description="for a worker to reach a safe point when stopped")
    log_format: Literal["console", "json"] = Field(
        default="console", description="for people, or a JSON document a line"
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

    @cached_property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{(self.data / 'mlrelease.db').resolve()}"

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")


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
