"""Speaks the shop's HTTP contract; whatever goes wrong becomes one sentence."""

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from devstack.errors import NotRunningError, SettingsError, StackError
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient
from shared.contracts.message import problems_in
from shared.shop.approval import ApprovalState
from shared.shop.inventory import ProductView
from shared.shop.order import ORDER_SERVICE, OrderStatus
from shared.shop.reports import ConservationReport, ReconciliationReport
from shared.shop.views import AcceptedBody, CancelRequested, OrderView
from shared.web.bodies import MAX_KEY_LENGTH, Page

CALL_TIMEOUT_SECONDS: Final = 60.0
CHECK_TIMEOUT_SECONDS: Final = 1800.0
"""A check of conservation reads all orders that ever were, and the service has its own limit for each statement."""
POLL_SECONDS: Final = 0.2
PAGE_LIMIT: Final = 200

ENDS: Final = frozenset(
    {OrderStatus.COMPLETED, OrderStatus.COMPENSATED, OrderStatus.CANCELLED, OrderStatus.NEEDS_ATTENTION}
)
"""The statuses that nothing but a person changes any more."""


class ShopRefusedError(StackError):
    """The shop answered with a problem document."""

    def __init__(self, status: int, sentence: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.problem = problem or {}


class KeyFormError(StackError):
    """The Idempotency-Key can't be sent."""

    exit_code = 2


class ShopAwayError(StackError):
    """Nothing answers at the shop's address."""


def shop_url() -> str:
    """Where the shop answers: `SHOP_API_URL`, else where the local stack runs, else its API port."""
    url = _url_of_environment()
    if not url:
        settings = load_settings()
        try:
            # Its host may have another address than loopback.
            return StackClient(settings.home).urls().get(ORDER_SERVICE, settings.api_url)
        except NotRunningError:
            return settings.api_url
    if not _is_usable(url):
        # Without what it says, which may be a password.
        raise SettingsError("SHOP_API_URL must look like http://127.0.0.1:8080, without a login")
    return url


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        )
    except ValueError:  # the port, or an address in brackets
        return False


def service_url(name: str) -> str:
    """Where this process of the local stack answers.

    Raises:
        NotRunningError: it doesn't run.
    """
    urls = StackClient(load_settings().home).urls()
    if name not in urls:
        raise NotRunningError(f"{name} doesn't run; `shop up` starts it, `shop status` shows what runs")
    return urls[name]


class Ending(Protocol):
    """What goes through statuses to an end."""

    @property
    def status(self) -> str:
        """How far it has come."""


EndingT = TypeVar("EndingT", bound=Ending)
ViewT = TypeVar("ViewT", bound=BaseModel)


def read(view: type[ViewT], document: object) -> ViewT:
    """The document, as far as this version knows it.

    Raises:
        StackError: it is another one.
    """
    try:
        return view.model_validate(document)
    except ValidationError as error:
        raise StackError(f"the shop's answer can't be read by this version: {problems_in(error)}") from error


def shown_as_json(found: BaseModel | Sequence[BaseModel] | Mapping[str, Sequence[BaseModel]]) -> str:
    """Documents for programs."""
    return json.dumps(to_jsonable_python(found), indent=2)


