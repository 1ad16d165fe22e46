"""The few things about the local stack that a user can move, all by environment variables."""

from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from devstack.errors import SettingsError
from shared.contracts.app import Registry
from shared.database_url import usable_url
from shared.service.settings import ShopMode

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# Linux hands out ports from 32768 up to clients; a server that wants one of those loses it now and then.
FIRST_EPHEMERAL_PORT = 32768
# A stack takes so many ports for itself, and then so many for each app of its registry.
FIRST_APP_OFFSET = 20
PORTS_PER_APP = 20
THE_SHOP = "shared.shop.registry:SHOP"

# These hold passwords, which must not end up on a screen.
SECRETS = frozenset({"DATABASE_URL", "NATS_URL", "SMTP_URL", "PUSH_WEBHOOK_SECRET"})

# The longest role name is "<database>_task_orchestrator_service"; Postgres cuts names at 63 bytes.
LONGEST_DATABASE_NAME = 37


class NetworkKind(StrEnum):
    """On which hosts the apps live: all on this one, or each on one of its own that can be cut off from the others."""

    LOOPBACK = "loopback"
    NAMESPACES = "namespaces"


class StackSettings(BaseSettings):
    """Where the stack keeps its state, which ports it takes, and whose database and binaries it uses."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(default=PROJECT_ROOT / ".shop", validation_alias="SHOP_HOME")
    api_port: int = Field(default=8080, ge=1, lt=FIRST_EPHEMERAL_PORT, validation_alias="SHOP_API_PORT")
    base_port: int = Field(default=21000, ge=1024, validation_alias="SHOP_BASE_PORT")
    registry_name: str = Field(default=THE_SHOP, validation_alias="SHOP_REGISTRY")
    mode: ShopMode = Field(default=ShopMode.PRODUCTION, validation_alias="SHOP_MODE")
    network: NetworkKind = Field(default=NetworkKind.LOOPBACK, validation_alias="SHOP_NETWORK")
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    dapr_bin_dir: Path | None = Field(default=None, validation_alias="DAPR_BIN_DIR")
    nats_server: Path | None = Field(default=None, validation_alias="NATS_SERVER")
    nats_url: SecretStr | None = Field(default=None, validation_alias="NATS_URL")
    # Where notifications go instead of into the mailbox; read by the notification-service, which checks them.
    smtp_url: SecretStr | None = Field(default=None, validation_alias="SMTP_URL")
    push_webhook_url: str | None = Field(default=None, validation_alias="PUSH_WEBHOOK_URL")
    push_webhook_secret: SecretStr | None = Field(default=None, validation_alias="PUSH_WEBHOOK_SECRET")

    @field_validator("home", "dapr_bin_dir", "nats_server")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("database_url")
    @classmethod
    def _postgres_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme, separator, rest = value.partition("://")
        if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
            raise ValueError("must look like postgresql://user:password@host:5432/shop")
        name = unquote(urlsplit(f"postgresql://{rest}").path.removeprefix("/"))
        if not name or name in {"postgres", "template0", "template1"}:
            raise ValueError(
                "must end with the name of a database of the shop's own (such as .../shop); "
                "it is created when it is missing"
            )
        if len(name.encode()) > LONGEST_DATABASE_NAME:
            raise ValueError(f"must name a database of at most {LONGEST_DATABASE_NAME} bytes")
        return usable_url(f"postgresql://{rest}")

    @field_validator("registry_name")
    @classmethod
    def _names_a_registry(cls, value: str) -> str:
        try:
            found = isinstance(_registry(value), Registry)
        except (ImportError, AttributeError, ValueError):
            found = False
        if not found:
            raise ValueError(f"must name a registry of apps, such as {THE_SHOP}")
        return value

    @model_validator(mode="after")
    def _ports_are_apart(self) -> Self:
        size = port_block_size(self.registry)
        if self.base_port > FIRST_EPHEMERAL_PORT - size:
            raise ValueError(
                f"SHOP_BASE_PORT={self.base_port}: should be less than or equal to {FIRST_EPHEMERAL_PORT - size}"
            )
        if self.base_port <= self.api_port < self.base_port + size:
            raise ValueError(
                f"SHOP_API_PORT={self.api_port} lies inside the {size} ports that start at "
                f"SHOP_BASE_PORT={self.base_port}; move one of them"
            )
        return self

    @field_validator("smtp_url")
    @classmethod
    def _smtp_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("smtp://", "smtps://")):
            raise ValueError("must look like smtp://user:password@mail.example.com:587")
        return value

    @field_validator("nats_url")
    @classmethod
    def _nats_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        servers = [] if value is None else value.get_secret_value().split(",")
        for server in servers:
            if urlsplit(server).scheme not in {"nats", "tls"} or not _has_place(server):
                raise ValueError("must look like nats://user:password@host:4222 (or several, with commas between)")
        return value

    @model_validator(mode="after")
    def _pushes_are_signed(self) -> Self:
        if self.push_webhook_url is not None and self.push_webhook_secret is None:
            raise ValueError(
                "PUSH_WEBHOOK_URL needs PUSH_WEBHOOK_SECRET, with which its receiver tells our messages from others"
            )
        return self

    @model_validator(mode="after")
    def _hosts_reach_the_database(self) -> Self:
        if self.network is not NetworkKind.LOOPBACK and self.database_url is not None:
            raise ValueError(
                f"SHOP_NETWORK={self.network.value} needs the embedded Postgres, which stands on the stack's own "
                "network; unset DATABASE_URL, or SHOP_NETWORK"
            )
        return self

    @property
    def registry(self) -> Registry:
        """The apps that make up the stack."""
        return _registry(self.registry_name)

    @property
    def logs(self) -> Path:
        """The folder with one log file per process."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """The folder of what exists only while the stack runs."""
        return self.home / "run"

    @property
    def state_file(self) -> Path:
        """Which processes run, and how to talk to their supervisor."""
        return self.run / "state.json"

    @property
    def api_url(self) -> str:
        """Where the shop answers."""
        return f"http://127.0.0.1:{self.api_port}"

    def environment(self) -> dict[str, str]:
        """The variables that make another process of the stack read these same settings."""
        variables = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is not None:
                shown = value.get_secret_value() if isinstance(value, SecretStr) else value
                variables[str(field.validation_alias)] = str(shown)
        return variables


def port_block_size(registry: Registry) -> int:
    """How many ports in a row a stack of these apps takes, beside that of its API."""
    return FIRST_APP_OFFSET + PORTS_PER_APP * len(registry.app_ids)


@cache
def _registry(name: str) -> Registry:
    module, _, attribute = name.partition(":")
    registry: Registry = getattr(import_module(module), attribute)
    return registry


def _has_place(url: str) -> bool:
    """Whether it names a host, and no port that is none."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def load_settings(**overrides: Any) -> StackSettings:  # noqa: ANN401 - pydantic checks each value
    """Read the settings once; every problem is reported in one message."""
    # By variable, not by field: a field's name would be read from the environment too, and HOME is another thing.
    fields = StackSettings.model_fields
    try:
        return StackSettings(**{str(fields[name].validation_alias): value for name, value in overrides.items()})
    except ValidationError as problems:
        lines = [_sentence(dict(problem)) for problem in problems.errors()]
        raise SettingsError("the settings can't be used:\n  " + "\n  ".join(lines)) from None


def _sentence(problem: dict[str, Any]) -> str:
    reason = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return reason
    name = str(problem["loc"][0])
    shown = "" if name in SECRETS else f"={problem['input']}"
    return f"{name}{shown}: {reason[0].lower()}{reason[1:]}"
