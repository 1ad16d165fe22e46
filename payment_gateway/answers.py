"""What this gateway answers, which is more than what the shop reads of it; and how it is made of rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from payment_gateway.store import Books
from shared.shop.gateway import ChargeState, Refunded, Reversal
from shared.web.bodies import Moment, View
from shared.web.paging import cut


class BookedCharge(ChargeState):
    """`captured_cents` were taken."""

    idempotency_key: str
    reference: str | None
    captured_cents: int
    created_at: Moment


class Refund(Refunded):
    """One refund."""

    refund_id: str
    charge_id: str
    amount_cents: int


class LookedUpCharge(BookedCharge):
    """The charge as it stands, with its refunds."""

    refunds: tuple[Refund, ...]


class ClosedKey(Reversal):
    """What became of the key: whether it had been charged."""

    charged: bool


class BooksSum(View):
    """The books of one currency."""

    currency: str
    charges: int
    captured_cents: int
    refunded_cents: int
    net_cents: int


class BooksPage(View):
    """The settlement report: the sums over all keys, and one page of the keys."""

    sums: list[BooksSum]
    items: list[BookedCharge]
    next_cursor: str | None


def closed_key(charge: Row[Any]) -> ClosedKey:
    """What became of the key of this charge."""
    charged = charge.status == "succeeded"
    return ClosedKey(
        charged=charged,
        charge_id=charge.charge_id if charged else None,
        amount_cents=charge.captured_cents,
        refunded_cents=charge.refunded_cents,
        currency=charge.currency if charged else None,
    )


def looked_up(charge: Row[Any], refunds: Sequence[Row[Any]]) -> LookedUpCharge:
    """The charge as it stands, with its refunds."""
    return LookedUpCharge.model_validate({**_state(charge), "refunds": [refund._asdict() for refund in refunds]})


def books_page(books: Books, limit: int) -> BooksPage:
    """The settlement report; the books hold one row more than the page."""
    shown, last = cut(books.page, limit)
    return BooksPage(
        sums=[BooksSum(**row._asdict(), net_cents=row.captured_cents - row.refunded_cents) for row in books.sums],
        items=[BookedCharge.model_validate(_state(row)) for row in shown],
        next_cursor=None if last is None else last.idempotency_key,
    )


def _state(charge: Row[Any]) -> dict[str, Any]:
    return {**charge._asdict(), "closed": charge.closed_at is not None or charge.sealed_at is not None}
