"""How the evidence is collected: over HTTP, from each app's service and sidecar. Here is one request and its answer."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

ASK_SECONDS = 5.0


class NoAnswerError(Exception):
    """Continues a sentence that begins with who was asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any status; its body, if that is JSON."""

    status: int
    body: Any

    @property
    def is_ok(self) -> bool:
        return self.status < HTTPStatus.MULTIPLE_CHOICES


async def ask(session: aiohttp.ClientSession, method: str, url: str, body: object = None) -> Answer:
    """The answer.

    Raises:
        NoAnswerError: nobody answers, or not in time.
    """
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    try:
        async with session.request(method, url, json=body, timeout=timeout) as response:
            text = await response.read()
            try:
                decoded = await response.json(content_type=None) if text else None
            except ValueError:
                decoded = None
            return Answer(response.status, decoded)
    except TimeoutError:
        raise NoAnswerError(f"doesn't answer at {url} within {ASK_SECONDS:.0f} s") from None
    except aiohttp.ClientConnectorError:
        raise NoAnswerError(f"doesn't run: nobody listens at {url}") from None
    except aiohttp.ClientError as error:
        raise NoAnswerError(f"doesn't answer at {url} ({str(error) or type(error).__name__})") from None


async def ask_well(session: aiohttp.ClientSession, method: str, url: str, body: object = None) -> Any:  # noqa: ANN401
    """The body of a good answer.

    Raises:
        NoAnswerError: there is none.
    """
    answer = await ask(session, method, url, body)
    if not answer.is_ok:
        said = answer.body.get("message") or answer.body.get("detail") if isinstance(answer.body, dict) else None
        raise NoAnswerError(f"answers {method} {url} with {answer.status}{f': {said}' if said else ''}")
    return answer.body
