"""What the doctor says of an app that doesn't answer."""

from typing import NoReturn, cast

import aiohttp
import pytest

from cli.doctor.collect.http import NoAnswerError, ask

pytestmark = pytest.mark.unit


class Broken:
    """A session whose requests fail with an error that says nothing."""

    def request(self, *_: object, **__: object) -> NoReturn:
        raise aiohttp.ClientPayloadError


async def test_an_error_without_words_is_named_by_its_type() -> None:
    with pytest.raises(NoAnswerError, match=r"http://there \(ClientPayloadError\)"):
        await ask(cast("aiohttp.ClientSession", Broken()), "GET", "http://there")
