"""What people write, in any script, is taken; what would break a line or lie about its order is named."""

import json

import pytest
from aiohttp import web
from pydantic import ValidationError

from notification_service import pusher
from shared.shop.notification import SendPush
from shared.web.bodies import CustomerBody
from shared.web.problems import read_json
from shared.web.text import refused_character
from tests.integration.api import client_of

pytestmark = pytest.mark.unit

TAKEN = [
    "山田\u3000太郎",
    "12\u00a0rue de l\u2019Église",
    "می\u200cخواهم",  # noqa: RUF001 - Persian, as it is written
    "ශ්\u200dරී",
    "👨\u200d👩\u200d👧",
    "Donau\u00addampf",
    "\U0001fae9",
    "Nguyễn Thị Minh Khai",
    "O'Brien-Müller",
    "Þórður Ægisson",
]


@pytest.mark.parametrize("text", TAKEN)
def test_names_of_the_world_are_taken(text: str) -> None:
    assert refused_character(text) is None
    assert CustomerBody(email="ada@example.org", user_id=text).user_id == text
    pusher.check(SendPush(user_id=text, message="hello"))


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\0", "U+0000"),
        ("\n", "U+000A"),
        ("\x85", "U+0085"),
        ("\u2028", "U+2028"),
        ("\u2029", "U+2029"),
        ("\ud800", "U+D800"),
        ("\u202a", "U+202A"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u2069", "U+2069"),
    ],
)
def test_what_no_line_may_hold_is_named(character: str, name: str) -> None:
    assert refused_character(f"Ada{character}Byron") == name


def test_the_sentence_names_field_and_character() -> None:
    with pytest.raises(ValidationError, match=r"(?s)user_id.*U\+202E"):
        CustomerBody(email="ada@example.org", user_id="a\u202eb")


def test_an_email_is_trimmed_like_every_other_field() -> None:
    assert CustomerBody(email=" ada@example.org\u3000", user_id="ada").email == "ada@example.org"


async def test_json_with_a_byte_order_mark_is_taken() -> None:
    async def take(request: web.Request) -> web.Response:
        return web.json_response((await read_json(request, CustomerBody)).model_dump())

    sent = json.dumps({"email": "ada@example.org", "user_id": "ada"}).encode("utf-8-sig")
    async with client_of([web.post("/", take)]) as client, client.post("/", data=sent) as response:
        assert response.status == 200


@pytest.mark.parametrize("text", ["\u200b", "\u200c\u200d", "\ufeff", "\u00ad", " \u200e "])
def test_a_name_that_nobody_can_see_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must have a character that can be seen"):
        CustomerBody(email="ada@example.org", user_id=text)
