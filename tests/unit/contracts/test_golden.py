"""The wire format is guarded: no change slips in that a participant of another version couldn't take."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.events.event import EVENT_DATA
from shared.shop.registry import SHOP
from tests.golden.__main__ import update
from tests.golden.compare import breaking_changes
from tests.golden.schemas import schemas_golden, schemas_today

pytestmark = pytest.mark.unit

Change = Callable[[dict[str, Any]], object]


def test_the_golden_file_is_up_to_date() -> None:
    """What a reviewer sees in the golden file is what crosses the wire."""
    assert schemas_today() == schemas_golden(), "the messages have changed: run python -m tests.golden"


def test_no_message_breaks_participants_of_another_version() -> None:
    """A deployment meets orders of the version before."""
    assert breaking_changes(schemas_golden(), schemas_today()) == []


def test_every_message_of_the_table_is_guarded() -> None:
    """A new contract's messages are in the golden file as well, with the envelope around them."""
    names = {message.__name__ for one in SHOP.contracts for message in (one.request, one.response)}
    names |= {message.__name__ for one in SHOP.children for message in (one.request, one.response)}
    envelopes = {"ActivityCall", "ActivityReply", "PlacedOrder", "RecoverOrder", "RepairDecision", "AcceptedTask"}

    events = {"CloudEvent", "DeadLetter", *(message.__name__ for message in EVENT_DATA.values())}

    assert names | envelopes | events == schemas_golden().keys()


def versions(change: Change, *, direction: str = "request") -> tuple[dict[str, Any], dict[str, Any]]:
    schema: dict[str, Any] = {
        "$defs": {
            "Color": {"type": "string", "enum": ["red", "green"]},
            "Part": {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]},
        },
        "type": "object",
        "properties": {
            "id": {"type": "string", "minLength": 1, "maxLength": 9},
            "count": {"type": "integer", "default": 1, "minimum": 1, "maximum": 10},
            "color": {"$ref": "#/$defs/Color"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "maxItems": 5},
            "spare": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}], "default": None},
        },
        "required": ["id", "color", "parts"],
    }
    old: dict[str, Any] = {"Thing": {"direction": direction, "schema": schema}}
    new = copy.deepcopy(old)
    change(new["Thing"]["schema"])
    return old, new


BREAKING: dict[str, tuple[Change, str]] = {
    "a required field is gone": (lambda s: s["properties"].pop("id"), "Thing.id was removed"),
    "a new field is required": (
        lambda s: (s["properties"].update(extra={"type": "string"}), s["required"].append("extra")),
        "Thing.extra is new and required",
    ),
    "an optional field became required": (lambda s: s["required"].append("count"), "Thing.count became required"),
    "a required field became optional": (lambda s: s["required"].remove("id"), "Thing.id became optional"),
    "another default": (lambda s: s["properties"]["count"].update(default=2), "Thing.count changed its default"),
    "another type": (
        lambda s: s["properties"]["count"].update(type="string"),
        "Thing.count changed its type from integer to string",
    ),
    "an array of something else": (
        lambda s: s["properties"]["parts"].update(items={"type": "string"}),
        "Thing.parts[] changed its type from object to string",
    ),
    "a value is gone": (lambda s: s["$defs"]["Color"].update(enum=["red"]), "Thing.color no longer takes 'green'"),
    "any value became some": (
        lambda s: s["properties"]["id"].update(enum=["a"]),
        "Thing.id took any value and now only 'a'",
    ),
    "some values became any": (lambda s: s["$defs"]["Color"].pop("enum"), "Thing.color took only 'red', 'green'"),
    "a higher minimum": (lambda s: s["properties"]["count"].update(minimum=2), "tighter minimum: 1 became 2"),
    "a lower maximum": (lambda s: s["properties"]["count"].update(maximum=9), "tighter maximum: 10 became 9"),
    "a new bound": (lambda s: s["properties"]["count"].update(exclusiveMaximum=9), "exclusiveMaximum: none became 9"),
    "a longer minimum length": (lambda s: s["properties"]["id"].update(minLength=2), "tighter minLength"),
    "a shorter maximum length": (lambda s: s["properties"]["id"].update(maxLength=8), "tighter maxLength"),
    "fewer items": (lambda s: s["properties"]["parts"].update(maxItems=4), "Thing.parts has a tighter maxItems"),
    "a pattern": (lambda s: s["properties"]["id"].update(pattern="a+"), "Thing.id changed its pattern"),
    "a field of a part is gone": (
        lambda s: s["$defs"]["Part"]["properties"].pop("size"),
        "Thing.parts[].size was removed",
    ),
    "null is no longer taken": (
        lambda s: s["properties"].update(spare={"$ref": "#/$defs/Part", "default": None}),
        "Thing.spare can no longer be null",
    ),
    "null is now taken": (
        lambda s: s["properties"].update(
            id={"anyOf": [{"type": "string", "minLength": 1, "maxLength": 9}, {"type": "null"}]}
        ),
        "Thing.id can now be null",
    ),
    "unknown fields are turned away": (
        lambda s: s.update(additionalProperties=False),
        "Thing now turns away unknown fields",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), BREAKING.values(), ids=BREAKING.keys())
