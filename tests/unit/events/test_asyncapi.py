"""The AsyncAPI document of the events: up to date, whole, and guarded against changes that break a consumer."""

import copy
import json
from typing import Any

import pytest

from shared.events.event import EVENT_DATA, EventType
from tests.golden.asyncapi import DOCUMENT, document, text_of
from tests.golden.compare import breaking_changes
from tests.golden.schemas import schemas_today

pytestmark = pytest.mark.unit


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == text_of(document()), "the events have changed: run make golden"


def test_every_type_of_event_is_a_message() -> None:
    assert {kind.value for kind in EventType} == document()["components"]["messages"].keys()


def test_every_reference_leads_somewhere() -> None:
    whole = document()

    assert [one for one in references(whole) if target(whole, one) is None] == []


@pytest.mark.parametrize("message", sorted({one.__name__ for one in EVENT_DATA.values()}))
def test_an_event_that_an_older_consumer_cannot_read_is_noticed(message: str) -> None:
    """The guard of the wire format covers the data of every event."""
    changed = copy.deepcopy(schemas_today())
    changed[message]["schema"]["properties"].pop("order_id")

    assert breaking_changes(schemas_today(), changed) == [
        f"{message}.order_id was removed, but an older reader requires it."
    ]


def references(value: Any) -> list[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return here + [one for part in value.values() for one in references(part)]
    return [one for part in value for one in references(part)] if isinstance(value, list) else []


def target(whole: dict[str, Any], reference: str) -> object:
    place: Any = json.loads(json.dumps(whole))
    for name in reference.removeprefix("#/").split("/"):
        if name not in place:
            return None
        place = place[name]
    found: object = place
    return found
