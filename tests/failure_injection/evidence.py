"""A stack beside its API: the engine's history and events, the participants' logs, how often faults struck."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import grpc
from dapr.ext.workflow._durabletask.client import TaskHubGrpcClient
from dapr.ext.workflow._durabletask.internal import protos as pb

from devstack.postgres.passwords import load_passwords
from devstack.settings import StackSettings
from devstack.topology.addresses import app_ports
from devstack.topology.layout import database_layout
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import CORE_APPS, SHOP
from tests.e2e.shop import eventually

_HITS: Final = " UNION ALL ".join(
    f"SELECT activity, place, hits FROM {SHOP.app(app_id).package}.fault_hits WHERE saga_id = $1"
    for app_id in CORE_APPS
)

_EFFECTS: Final = {
    "reserve_stock": "SELECT count(*) FROM inventory_service.reservations WHERE saga_id = $1",
    "process_payment": "SELECT count(*) FROM payment_gateway.charges WHERE reference = $1 AND captured_cents > 0",
    "book_shipment": "SELECT count(*) FROM shipping_service.shipments WHERE saga_id = $1",
}
"""What a do leaves behind where it counts: reserved units, a charged card, a parcel; not the fence's word for it."""


# Works around `failing-read` (docs/upstream.md).
READ_OF_A_TURN_BEING_SAVED: Final = "missing from state store"
"""What the engine says when the workflow's events have changed since it read how many there are."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Looks into one running stack."""

    settings: StackSettings

    def history(self, order_id: str) -> list[pb.HistoryEvent]:
        """The workflow's history, oldest event first, as the engine keeps it."""
        return read_history(f"127.0.0.1:{app_ports(self.settings, ORDER_SERVICE).dapr_grpc}", order_id)

    def whole_history(self, order_id: str) -> list[pb.HistoryEvent]:
        """The history once the workflow has ended: an activity may run before the engine stores that it was called."""

        def ended() -> list[pb.HistoryEvent] | None:
            history = self.history(order_id)
            return history if any(event.HasField("executionCompleted") for event in history) else None

        return eventually(ended, f"the workflow of {order_id} ends")

    def calls(self, order_id: str) -> tuple[str, ...]:
        """Every attempt at every activity (`name`, `name#2`, …) that the workflow has scheduled when it has ended."""
        return tuple(_calls(self.whole_history(order_id)))

    def executions(self, order_id: str, activity: str) -> Counter[tuple[int, str]]:
        """How often each (attempt, outcome) of the activity ended at its participant; what was killed never did."""
        lines = (line for file in self._logs() for line in file.read_text(errors="replace").splitlines())
        return Counter(
            (entry["attempt"], entry["outcome"])
            for entry in map(_entry, lines)
            if entry.get("order_id") == order_id and entry.get("activity") == activity
        )

    def outcomes(self, order_id: str, activity: str) -> list[str]:
        """How each execution of the activity ended at its participant, in the order of their ends."""
        lines = (line for file in self._logs() for line in file.read_text(errors="replace").splitlines())
        return [
            entry["outcome"]
            for entry in map(_entry, lines)
            if entry.get("order_id") == order_id and entry.get("activity") == activity
        ]

    def hits(self, order_id: str) -> dict[tuple[str, int], int]:
        """How often each fault of the order's plan, by activity and place, has struck."""
        return {(row["activity"], row["place"]): row["hits"] for row in asyncio.run(self._query(_HITS, order_id))}

    def effects(self, order_id: str, activity: str) -> int:
        """How often the do has taken effect, by the books of whoever carries it out."""
        (row,) = asyncio.run(self._query(_EFFECTS[activity], order_id))
        return int(row["count"])

    def _logs(self) -> Iterator[Path]:
        return (self.settings.logs / f"{app_id}.log" for app_id in CORE_APPS)

    async def _query(self, statement: str, *values: object) -> list[Any]:
        layout = database_layout(self.settings, load_passwords(self.settings))
        connection = await asyncpg.connect(layout.admin_url)
        try:
            rows: list[Any] = await connection.fetch(statement, *values)
            return rows
        finally:
            await connection.close()


def read_history(address: str, instance_id: str) -> list[pb.HistoryEvent]:
    """The history of a workflow, asked of the sidecar at `address` again while a read meets a turn being saved.

    The engine reads a workflow's metadata and its events one after the other, not as of one moment.
    """
    with closing(TaskHubGrpcClient(host_address=address)) as client:

        def read() -> list[pb.HistoryEvent] | None:
            try:
                return list(client.get_instance_history(instance_id))
            except grpc.RpcError as error:
                if READ_OF_A_TURN_BEING_SAVED in str(error):
                    return None
                raise

        return eventually(read, f"the engine reads the history of {instance_id}")


def _calls(history: list[pb.HistoryEvent]) -> Iterator[str]:
    for event in history:
        if event.HasField("taskScheduled"):
            attempt = json.loads(event.taskScheduled.input.value)["attempt"]
            name = event.taskScheduled.name
            yield name if attempt == 1 else f"{name}#{attempt}"


def _entry(line: str) -> dict[str, Any]:
    """A log line as a record; empty if it is none of the service's own."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) and entry.get("event") == "activity" else {}
