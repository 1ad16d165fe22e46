"""What every message has in common."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Message(BaseModel):
    """An immutable message; unknown fields are ignored, so that an old participant can read a newer one."""

    # Errors end up in logs, and inputs are customers' data.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def problems_in(error: ValidationError, whole: str = "all of it") -> str:
    """What is wrong with which fields, without their values: those may be a customer's. `whole` names no field."""
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or whole}: {one['msg']}" for one in error.errors())
