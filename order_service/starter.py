"""Sees to it that every accepted order gets its workflow, once, and every cancel, approval and repair reaches it.

An order is accepted by the commit of its row, so what follows may crash at any point: a sweep finds orders that no run
of the workflow has claimed and starts them (again). Starting twice is harmless: while the first run lives, the engine
answers that it exists; if it has ended, it has claimed the order, and the second run ends without a trace.

Starts, cancels, approvals and repairs don't wait for each other: a frozen workflow lets each of its calls run into the
engine's time limit, and new orders mustn't pay for that.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from uuid import uuid4

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from order_service.repair.store import Due
from shared.contracts.message import problems_in
from shared.saga.compensation import REPAIR_EVENT
from shared.saga.timers import CANCEL_EVENT
from shared.shop.approval import APPROVAL_EVENT
from shared.shop.order import ORDER_WORKFLOW, PlacedOrder
from shared.workflows.background import SWEEP_LIMIT, SWEEP_SECONDS, BackgroundCalls, sweep_until_cancelled
from shared.workflows.client import EngineAwayError, WorkflowNotifier, WorkflowStarter

log = structlog.get_logger()


class Workflows(WorkflowStarter, WorkflowNotifier, Protocol):
    """What the starter needs of the workflow engine."""


class StartedOrders(Protocol):
    """The part of the orders' store that the starter uses."""

    async def lease_unstarted(self, limit: int, /) -> Sequence[Any]: ...

    async def start_failed(self, order_id: str, error: str, /) -> None: ...

    async def lease_cancels(self, limit: int, /) -> list[str]: ...

    async def cancel_sent(self, order_id: str, /) -> None: ...


class SignalledApprovals(Protocol):
    """The part of the approvals' store that the starter uses."""

    async def lease_signals(self, limit: int, /) -> list[str]: ...

    async def signalled(self, order_id: str, /) -> None: ...


class SentRepairs(Protocol):
    """The part of the repairs' store that the starter uses."""

    async def lease_unsent(self, limit: int, /) -> list[Due]: ...

    async def sent(self, repair_id: str, /) -> None: ...


class Starter:
    """Starts workflows and sends cancels, approvals and repairs, in the background of the HTTP loop."""

    def __init__(
        self, orders: StartedOrders, approvals: SignalledApprovals, repairs: SentRepairs, workflows: Workflows
    ) -> None:
        self._orders = orders
        self._approvals = approvals
        self._repairs = repairs
        self._workflows = workflows
        self._starts = BackgroundCalls()
        self._cancels = BackgroundCalls()
        self._signals = BackgroundCalls()
        self._decisions = BackgroundCalls()

    def start(self, order: PlacedOrder) -> None:
        """Start the workflow of an order that was just accepted."""
        self._starts.spawn(order.order_id, self._start(order))

    def cancel(self, order_id: str) -> None:
        """Signal the workflow of an order that its customer cancelled."""
        self._cancels.spawn(order_id, self._cancel(order_id))

    def signal(self, order_id: str) -> None:
        """Signal the workflow of an order to read where its approval stands."""
        self._signals.spawn(order_id, self._signal(order_id))

    def repair(self, due: Due) -> None:
        """Signal a person's decision to the workflow of an order; it carries each decision out once."""
        self._decisions.spawn(f"{due.instance_id} {due.decision.repair_id}", self._repair(due))

    async def run(self) -> None:
        """Sweep until cancelled."""
        await sweep_until_cancelled(self._sweep, SWEEP_SECONDS)

    async def close(self) -> None:
        """Drop what is under way; the next process's sweep takes it up."""
        for calls in (self._starts, self._cancels, self._signals, self._decisions):
            await calls.close()

    async def _sweep(self) -> None:
        for row in await self._orders.lease_unstarted(SWEEP_LIMIT):
            await self._start_stored(row)
        for order_id in await self._orders.lease_cancels(SWEEP_LIMIT):
            self.cancel(order_id)
        for order_id in await self._approvals.lease_signals(SWEEP_LIMIT):
            self.signal(order_id)
        for due in await self._repairs.lease_unsent(SWEEP_LIMIT):
            self.repair(due)

    async def _start_stored(self, row: Any) -> None:  # noqa: ANN401 - a Row
        """Start the order of a row; one that can't be read keeps no other order waiting."""
        try:
            order = PlacedOrder.model_validate({**row.placed, "run_id": ""})
        except ValidationError as error:
            await self._not_started(row.order_id, f"the order's row can't be read: {problems_in(error)}")
        else:
            self.start(order)

    async def _start(self, order: PlacedOrder) -> None:
        run = order.model_copy(update={"run_id": uuid4().hex})
        try:
            await self._workflows.schedule(ORDER_WORKFLOW, order.order_id, run)
        except EngineAwayError as error:
            await self._not_started(order.order_id, str(error))

    async def _not_started(self, order_id: str, why: str) -> None:
        log.warning("workflow not started, trying again", order_id=order_id, error=why)
        with contextlib.suppress(SQLAlchemyError, OSError):  # it is only shown, by the reconciler
            await self._orders.start_failed(order_id, why)

    async def _cancel(self, order_id: str) -> None:
        with _tried_again("cancel not sent, trying again", order_id=order_id):
            await self._workflows.raise_event(order_id, CANCEL_EVENT)
            await self._orders.cancel_sent(order_id)

    async def _signal(self, order_id: str) -> None:
        with _tried_again("approval not sent, trying again", order_id=order_id):
            await self._workflows.raise_event(order_id, APPROVAL_EVENT)
            await self._approvals.signalled(order_id)

    async def _repair(self, due: Due) -> None:
        repair_id = due.decision.repair_id
        with _tried_again("repair not sent, trying again", repair_id=repair_id):
            await self._workflows.raise_event(due.instance_id, REPAIR_EVENT, due.decision)
            await self._repairs.sent(repair_id)


@contextlib.contextmanager
def _tried_again(message: str, **about: str) -> Iterator[None]:
    """Log what the sweep will try again."""
    try:
        yield
    except (EngineAwayError, SQLAlchemyError, OSError) as error:
        log.warning(message, **about, error=str(error))
