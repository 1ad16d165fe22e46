"""What the JSON bodies of several services have in common, those of requests and those of answers."""

from datetime import UTC, datetime
from typing import Annotated, Final, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from shared.web.text import is_visible, refused_character


def _printable(text: str) -> str:
    """Postgres takes no NUL, and no label printer a line feed: better a sentence now than a step that fails later."""
    character = refused_character(text)
    if character is not None:
        raise ValueError(f"must have printable characters only, not {character}: remove it")
    if text and not is_visible(text):
        raise ValueError("must have a character that can be seen")
    return text


Printable = AfterValidator(_printable)
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Printable]
OptionalText = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), Printable] | None,
    AfterValidator(lambda text: text or None),
]
"""Absent, null and empty are the same: forms send all three."""
MAX_UNITS: Final = 10_000
MAX_KEY_LENGTH: Final = 255
"""Of an Idempotency-Key."""
Quantity = Annotated[int, Field(ge=1, le=MAX_UNITS, strict=True)]
Moment = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""Written as ISO 8601 in UTC."""
Age = Annotated[
    float, AfterValidator(lambda seconds: round(max(seconds, 0.0), 3)), Field(json_schema_extra={"minimum": 0})
]
"""Seconds. A row that is younger than its reader's transaction has the age 0."""
ItemT = TypeVar("ItemT", bound=BaseModel)


class Body(BaseModel):
    """A body with an unknown field is turned away, since its sender believes that the field means something."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CustomerBody(Body):
    email: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"),
        Printable,
    ]
    user_id: Text


class LineBody(Body):
    sku: Text
    quantity: Quantity


class View(BaseModel):
    """A document; a reader of another version may know more fields or fewer."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Items(View, Generic[ItemT]):
    """A list."""

    items: list[ItemT]


class Page(Items[ItemT], Generic[ItemT]):
    """A page of a list; `next_cursor` is None on the last one."""

    next_cursor: str | None


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
