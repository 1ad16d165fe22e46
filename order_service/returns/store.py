"""The rows of returns. Each is written with its event, and with what the order's row adds up."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, Update, bindparam, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.errors import MoreThanChargedError, NotCompletedError, OtherCurrencyError, UnknownOrderError
from order_service.statements import CHANGED, ONE_EVENT_MORE, the
from order_service.tables import ORDERS, RETURNS
from shared.events.event import EventType
from shared.events.outbox import publish_of
from shared.money import money
from shared.shop.order import OrderStatus

_GIVEN: Final = ("return_id", "kind", "amount_cents")
INSTEAD: Final = {
    OrderStatus.ACCEPTED: "cancel it",
    OrderStatus.IN_PROGRESS: "cancel it",
    OrderStatus.NEEDS_ATTENTION: "decide about what got stuck (`shop repair list`)",
}


class ReturnStore:
    """Reads and writes these rows. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def by_key(self, idempotency_key: str) -> Row[Any] | None:
        statement = select(RETURNS).where(RETURNS.c.idempotency_key == idempotency_key)
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).first()

    async def of_order(self, order_id: str) -> Sequence[Row[Any]]:
        """All returns of the order, oldest first.

        Raises:
            UnknownOrderError: there is no such order.
        """
        rows = select(RETURNS).where(RETURNS.c.order_id == order_id).order_by(RETURNS.c.recorded_at)
        async with self._database.connect() as connection:
            known = await connection.execute(select(ORDERS.c.order_id).where(ORDERS.c.order_id == order_id))
            if known.first() is None:
                raise UnknownOrderError(order_id=order_id)
            return (await connection.execute(rows)).all()

    async def record(self, values: dict[str, Any]) -> None:
        """Store a return that is due; afterwards `by_key` finds what the key stands for.

        Raises:
            UnknownOrderError: there is no such order.
            ReturnError: why nothing can be recorded.
        """
        order_row = select(ORDERS).where(ORDERS.c.order_id == values["order_id"]).with_for_update()
        same_key = select(RETURNS.c.return_id).where(RETURNS.c.idempotency_key == values["idempotency_key"])
        async with self._database.begin() as tx:
            # The order's row is held, so that what two record at once is added up.
            order = (await tx.execute(order_row)).first()
            if order is None:
                raise UnknownOrderError(order_id=values["order_id"])
            if (await tx.execute(same_key)).first() is not None:
                return
            _check(order, values)
            stored = await tx.execute(insert(RETURNS).values(values).on_conflict_do_nothing().returning(RETURNS))
            if stored.first() is None:
                return  # another order has this key
            await tx.execute(_RECORD, the({name: values[name] for name in ("order_id", *_GIVEN)}))


def _check(order: Row[Any], values: dict[str, Any]) -> None:
    if order.status != OrderStatus.COMPLETED:
        instead = INSTEAD.get(OrderStatus(order.status), "nothing of it was kept")
        raise NotCompletedError(order_id=order.order_id, status=order.status, instead=instead)
    if values["currency"] != order.currency:
        raise OtherCurrencyError(charged=order.currency, given=values["currency"])
    left = order.total_cents - order.returned_cents
    if values["amount_cents"] > left:
        total, returned = money(order.total_cents, order.currency), money(order.returned_cents, order.currency)
        raise MoreThanChargedError(total=total, returned=returned, left=money(left, order.currency))


def _and_publish(change: Update) -> Any:  # noqa: ANN401 - SQLAlchemy's statement
    changed = change.returning(ORDERS.c.order_id, ORDERS.c.currency, ORDERS.c.returned_cents, ORDERS.c.events).cte()
    row = changed.c
    given = [(name, bindparam(f"the_{name}", type_=RETURNS.c[name].type)) for name in _GIVEN]
    data = func.jsonb_build_object(
        *("order_id", row.order_id, "currency", row.currency, "total_returned_cents", row.returned_cents),
        *(part for pair in given for part in pair),
    )
    return publish_of(
        changed, kind=literal(EventType.ORDER_RETURNED.value), subject=row.order_id, sequence=row.events, data=data
    )


_RECORD: Final = _and_publish(
    update(ORDERS)
    .where(ORDERS.c.order_id == bindparam("the_order_id"))
    .values(returned_cents=ORDERS.c.returned_cents + bindparam("the_amount_cents"), **ONE_EVENT_MORE, **CHANGED)
)
