"""Posts to the double-entry ledger, inside the caller's transaction."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payment_service.tables import Account, EntryKind
from shared.participant.fence import StepKey

_DEBIT_AND_CREDIT: Final = {
    EntryKind.CHARGE: (Account.GATEWAY_CLEARING, Account.CUSTOMER_ORDERS),
    EntryKind.REFUND: (Account.CUSTOMER_ORDERS, Account.GATEWAY_CLEARING),
    EntryKind.SETTLEMENT: (Account.CUSTOMER_ORDERS, Account.SETTLED_BY_HAND),
    EntryKind.WRITE_OFF: (Account.CUSTOMER_ORDERS, Account.WRITTEN_OFF),
}

# The fence's row is locked, so a conflict means that the whole posting is there, never half of it.
_POST: Final = text("""
    INSERT INTO ledger_entries (transaction_id, saga_id, step, kind, currency, account, amount_cents)
    SELECT :transaction_id, :saga_id, :step, :kind, :currency, side.account, side.amount_cents
    FROM (VALUES (:debit, CAST(:amount_cents AS bigint)), (:credit, - CAST(:amount_cents AS bigint)))
        AS side (account, amount_cents)
    ON CONFLICT DO NOTHING
""")


async def post(tx: AsyncConnection, key: StepKey, kind: EntryKind, amount_cents: int, currency: str) -> None:
    """Post this amount as `kind`, unless it is posted already; an amount of 0 leaves no trace."""
    if amount_cents == 0:
        return
    debit, credit = _DEBIT_AND_CREDIT[kind]
    entries = {
        "transaction_id": f"{key}:{kind}",
        "saga_id": key.saga_id,
        "step": key.step,
        "kind": kind,
        "currency": currency,
        "debit": debit,
        "credit": credit,
        "amount_cents": amount_cents,
    }
    await tx.execute(_POST, entries)
