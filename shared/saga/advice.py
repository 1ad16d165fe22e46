"""What a saga is told by those whom it only asks."""

from dataclasses import dataclass
from typing import Generic

from shared.contracts.contract import ResponseT


@dataclass(frozen=True, slots=True)
class Advice(Generic[ResponseT]):
    """The answer to a question that the saga can do without; None, and why, if there was none."""

    answer: ResponseT | None
    why_none: str = ""
