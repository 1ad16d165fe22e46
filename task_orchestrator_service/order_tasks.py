"""Each completed order becomes a task to pick and pack it, in the transaction of the event's inbox row: exactly one."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.consumer import Handler
from shared.events.event import EventType, OrderEvent
from shared.events.received import Received
from shared.shop.task import TASK_PROCESSING, AcceptedTask
from task_orchestrator_service.acceptance import NewTask, Origin, insert_task


def task_id_of(order_id: str) -> str:
    """The id of the order's task: the same however often the order's completion is published."""
    return f"task-{order_id}"


async def _pick_and_pack(tx: AsyncConnection, event: Received) -> None:
    order = event.read(OrderEvent)
    task = AcceptedTask(
        task_id=task_id_of(order.order_id),
        run_id="",
        email=order.customer.email,
        user_id=order.customer.user_id,
        lines=order.lines,
        total_cents=order.total_cents,
        currency=order.currency,
        country=order.country,
        order_id=order.order_id,
    )
    await insert_task(tx, NewTask(task, TASK_PROCESSING, Origin.ORDER_COMPLETED, order.order_id))


ORDER_TASKS: Final[dict[EventType, Handler]] = {EventType.ORDER_COMPLETED: _pick_and_pack}
"""The handlers of the events that ask for tasks."""
