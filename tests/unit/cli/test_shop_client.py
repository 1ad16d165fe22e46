"""Every answer that isn't what was asked for becomes one sentence."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.shop_client import (
    KeyFormError,
    ShopAwayError,
    ShopClient,
    ShopRefusedError,
    away,
    read_answer,
    shop_url,
    shown_as_json,
    wait_until,
)
from devstack.errors import SettingsError, StackError
from shared.events.views import WholeDeadLetter

pytestmark = pytest.mark.unit


def test_a_problem_document_becomes_its_sentence() -> None:
    """And the rest of it stays at hand."""
    with pytest.raises(ShopRefusedError, match=r"^Too late\.$") as refusal:
        read_answer(409, json.dumps({"title": "Conflict", "detail": "Too late.", "errors": [1]}).encode())

    assert (refusal.value.status, refusal.value.problem["errors"]) == (409, [1])


def test_what_is_not_the_shop_is_said_to_be_none() -> None:
    """Another server may hold the port."""
    with pytest.raises(ShopRefusedError, match="isn't the shop"):
        read_answer(200, b"<html>")


def test_a_wrong_address_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent."""
    monkeypatch.setenv("SHOP_API_URL", "localhost:8080")

    with pytest.raises(SettingsError, match="SHOP_API_URL"):
        shop_url()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:abc",
        "http://ann:hunter2@shop",
        "http://[::1",
        "http://:8080",
        "http://shop:99999",
        "ftp://shop",
    ],
)
def test_an_address_that_cannot_be_asked_is_named_without_what_it_says(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """It may hold a password."""
    monkeypatch.setenv("SHOP_API_URL", url)

    with pytest.raises(SettingsError, match="SHOP_API_URL must look like") as caught:
        shop_url()

    assert "hunter2" not in str(caught.value)


def test_a_shop_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with what to do, exit code 1, no stack trace."""
    url = nobodys_url()
    monkeypatch.setenv("SHOP_API_URL", url)

    for command in (
        ["order"],
        ["show", "x"],
        ["orders"],
        ["conservation"],
        ["catalogue", "list"],
        ["load"],
        ["repair", "list"],
    ):
        result = CliRunner().invoke(app, command)

        assert result.exit_code == 1
        assert result.stderr == f"shop: {away(url, ConnectionRefusedError())}\n"
        assert "SHOP_API_URL" in result.stderr


def nobodys_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("named", "error", "sentence"),
    [
        (None, ConnectionRefusedError(), "; start it with `shop up`"),
        (None, TimeoutError("timed out"), " (timed out); `shop status` shows what runs"),
        ("http://shop/", ConnectionRefusedError(), "; check SHOP_API_URL, which names that address"),
        ("http://shop", TimeoutError(), " (TimeoutError); check SHOP_API_URL, which names that address"),
        ("http://elsewhere", ConnectionRefusedError(), "; start it with `shop up`"),
    ],
    ids=["here", "here and slow", "named", "named and slow", "another address"],
)
def test_the_advice_fits_the_address(
    monkeypatch: pytest.MonkeyPatch, named: str | None, error: OSError, sentence: str
) -> None:
    """What runs on this machine is no matter where another shop was named."""
    monkeypatch.delenv("SHOP_API_URL", raising=False)
    if named is not None:
        monkeypatch.setenv("SHOP_API_URL", named)

    assert f"the shop doesn't answer at http://shop{sentence}" == away("http://shop", error)


@pytest.mark.parametrize("key", ["Lieferschein Nr. 7 \u2013 Größe", "two\nlines", "", " ", "x" * 256])
def test_a_key_that_no_header_holds_is_refused(key: str) -> None:
    """Before anything is sent."""
    with pytest.raises(KeyFormError, match=r"^a key has 1 to 255 printable ASCII characters, not "):
        ShopClient("http://shop").call("POST", "/orders", "{}", {"Idempotency-Key": key})


@pytest.mark.parametrize("command", [["show"], ["cancel"], ["orders", "--status"]])
def test_bytes_that_are_no_text_are_named(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """A shell passes them on from a name in another encoding."""
    monkeypatch.setenv("SHOP_API_URL", nobodys_url())

    result = CliRunner().invoke(app, [*command, "Gr\udcf6\udcdfe"])

    assert result.exit_code == 2
    assert result.stderr.endswith("is no text: an argument holds bytes that aren't UTF-8\n")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a shop says of something."""

    status: str


def answers(*given: str | StackError) -> Iterator[Seen]:
    """What a shop says, one after the other: a status, or an error."""
    for one in given:
        if isinstance(one, StackError):
            raise one
        yield Seen(one)


@pytest.mark.parametrize("outage", [ShopAwayError("gone"), ShopRefusedError(503, "starting")], ids=["away", "503"])
def test_an_outage_is_waited_out(outage: StackError) -> None:
    """The end of what one waits for is seen after it."""
    turns = iter([answers("running"), answers(outage), answers("completed")])

    found = wait_until(lambda: next(next(turns)), lambda one: one.status == "completed", 60, str)

    assert found.status == "completed"


def test_a_refusal_is_not_waited_out() -> None:
    """There is no such thing, and there won't be."""
    turns = answers(ShopRefusedError(404, "no such order"))

    with pytest.raises(ShopRefusedError, match="no such order"):
        wait_until(lambda: next(turns), bool, 60, str)


def test_who_waits_too_long_gets_what_was_seen_last() -> None:
    """In a sentence of the caller's."""
    with pytest.raises(StackError, match=r"^still running$"):
        wait_until(lambda: Seen("running"), lambda _: False, 0, lambda now: f"still {now}")


def test_an_event_with_characters_that_utf_8_cannot_write_is_shown_escaped() -> None:
    """`shop events show` prints what came, and JSON can escape what no terminal can print."""
    none = dict.fromkeys(WholeDeadLetter.model_fields)
    known = {"dead_letter_id": "", "consumer": "", "event_id": "", "subject": "", "reason": "", "topic": ""}
    shown = {**none, **known, "attempts": 1, "died_at": "2026-01-01T00:00:00Z", "event": {"note": "\ud800"}}

    assert shown == json.loads(shown_as_json(WholeDeadLetter.model_validate(shown)))
