"""The payment gateway as this service needs it, and as it is over HTTP."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from shared.participant.errors import Refused
from shared.shop.gateway import Charge, ChargeState, Refunded, Reversal
from shared.shop.payment import ProcessPayment

CARD_DECLINED: Final = "the card was declined: use another card"

LONGEST_SENTENCE: Final = 500
"""Characters of what the gateway says that are kept."""

ModelT = TypeVar("ModelT", bound=BaseModel)


class GatewayOutageError(Exception):
    """The payment gateway gave no usable answer: it may or may not have happened."""


class ChargeUnwantedError(Exception):
    """There is, or was, a charge under this key that the shop doesn't stand by: none of it may be kept."""


class ChargeSealedError(Exception):
    """A person settled what was charged under this key: the gateway gives none of it back any more."""


class PaymentGateway(Protocol):
    """Takes and gives back money. Whatever raises `GatewayOutageError` may have happened: ask again, same key."""

    async def charge(self, key: str, reference: str, payment: ProcessPayment) -> Charge:
        """Charge the card, once per key.

        Raises:
            Refused: the gateway took nothing, and never will for this request.
            ChargeUnwantedError: the key was closed for good.
        """

    async def look_up(self, key: str) -> ChargeState | None:
        """The charge under this key as it stands now, or None if the gateway has none (yet)."""

    async def refund(self, key: str, charge_id: str) -> int:
        """Give back all that is left of the charge, once per key; in cents, all that was ever given back of it.

        Raises:
            ChargeSealedError: nothing was given back.
        """

    async def void(self, key: str) -> Reversal:
        """Close the key for good, giving back what was charged under it.

        Raises:
            ChargeSealedError: nothing was given back.
        """

    async def seal(self, key: str) -> Reversal:
        """Close the key for good as it is: whatever is still on its way neither charges nor gives back under it."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))

    @property
    def sentence(self) -> str:
        """A stranger's words, as a database and a log can keep them."""
        said = str(self.body.get("detail", "no reason given"))[:LONGEST_SENTENCE].rstrip(".")
        return "".join(one if one.isprintable() else " " for one in said)


class HttpGateway:
    """A `PaymentGateway` over HTTP. It belongs to the event loop that calls it first."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def charge(self, key: str, reference: str, payment: ProcessPayment) -> Charge:
        body = {**payment.model_dump(), "reference": reference}
        answer = await self._ask("POST", "/v1/charges", body=body, key=key)
        match answer.status:
            case HTTPStatus.PAYMENT_REQUIRED:
                raise Refused(CARD_DECLINED)
            case HTTPStatus.UNPROCESSABLE_ENTITY:
                raise Refused(f"the payment can't be taken ({answer.sentence}): correct it and order again")
            case HTTPStatus.GONE:
                raise ChargeUnwantedError
        return _read(answer, Charge)

    async def look_up(self, key: str) -> ChargeState | None:
        answer = await self._ask("GET", "/v1/charges", query={"key": key})
        if answer.code == "unknown_charge":
            return None
        return _read(answer, ChargeState)

    async def refund(self, key: str, charge_id: str) -> int:
        answer = await self._ask("POST", "/v1/refunds", body={"charge_id": charge_id}, key=key)
        if answer.code == "already_refunded":  # by someone at the gateway: what counts is that it is back
            return _read(await self._ask("GET", f"/v1/charges/{charge_id}"), ChargeState).refunded_cents
        return _read(_unsealed(answer), Refunded).total_refunded_cents

    async def void(self, key: str) -> Reversal:
        return _read(_unsealed(await self._ask("POST", "/v1/voids", body={"key": key})), Reversal)

    async def seal(self, key: str) -> Reversal:
        return _read(await self._ask("POST", "/v1/seals", body={"key": key}), Reversal)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        key: str | None = None,
        query: dict[str, str] | None = None,
    ) -> _Answer:
        if self._session is None:  # only here is the loop known: the worker makes its own, later
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        headers = {} if key is None else {"Idempotency-Key": key}
        url = self._url + path
        try:
            async with self._session.request(method, url, json=body, params=query, headers=headers) as response:
                content = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise GatewayOutageError(f"the payment gateway gave no answer to {method} {path}: {error!r}") from error
        return _Answer(response.status, content if isinstance(content, dict) else {})


def _unsealed(answer: _Answer) -> _Answer:
    if answer.code == "charge_sealed":
        raise ChargeSealedError
    return answer


def _read(answer: _Answer, model: type[ModelT]) -> ModelT:
    """The answer's content.

    Raises:
        GatewayOutageError: it is an error, or says something else than expected.
    """
    if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        raise GatewayOutageError(f"the payment gateway answered {answer.status}: {answer.sentence}")
    try:
        return model.model_validate(answer.body)
    except ValidationError as error:
        raise GatewayOutageError(f"the payment gateway's answer can't be read: {error}") from error