def test_a_breaking_change_is_named(change: Change, sentence: str) -> None:
    """The sentence says which field of which message breaks whom."""
    sentences = breaking_changes(*versions(change))

    assert [sentence in one for one in sentences] == [True]


COMPATIBLE: dict[str, Change] = {
    "nothing": lambda _: None,
    "a new optional field": lambda s: s["properties"].update(extra={"type": "string", "default": ""}),
    "an optional field is gone": lambda s: s["properties"].pop("count"),
    "a lower minimum": lambda s: s["properties"]["count"].update(minimum=0),
    "no maximum": lambda s: s["properties"]["count"].pop("maximum"),
    "one more value in a request": lambda s: s["$defs"]["Color"]["enum"].append("blue"),
    "the fields in another order": lambda s: s.update(properties=dict(reversed(s["properties"].items()))),
}


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_a_compatible_change_is_let_through(change: Change) -> None:
    """The guard must not cry wolf."""
    assert breaking_changes(*versions(change)) == []


def test_one_more_value_in_a_reply_breaks_older_sagas() -> None:
    """A participant may be newer than a saga that still runs."""
    old, new = versions(lambda s: s["$defs"]["Color"]["enum"].append("blue"), direction="reply")

    assert breaking_changes(old, new) == ["Thing.color may now be 'blue', which an older saga doesn't know."]


def test_a_message_that_is_gone_is_named() -> None:
    """Old orders still send it."""
    old, _ = versions(lambda _: None)

    assert breaking_changes(old, {}) == ["Thing was removed: whoever still sends or expects it fails."]


def test_a_new_message_breaks_nobody() -> None:
    """Nobody has sent it yet."""
    _, new = versions(lambda _: None)

    assert breaking_changes({}, new) == []


@pytest.mark.parametrize("change", [lambda s: s.update(additionalProperties=False)])
def test_a_closed_message_takes_no_new_field(change: Change) -> None:
    """Where unknown fields are turned away, even an optional field breaks an older reader."""
    closed, _ = versions(lambda _: None)
    change(closed["Thing"]["schema"])
    new = copy.deepcopy(closed)
    new["Thing"]["schema"]["properties"]["extra"] = {"type": "string", "default": ""}

    assert ["Thing.extra is new" in one for one in breaking_changes(closed, new)] == [True]


def test_a_message_that_contains_itself_is_compared() -> None:
    """A recursive message ends the comparison as any other does."""
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}}, "required": []}
    schema = {"$defs": {"Tree": tree}, "$ref": "#/$defs/Tree"}
    message = {"Tree": {"direction": "request", "schema": schema}}

    assert breaking_changes(message, copy.deepcopy(message)) == []


def test_a_compatible_change_is_written(tmp_path: Path) -> None:
    """`python -m tests.golden` brings the file up to date."""
    golden = tmp_path / "messages.json"
    old, new = versions(COMPATIBLE["a new optional field"])

    assert update(golden, old, new) == []
    assert json.loads(golden.read_text(encoding="utf-8")) == new


def test_a_breaking_change_is_not_written(tmp_path: Path) -> None:
    """`python -m tests.golden` refuses, with the sentences."""
    golden = tmp_path / "messages.json"

    assert update(golden, *versions(BREAKING["another type"][0])) != []
    assert not golden.exists()
