"""Each completed order becomes a task to pick and pack it, in the transaction of the event's inbox row: exactly one."""

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import TASK_PROCESSING
from shared.events.consumer import Handler
from shared.events.event import EventType, OrderEvent
from shared.events.received import Received
from shared.messages.task import AcceptedTask
from task_orchestrator_service.acceptance import NewTask, Origin, insert_task


def task_id_of(order_id: str) -> str:
    """The id of the order's task: the same however often the order is told to be completed."""
    return f"task-{order_id}"


def order_tasks(patience_seconds: float) -> dict[EventType, Handler]:
    """The handlers of the events that ask for tasks."""

    async def pick_and_pack(tx: AsyncConnection, event: Received) -> None:
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
            patience_seconds=patience_seconds,
        )
        await insert_task(tx, NewTask(task, TASK_PROCESSING, Origin.ORDER_COMPLETED, order.order_id))

    return {EventType.ORDER_COMPLETED: pick_and_pack}