def wait_until(
    read: Callable[[], EndingT],
    is_over: Callable[[EndingT], bool],
    timeout_seconds: float,
    too_late: Callable[[str], str],
) -> EndingT:
    """What `read` gives once it is over; an outage of the shop in between is waited out.

    Raises:
        StackError: the time is over: the sentence that `too_late` makes of the status, or error, that was seen last.
        ShopRefusedError: another answer wouldn't come.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            found = read()
            if is_over(found):
                return found
            now = str(found.status)
        except (ShopAwayError, ShopRefusedError) as error:
            if isinstance(error, ShopRefusedError) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            now = str(error)
        if time.monotonic() > deadline:
            raise StackError(too_late(now))
        time.sleep(POLL_SECONDS)


class ShopClient:
    """A blocking client; each call is a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def place(self, body: dict[str, Any], key: str) -> AcceptedBody:
        """Place an order."""
        return read(AcceptedBody, self.call("POST", "/orders", json.dumps(body), {"Idempotency-Key": key}))

    def order(self, order_id: str) -> OrderView:
        """The order with its timeline."""
        return read(OrderView, self.call("GET", f"/orders/{quote(order_id, safe='')}"))

    def cancel(self, order_id: str) -> CancelRequested:
        """Ask for the order to be undone."""
        return read(CancelRequested, self.call("POST", f"/orders/{quote(order_id, safe='')}/cancel"))

    def orders(self, status: str | None, limit: int) -> list[OrderView]:
        """The newest orders."""
        return self.newest(OrderView, "/orders", status, limit)

    def newest(self, view: type[ViewT], path: str, status: str | None, limit: int) -> list[ViewT]:
        """The first items of a paged list that is narrowed to a status; not more than the limit."""
        return list(islice(self.items(view, path, status=status, page=min(limit, PAGE_LIMIT)), limit))

    def products(self) -> Iterator[ProductView]:
        """All products."""
        return self.items(ProductView, "/products")

    def items(
        self, view: type[ViewT], path: str, *, status: str | None = None, page: int = PAGE_LIMIT
    ) -> Iterator[ViewT]:
        """All items of a paged list, fetched `page` by page as they are needed."""
        cursor: str | None = None
        while True:
            asked = {name: value for name, value in (("status", status), ("cursor", cursor)) if value is not None}
            answer = self.call("GET", f"{path}?{urlencode({'limit': page, **asked})}")
            found = read(Page[view], answer)  # type: ignore[valid-type]
            yield from found.items
            cursor = found.next_cursor
            if cursor is None:
                return

    def conservation(self) -> ConservationReport:
        """Whether nothing is lost or doubled."""
        answer = self.call("GET", "/audit/conservation", timeout_seconds=CHECK_TIMEOUT_SECONDS)
        return read(ConservationReport, answer)

    def reconciliation(self) -> ReconciliationReport:
        """What the reconciler found."""
        return read(ReconciliationReport, self.call("GET", "/audit/reconciliation"))

    def wait_for_end(self, order_id: str, timeout_seconds: float) -> OrderView:
        """The order once it has ended, or waits for a person; an outage of the shop in between is waited out.

        Raises:
            StackError: the time is over.
        """
        return wait_until(
            lambda: self.order(order_id),
            lambda order: order.status in ENDS or order.approval is ApprovalState.WAITING,
            timeout_seconds,
            lambda now: f"order {order_id} has not ended after {timeout_seconds:.0f} s ({now})",
        )

    def call(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
    ) -> Any:  # noqa: ANN401 - JSON
        """One request; its JSON answer.

        Raises:
            ShopAwayError: nothing answers there.
            ShopRefusedError: a problem document came back.
            KeyFormError: no header can hold this Idempotency-Key.
        """
        if headers is not None and "Idempotency-Key" in headers:
            check_key(headers["Idempotency-Key"])
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=timeout_seconds)
        sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
        try:
            connection.request(method, parts.path + path, body, sent)
            response = connection.getresponse()
            return read_answer(response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise ShopAwayError(away(self.url, error)) from None
        finally:
            connection.close()


def check_key(key: str) -> None:
    """Whether a header can hold it.

    Raises:
        KeyFormError: it can't.
    """
    if not (key.strip() and len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise KeyFormError(f"a key has 1 to {MAX_KEY_LENGTH} printable ASCII characters, not {key[:64]!a}")


def away(url: str, error: BaseException) -> str:
    """The sentence for a shop that doesn't answer."""
    is_refused = isinstance(error, ConnectionRefusedError)
    sentence = f"the shop doesn't answer at {url}" + ("" if is_refused else f" ({str(error) or type(error).__name__})")
    if url == _url_of_environment():
        return f"{sentence}; check SHOP_API_URL, which names that address"
    return f"{sentence}; " + ("start it with `shop up`" if is_refused else "`shop status` shows what runs")


def read_answer(status: int, raw: bytes) -> Any:  # noqa: ANN401 - JSON
    """The answer's JSON.

    Raises:
        ShopRefusedError: it is an error, or no JSON.
    """
    try:
        answer = json.loads(raw)
    except ValueError:
        raise ShopRefusedError(status, f"what answers there ({status}) isn't the shop: it sends no JSON") from None
    if status < HTTPStatus.BAD_REQUEST:
        return answer
    problem = answer if isinstance(answer, dict) else {}
    sentence = problem.get("detail") or problem.get("title") or f"the shop answered {status}"
    raise ShopRefusedError(status, str(sentence), problem)


def _url_of_environment() -> str:
    return os.environ.get("SHOP_API_URL", "").rstrip("/")
