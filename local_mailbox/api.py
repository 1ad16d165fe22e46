"""The mailbox's HTTP surface: the webhook that takes pushes, and what arrived, for programs and for people."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ValidationError

from local_mailbox.habits import habit_of
from local_mailbox.store import Kind, MailboxStore
from shared.mailbox import MailList, PushList
from shared.web.http import answer
from shared.web.paging import bad_query, number_in
from shared.web.problems import ProblemError, body_of
from shared.webhooks import Secret, SignatureError, verify

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000
MAX_NAME_LENGTH: Final = 320


class PushData(BaseModel):
    """Who is notified of what."""

    user_id: str
    message: str


class PushEvent(BaseModel):
    """The body of the webhook."""

    type: str
    data: PushData


def mailbox_routes(store: MailboxStore, secrets: Sequence[Secret], *, slow_seconds: float) -> list[web.RouteDef]:
    """The mailbox's routes.

    Args:
        store: what arrived.
        secrets: whoever signs a push with one of these is believed.
        slow_seconds: how late a slow user is answered.
    """

    async def take_push(request: web.Request) -> web.Response:
        raw = await body_of(request)
        webhook_id = _verified(request, raw, secrets)
        push = _read(raw)
        habit = habit_of(push.user_id)
        if habit.name == "gone":
            raise ProblemError(HTTPStatus.GONE, "This user has no device any more.")
        if habit.name == "flaky" and await asyncio.to_thread(store.fails_again, f"push {push.user_id}", habit.times):
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "Not now: try again with the same webhook-id.")
        is_new = await asyncio.to_thread(store.take_push, webhook_id, push.user_id, push.message)
        if is_new and habit.name == "slow":
            await asyncio.sleep(slow_seconds)
        if is_new and habit.name == "drop" and request.transport is not None:
            request.transport.abort()
        return web.json_response({"taken": is_new})

    async def messages(request: web.Request) -> web.Response:
        return answer(MailList.model_validate({"items": await _found(store, "messages", request, "recipient")}))

    async def pushes(request: web.Request) -> web.Response:
        return answer(PushList.model_validate({"items": await _found(store, "pushes", request, "user_id")}))

    async def look(_: web.Request) -> web.Response:
        mails = await asyncio.to_thread(store.find, "messages", None, DEFAULT_LIMIT)
        pushed = await asyncio.to_thread(store.find, "pushes", None, DEFAULT_LIMIT)
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return web.Response(text=page(mails, pushed), content_type="text/html", headers=headers)

    return [
        web.get("/", look),
        web.get("/messages", messages),
        web.get("/pushes", pushes),
        web.post("/push", take_push),
    ]


def _verified(request: web.Request, raw: bytes, secrets: Sequence[Secret]) -> str:
    try:
        return verify(secrets, request.headers, raw, now=int(time.time()))
    except SignatureError as error:
        raise ProblemError(HTTPStatus.UNAUTHORIZED, f"The webhook isn't believed: {error}.") from error


def _read(raw: bytes) -> PushData:
    try:
        return PushEvent.model_validate_json(raw).data
    except ValidationError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "The body must be a push event.") from error


async def _found(store: MailboxStore, kind: Kind, request: web.Request, who: str) -> list[dict[str, Any]]:
    query = request.query
    limit, name = number_in(query, "limit", DEFAULT_LIMIT, lowest=1, highest=MAX_LIMIT), query.get(who)
    if set(query) - {who, "limit"}:
        raise bad_query(f"Takes {who} and limit only.")
    if name is not None and (not name.isprintable() or len(name) > MAX_NAME_LENGTH):
        raise bad_query(f"{who} has at most {MAX_NAME_LENGTH} printable characters.")
    return await asyncio.to_thread(store.find, kind, name, limit)


_FRAME: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mailbox of the local shop</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
  table {{ border-collapse: collapse; width: 100%; margin-bottom: 2rem; }}
  th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8884; }}
  td {{ overflow-wrap: anywhere; }}
  pre {{ white-space: pre-wrap; margin: 0; }}
  :root {{ color-scheme: light dark; }}
</style>
<h1>Mailbox of the local shop</h1>
<h2>E-mail</h2>
{mails}
<h2>Push messages</h2>
{pushes}
</html>
"""


def page(mails: Sequence[Mapping[str, Any]], pushes: Sequence[Mapping[str, Any]]) -> str:
    """What arrived, newest first, without scripts; all of it was written by others, so all of it is escaped."""
    return _FRAME.format(
        mails=_table(("received_at", "recipient", "subject", "body"), mails),
        pushes=_table(("received_at", "user_id", "message", "repeats"), pushes),
    )


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "<p>Nothing yet.</p>"
    head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in columns)
    lines = ("".join(f"<td><pre>{escape(str(row[column]))}</pre></td>" for column in columns) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
