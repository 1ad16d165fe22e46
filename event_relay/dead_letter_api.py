"""The HTTP surface of the dead letters: look at them, and have one replayed."""

import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Row

from event_relay.dead_letters import DeadLetters, replay_of
from shared.events.dead_letters import NotPublishedError, Publishes
from shared.events.views import DeadLetterView, WholeDeadLetter
from shared.web.bodies import Body, Text
from shared.web.paging import bad_query, cut, read_place
from shared.web.problems import ProblemError, read_json

LIMIT: Final = 200


class ReplayBody(Body):
    """`POST /dead-letters/{id}/replay`. `by`: who wants it."""

    by: Text


def dead_letter_routes(letters: DeadLetters, publisher_to: Callable[[str], Publishes]) -> list[web.RouteDef]:
    """The routes of the dead letters; `publisher_to` makes a publisher to the topic that a letter came from."""

    async def show_all(request: web.Request) -> web.Response:
        shown, last = cut(await letters.list(LIMIT + 1, _before(request.query.get("cursor"))), LIMIT)
        following = None if last is None else f"{last.died_at.isoformat()}/{last.dead_letter_id}"
        return web.json_response({"items": [_shown(row) for row in shown], "next_cursor": following})

    async def show_one(request: web.Request) -> web.Response:
        return web.json_response(_shown(await _letter(letters, request), WholeDeadLetter))

    async def replay(request: web.Request) -> web.Response:
        letter = await _letter(letters, request)
        body = await read_json(request, ReplayBody)
        event = replay_of(letter)
        if event is None:
            detail = f"{letter.dead_letter_id} was no event, so it can't be replayed: have it sent again, corrected."
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        if letter.replayed_at is None:
            # Who wanted it is on the record before it happens.
            await letters.request_replay(letter.dead_letter_id, body.by)
            try:
                await publisher_to(letter.topic).publish(event)
            except NotPublishedError as error:
                detail = f"The replay couldn't be published ({error}). Ask again; it takes effect once."
                raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "5"}) from error
            await letters.replayed(letter.dead_letter_id)
        return web.json_response(_shown(await _letter(letters, request)))

    return [
        web.get("/dead-letters", show_all),
        web.get("/dead-letters/{dead_letter_id}", show_one),
        web.post("/dead-letters/{dead_letter_id}/replay", replay),
    ]


async def _letter(letters: DeadLetters, request: web.Request) -> Row[Any]:
    name = request.match_info["dead_letter_id"]
    row = await letters.show(name) if name.isprintable() else None
    if row is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no dead letter {name[:64]!a}.")
    return row


def _before(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    # `+` in a query may arrive as a space.
    time, _, name = cursor.replace(" ", "+").partition("/")
    try:
        return read_place(time, name)
    except ValueError as error:
        raise bad_query("The cursor isn't one that this list gave; leave it out to begin.") from error


def _shown(row: Row[Any], view: type[DeadLetterView] = DeadLetterView) -> dict[str, Any]:
    # Not as JSON text yet: an event may hold characters that UTF-8 can't write, only JSON's escapes.
    event = json.loads(row.event) if row.event is not None else None
    return view.model_validate({**row._asdict(), "event": event, "type": (event or {}).get("type")}).model_dump(
        mode="json"
    )
