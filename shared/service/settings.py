"""What every service reads from its environment, once, at start."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.database_url import usable_url

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


class ShopMode(StrEnum):
    """What the services allow: `production` refuses fault plans, `demo` and `test` take them, and carry faults out."""

    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"

    @property
    def allows_faults(self) -> bool:
        return self is not ShopMode.PRODUCTION


class HttpSettings(BaseSettings):
    """A service with an HTTP surface and a schema of its own."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    service_http_host: str = "127.0.0.1"
    service_http_port: int
    service_database_url: Annotated[str, AfterValidator(usable_url)]
    shop_mode: ShopMode = ShopMode.PRODUCTION


class ServiceSettings(HttpSettings):
    """A service behind a sidecar."""

    dapr_host: str = "127.0.0.1"
    dapr_grpc_port: int
    dapr_http_port: int
    drain_seconds: float = 10.0
    state_folder: Path | None = None
    """Where it notes what is running, for the process after it (`shared.participant.in_flight`)."""
    sidecar_patience_seconds: float = 60.0
    """A sidecar that is up for so long without taking in this service's worker is stopped."""

    @property
    def sidecar_api_url(self) -> str:
        """The sidecar's HTTP API."""
        return f"http://{self.dapr_host}:{self.dapr_http_port}/v1.0"

    @property
    def sidecar_metadata_url(self) -> str:
        """The sidecar's health address."""
        return f"{self.sidecar_api_url}/metadata"


def load(settings_type: type[SettingsT]) -> SettingsT:
    """Read the settings, reporting all problems together.

    Raises:
        SystemExit: with one message that names every variable that is missing or wrong.
    """
    try:
        return settings_type()
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(map(str, problem['loc'])).upper()}: {problem['msg']}" for problem in error.errors()
        )
        raise SystemExit(f"These environment variables are missing or wrong:\n{problems}") from error
