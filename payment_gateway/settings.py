"""What the gateway reads from its environment."""

from typing import Annotated

from pydantic import Field

from shared.service.settings import HttpSettings


class GatewaySettings(HttpSettings):
    """The gateway's settings."""

    gateway_slow_seconds: Annotated[float, Field(ge=0, le=600)] = 3.0
    """How late `tok_slow` is answered after its charge is committed."""
