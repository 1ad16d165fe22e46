"""Today's JSON schemas of everything that crosses the wire."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from shared.contracts.call import ActivityCall, ActivityReply
from shared.contracts.message import Message
from shared.contracts.repair import RepairDecision
from shared.events.dead_letters import DeadLetter
from shared.events.event import EVENT_DATA, CloudEvent
from shared.shop.order import PlacedOrder, RecoverOrder
from shared.shop.registry import SHOP
from shared.shop.task import AcceptedTask

GOLDEN: Final = Path(__file__).parent / "messages.json"

Schemas = dict[str, dict[str, Any]]


class Direction(StrEnum):
    """Who reads a message, which decides what breaks it."""

    REQUEST = "request"
    """The participant, perhaps an older one."""
    REPLY = "reply"
    """The saga, perhaps an older one."""


def schemas_today() -> Schemas:
    """By name: the direction and the schema of every message."""
    requests: list[type[Message]] = [ActivityCall, AcceptedTask, PlacedOrder, RecoverOrder, RepairDecision]
    # A consumer of events may be older than their producer: they are guarded as replies are, in both directions.
    replies: list[type[Message]] = [ActivityReply, CloudEvent, DeadLetter, *EVENT_DATA.values()]
    for contract in SHOP.contracts:
        requests.append(contract.request)
        replies.append(contract.response)
    for child in SHOP.children:
        requests.append(child.request)
        replies.append(child.response)
    schemas = {message.__name__: _entry(message, Direction.REQUEST) for message in requests}
    schemas |= {message.__name__: _entry(message, Direction.REPLY) for message in replies}
    return dict(sorted(schemas.items()))


def schemas_golden() -> Schemas:
    """As they were when the golden file was written; none if there is no file."""
    if not GOLDEN.exists():
        return {}
    schemas: Schemas = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return schemas


def _entry(message: type[Message], direction: Direction) -> dict[str, Any]:
    return {"direction": direction.value, "schema": _without_prose(message.model_json_schema())}


def _without_prose(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """Without titles and descriptions, which no participant reads; a field may still be called so."""
    if isinstance(schema, list):
        return [_without_prose(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    cleaned = {}
    for key, value in schema.items():
        if key in {"properties", "$defs"}:
            cleaned[key] = {name: _without_prose(one) for name, one in value.items()}
        elif key not in {"title", "description"}:
            cleaned[key] = _without_prose(value)
    return cleaned
