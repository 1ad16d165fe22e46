"""An event as its consumer gets it: read and checked, or found unreadable."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from shared.contracts.message import Message, problems_in
from shared.events.event import CloudEvent
from shared.participant.errors import Refused

DataT = TypeVar("DataT", bound=Message)

REPLAY_FOR: Final = "replayfor"
"""CloudEvents extension: the one consumer that a replay is for; the others let it pass."""
REPLAY_OF: Final = "replayof"
"""CloudEvents extension: the id of the event that is replayed. The replay needs one of its own, since a broker may
remember for a while which ids it has had, and drop what it takes for a repeat."""

REASON_LENGTH: Final = 500
NAME_LENGTH: Final = 256
LAST_SEQUENCE: Final = 2**63 - 1
MAX_NESTING: Final = 100
"""No message of the shop comes near it, and what is below it can be written again wherever it was read."""
_TOO_DEEP: Final = f"it is nested deeper than {MAX_NESTING} levels"


class UnreadableEventError(Exception):
    """No retry will make this event readable."""


@dataclass(frozen=True, slots=True)
class Received:
    """One event at its consumer. `id` is that of the event itself, also in a replay."""

    id: str
    source: str
    kind: str
    """The type of the CloudEvent."""
    subject: str
    sequence: int
    data: dict[str, Any]
    is_replay: bool = False

    def read(self, data_type: type[DataT]) -> DataT:
        """The data as a message.

        Raises:
            Refused: it isn't one; the event is dead, since no retry changes that.
        """
        try:
            return data_type.model_validate(self.data)
        except ValidationError as error:
            raise Refused(_sentence(error, "data")) from error


@dataclass(frozen=True, slots=True)
class Envelope:
    """What can be known of any body: enough for a dead letter, and to see whom a replay is for."""

    id: str
    subject: str
    event: dict[str, Any] | None
    text: str
    replay_for: str | None


def open_envelope(body: bytes) -> Envelope:
    """Never fails: a body that is no event gets an id made from its content, the same at each delivery."""
    text = body.decode("utf-8", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        event = parse_json(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        return Envelope(f"unreadable-{hashlib.sha256(body).hexdigest()[:32]}", "", None, text, None)
    given = _name(event, REPLAY_OF) or _name(event, "id")
    name = given or f"unreadable-{hashlib.sha256(body).hexdigest()[:32]}"
    return Envelope(name, _name(event, "subject") or "", event, text, _name(event, REPLAY_FOR))


def read_event(envelope: Envelope) -> Received:
    """The event in the envelope; its data is read by whoever handles it.

    Raises:
        UnreadableEventError: with a sentence that says what is wrong with it.
    """
    try:
        event = CloudEvent.model_validate(envelope.event)
        sequence = int(event.sequence)
    except ValidationError as error:
        raise UnreadableEventError(_sentence(error, "event")) from error
    except ValueError as error:
        raise UnreadableEventError(f"its sequence is no number: {event.sequence!a}"[:REASON_LENGTH]) from error
    for name in ("id", "source", "type", "subject"):
        if _name(envelope.event or {}, name) is None:
            raise UnreadableEventError(f"its {name} is empty, longer than {NAME_LENGTH} characters, or not printable")
    if not 1 <= sequence <= LAST_SEQUENCE:
        raise UnreadableEventError(f"its sequence is {sequence}, but sequences count from 1"[:REASON_LENGTH])
    is_replay = envelope.replay_for is not None
    return Received(envelope.id, event.source, event.type, event.subject, sequence, event.data, is_replay)


def _sentence(error: ValidationError, whole: str) -> str:
    return storable(f"it can't be read: {problems_in(error, whole)}")


def storable(reason: str) -> str:
    """A sentence of bounded length, without what Postgres can't store."""
    return "".join(one if one.isprintable() else " " for one in reason[:REASON_LENGTH])


def _name(event: dict[str, Any], name: str) -> str | None:
    """An attribute that can be stored and used as a key, or None."""
    value = event.get(name)
    fits = isinstance(value, str) and 0 < len(value) <= NAME_LENGTH and value.isprintable()
    return value if fits else None


def parse_json(text: bytes) -> Any:  # noqa: ANN401 - JSON
    """What the text says.

    Raises:
        ValueError: it isn't JSON, or nested deeper than `MAX_NESTING`.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _is_too_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


def _is_too_deep(value: object) -> bool:
    level = _containers([value])
    for _ in range(MAX_NESTING):
        level = _containers(part for one in level for part in (one.values() if isinstance(one, dict) else one))
    return bool(level)


def _containers(values: Iterable[object]) -> list[dict[str, object] | list[object]]:
    return [value for value in values if isinstance(value, dict | list)]
