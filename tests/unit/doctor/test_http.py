"""What the doctor says of an app that doesn't answer."""

from typing import NoReturn

import aiohttp
import pytest

from cli.doctor.collect import NoAnswerError, ask

pytestmark = pytest.mark.unit


class Broken(aiohttp.TCPConnector):
    """Connections that fail with an error that says nothing."""

    async def connect(self, *_: object, **__: object) -> NoReturn:
        raise aiohttp.ClientPayloadError


async def test_an_error_without_words_is_named_by_its_type() -> None:
    async with aiohttp.ClientSession(connector=Broken()) as session:
        with pytest.raises(NoAnswerError, match=r"http://there \(ClientPayloadError\)"):
            await ask(session, "GET", "http://there")
