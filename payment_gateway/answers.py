"""What the gateway answers: its rows as JSON objects."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from payment_gateway.reports import Books
from shared.web.paging import cut
from shared.web.views import iso

Answer = dict[str, Any]


def charge_answer(charge: Row[Any]) -> Answer:
    """The first answer to a charge; it never changes, whatever happens to the charge later."""
    return {
        "charge_id": charge.charge_id,
        "status": charge.status,
        "amount_cents": charge.amount_cents,
        "currency": charge.currency,
    }


def charge_state(charge: Row[Any]) -> Answer:
    """How the charge stands now. `amount_cents` was asked for, `captured_cents` taken, `refunded_cents` given back."""
    return {
        "idempotency_key": charge.idempotency_key,
        "reference": charge.reference,
        "captured_cents": charge.captured_cents,
        "refunded_cents": charge.refunded_cents,
        "closed": charge.closed_at is not None or charge.sealed_at is not None,
        "created_at": iso(charge.created_at),
        **charge_answer(charge),
    }


def refund_answer(refund: Row[Any]) -> Answer:
    """One refund; `total_refunded_cents` is what had been given back of the charge with it and all before it."""
    return {
        "refund_id": refund.refund_id,
        "charge_id": refund.charge_id,
        "amount_cents": refund.amount_cents,
        "total_refunded_cents": refund.total_refunded_cents,
    }


def void_answer(charge: Row[Any]) -> Answer:
    """What became of the key: whether it had been charged, and what of that is given back (all, after a void)."""
    charged = charge.status == "succeeded"
    return {
        "charged": charged,
        "charge_id": charge.charge_id if charged else None,
        "amount_cents": charge.captured_cents,
        "refunded_cents": charge.refunded_cents,
        "currency": charge.currency if charged else None,
    }


def look_up_answer(charge: Row[Any], refunds: Sequence[Row[Any]]) -> Answer:
    """The charge as it stands, with its refunds."""
    return {**charge_state(charge), "refunds": [refund_answer(refund) for refund in refunds]}


def books_answer(books: Books, limit: int) -> Answer:
    """The settlement report; `next_cursor` is null on the last page. The books hold one row more than the page."""
    shown, last = cut(books.page, limit)
    return {
        "sums": [
            {
                "currency": row.currency,
                "charges": row.charges,
                "captured_cents": int(row.captured_cents),
                "refunded_cents": int(row.refunded_cents),
                "net_cents": int(row.captured_cents - row.refunded_cents),
            }
            for row in books.sums
        ],
        "items": [charge_state(row) for row in shown],
        "next_cursor": None if last is None else last.idempotency_key,
    }
