"""The payment gateway over HTTP."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from payment_service.gateway import CARD_DECLINED, ChargeSealedError, ChargeUnwantedError, GatewayOutageError
from shared.participant.errors import Refused
from shared.shop.gateway import Charge, ChargeState, Refunded, Reversal
from shared.shop.payment import ProcessPayment

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))

    @property
    def sentence(self) -> str:
        return str(self.body.get("detail", "no reason given")).rstrip(".")


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
