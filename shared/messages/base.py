"""What every message has in common."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """An immutable message; unknown fields are ignored, so that an old participant can read a newer one."""

    model_config = ConfigDict(frozen=True, extra="ignore")
