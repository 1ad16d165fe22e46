"""What no handler gets to see, or no client should: each is a problem document or an end, and nothing in the log."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from devstack.topology.addresses import free_block
from shared.web import problems
from shared.web.bodies import Body
from shared.web.http import application
from shared.web.problems import read_json
from shared.web.server import Runner

pytestmark = pytest.mark.integration

GZIP = {"Content-Encoding": "gzip", "Content-Type": "application/json"}


class Said(Body):
    word: str


async def take(request: web.Request) -> web.Response:
    return web.json_response({"said": (await read_json(request, Said)).word})


async def tell(_: web.Request) -> web.Response:
    return web.json_response({"word": "hello"})


async def ask(request: web.Request) -> web.Response:
    """As a database answers, whose text has no NUL."""
    if "\0" in request.query["a"]:
        raise ValueError("invalid byte sequence for encoding: 0x00")
    return web.json_response({})


async def always_ready() -> str | None:
    return None


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"].startswith("application/problem+json"), self
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["detail"].endswith(".")
        return document


@asynccontextmanager
async def served(idle_seconds: float = 30.0) -> AsyncIterator[int]:
    """The port of a service with one route that takes and one that tells."""
    app = application(always_ready)
    app.router.add_routes([web.post("/take", take), web.get("/tell", tell), web.get("/ask", ask)])
    runner = Runner(app, shutdown_seconds=1.0, idle_seconds=idle_seconds)
    await runner.setup()
    port = free_block(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


async def sent(port: int, *parts: bytes) -> bytes:
    """All that comes back until the service closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


def request(
    method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"", *, length: int | None = None
) -> bytes:
    """As it goes over the wire; the service closes the connection after it."""
    lines = {"Host": "x", "Connection": "close", "Content-Length": str(len(body) if length is None else length)}
    head = "".join(f"{name}: {value}\r\n" for name, value in (lines | (headers or {})).items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode(errors="surrogateescape") + body


def read(answer: bytes) -> Answer:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


CHUNKED = b"POST /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request("POST", "/take", GZIP, b"no gzip"), 400),
        (request("POST", "/take", GZIP, gzip.compress(b'{"word": "hi"}')[:14]), 400),
        (request("POST", "/take", {"Content-Encoding": "foo"}, b"{}"), 415),
        (request("POST", "/take", {"Content-Encoding": "gzip, gzip"}, b"{}"), 415),
        (CHUNKED + b"zz\r\nno chunk\r\n0\r\n\r\n", 400),
        (CHUNKED + b"5\r\n{}\r\n0\r\n\r\n", 400),
        (request("GET", "/tell?" + "x" * 20_000), 400),
        (request("GET", "/tell", {"X-Long": "x" * 20_000}), 400),
        (request("POST", "/take", {"Content-Length": "minus one"}), 400),
        (request("POST", "/take", {"Expect": "a miracle"}, b"{}"), 417),
        (request("POST", "/take", {"Expect": "\udcff"}, b"{}"), 400),
        (b"this is no HTTP\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (request("GET", "/nothing"), 404),
        (request("GET", "/nothing/%00"), 404),
        (request("GET", "/ask?a=%00"), 422),
        (request("GET", "/ask?a=%ED%A0%80%00"), 422),
        (request("DELETE", "/tell"), 405),
    ],
)
async def test_whatever_cannot_be_read_is_a_problem_document(
    asked: bytes, status: int, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no traceback in the log, which one line of curl would fill."""
    caplog.set_level(logging.INFO)
    async with served() as port:
        answer = read(await sent(port, asked))

    assert (answer.status, answer.problem["status"]) == (status, status)
    assert "Traceback" not in caplog.text + capsys.readouterr().out


async def test_a_body_that_is_encoded_as_it_says_is_taken() -> None:
    async with served() as port:
        answer = read(await sent(port, request("POST", "/take", GZIP, gzip.compress(b'{"word": "hi"}'))))

    assert (answer.status, json.loads(answer.body)) == (200, {"said": "hi"})


@pytest.mark.parametrize("begun", [b"", b"GET /tell HT", b"GET /tell HTTP/1.1\r\nHost: x\r\nX-Slow"])
async def test_a_connection_that_asks_for_nothing_ends(begun: bytes) -> None:
    """Also one that stops in the middle of its headers."""
    async with served(idle_seconds=0.3) as port:
        assert await sent(port, begun) == b""


async def test_a_connection_that_is_kept_alive_ends_when_nothing_more_is_asked() -> None:
    async with served(idle_seconds=0.3) as port:
        answer = read(await sent(port, b"GET /tell HTTP/1.1\r\nHost: x\r\n\r\n"))

    assert answer.status == 200


async def test_a_body_that_stops_coming_ends_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "BODY_SECONDS", 0.3)
    async with served() as port:
        answer = read(await sent(port, request("POST", "/take", None, b'{"word": ', length=100)))

    assert answer.status == 408
    assert "stopped coming" in answer.problem["detail"]


async def test_a_body_that_comes_slowly_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the pause, not the whole time."""
    monkeypatch.setattr(problems, "BODY_SECONDS", 0.4)
    body = b'{"word": "slow"}'
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("POST", "/take", None, b"", length=len(body)))
        for letter in body:
            writer.write(bytes([letter]))
            await asyncio.sleep(0.05)
        answer = read(await asyncio.wait_for(reader.read(), 20))
        writer.close()

    assert json.loads(answer.body) == {"said": "slow"}


async def test_head_is_answered_by_headers_only() -> None:
    async with served() as port:
        together = await sent(port, request("HEAD", "/tell").replace(b"close", b"keep-alive") + request("GET", "/tell"))

    head, _, rest = together.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert rest.startswith(b"HTTP/1.1 200 OK"), "the next answer follows at once"
