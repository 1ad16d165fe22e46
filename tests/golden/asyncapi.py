"""The AsyncAPI 3.0 document of the shop's events, made from their types: `docs/asyncapi.json`."""

import json
from pathlib import Path
from typing import Any, Final

from shared.events.event import EVENT_DATA, TOPIC, EventType

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "asyncapi.json"
_DEFINITIONS: Final = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """The document, as it is to be."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of the saga shop",
            "version": "1.0.0",
            "description": (
                "Every event is a CloudEvent 1.0 in structured JSON. It is delivered at least once: consumers "
                "deduplicate by its id, and keep the order of a source's events about a subject by its sequence."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "events": {
                "address": TOPIC,
                "description": "All events, through the Dapr pub/sub component, whatever broker stands behind it.",
                "messages": {kind.value: {"$ref": f"#/components/messages/{kind.value}"} for kind in EventType},
            }
        },
        "operations": {
            "receiveEvents": {
                "action": "receive",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": f"#/channels/events/messages/{_pointer(kind)}"} for kind in EventType],
            }
        },
        "components": {
            "messages": {kind.value: _message(kind) for kind in EventType},
            "schemas": _schemas(),
        },
    }


def text_of(value: dict[str, Any]) -> str:
    """As it stands in the file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _message(kind: EventType) -> dict[str, Any]:
    model = EVENT_DATA[kind]
    return {
        "name": kind.value,
        "title": kind.value,
        "summary": (model.__doc__ or "").strip(),
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": kind.value},
                        "data": {"$ref": f"#/components/schemas/{model.__name__}"},
                    },
                },
            ]
        },
    }


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {"CloudEvent": _envelope()}
    for model in dict.fromkeys(EVENT_DATA.values()):
        schema = model.model_json_schema(ref_template=_DEFINITIONS)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return dict(sorted(schemas.items()))


def _envelope() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "The envelope (https://cloudevents.io).",
        "required": ["specversion", "id", "source", "type", "subject", "time", "sequence", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**text, "description": "The same at every delivery of the event."},
            "source": {**text, "description": "The app that the event is about, such as /order-service."},
            "type": text,
            "subject": {**text, "description": "The id of the order."},
            "time": {**text, "format": "date-time"},
            "sequence": {
                **text,
                "pattern": "^[1-9][0-9]*$",
                "description": "Counts the events of the source about the subject, from 1 and without a gap.",
            },
            "datacontenttype": {"const": "application/json"},
            "data": {"type": "object"},
        },
        "additionalProperties": True,
    }


def _pointer(name: str) -> str:
    """A part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
