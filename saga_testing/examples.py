"""An example of a message, made from its model: what a participant usually answers, where a test says nothing else."""

import types
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON of a message with a value for each field that it needs.

    Raises:
        TypeError: it has a type that is none of a message's.
    """
    made = {name: _value(field.annotation, name) for name, field in model.model_fields.items() if field.is_required()}
    return model.model_validate(made).model_dump(mode="json", include=set(made))


def _value(kind: Any, name: str) -> object:  # noqa: ANN401 - whatever annotates a field
    if get_origin(kind) in {Union, types.UnionType}:
        kind = get_args(kind)[0]
    if get_origin(kind) is tuple:
        return (_value(get_args(kind)[0], name),)
    if kind in {str, int, float, bool}:
        return {str: f"{name}-1", int: 1, float: 0.25, bool: True}[kind]
    if kind is datetime:
        return MOMENT
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return example_of(kind)
    raise TypeError(f"{name}: {kind} has no example")
