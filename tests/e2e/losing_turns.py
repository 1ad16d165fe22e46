"""A service that loses one turn of some of its workflows: what the engine waits for never comes.

daprd 1.18.2 loses turns by itself when the scheduler dies at the wrong moment, rarely. To the engine it is the same: it
holds the workflow's lock and calls it running until the sidecar, or its worker, is a new one.

    python -m tests.e2e.losing_turns order_service
"""

import runpy
import sys
from collections import Counter
from typing import Any, Final

from dapr.ext.workflow._durabletask.worker import TaskHubGrpcWorker

TURNS: Final = {"ord": 8, "task": 6}
"""An order or a task without mishaps takes so many, or some more; by the first word of its id."""
SPARED: Final = ("-recovery-", "-again-")


def losing(package: str) -> tuple[str, ...]:
    """The command of this service, losing turns."""
    return (sys.executable, "-m", "tests.e2e.losing_turns", package)


def lost_turn_of(instance_id: str) -> int | None:
    """Which turn of the workflow is lost, from the second; None of every second one, and of those that recover."""
    if any(word in instance_id for word in SPARED):
        return None
    number = int(instance_id[-4:], 16)
    return None if number % 2 else 2 + number // 2 % TURNS[instance_id.partition("-")[0]]


def lose_turns() -> None:
    """Drop the answers of those turns instead of sending them."""
    send = TaskHubGrpcWorker._send_orchestrator_response  # noqa: SLF001 - there is no other place to lose one
    turns: Counter[str] = Counter()

    def send_or_lose(self: Any, req: Any, *more: Any) -> None:  # noqa: ANN401 - as the SDK passes them
        instance_id = str(req.instanceId)
        turns[instance_id] += 1
        if lost_turn_of(instance_id) != turns[instance_id]:
            send(self, req, *more)

    TaskHubGrpcWorker._send_orchestrator_response = send_or_lose  # type: ignore[assignment, method-assign] # noqa: SLF001


if __name__ == "__main__":
    lose_turns()
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
