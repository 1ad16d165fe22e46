"""Those who have tasks audited, and read the record."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

import grpc
from dapr.ext.workflow import DaprWorkflowClient

from devstack.supervisor.client import StackClient
from shared.shop.audit import AUDIT_SERVICE
from tests.e2e.audit.worker import WORKFLOW
from tests.e2e.shop import Answer, Shop, eventually
from tests.integration.conftest import PROJECT

END_SECONDS: Final = 120.0


@contextmanager
def calling(stack: StackClient, sidecar_port: int) -> Iterator["Caller"]:
    """A caller, with a worker behind its sidecar for as long as the block lasts."""
    command = [sys.executable, "-m", "tests.e2e.audit.worker", str(sidecar_port)]
    client = DaprWorkflowClient(host="127.0.0.1", port=str(sidecar_port))
    with subprocess.Popen(command, cwd=PROJECT) as worker:
        try:
            yield Caller(stack, client)
        finally:
            worker.kill()
            client.close()  # type: ignore[no-untyped-call]


class Caller:
    """Starts such workflows through a sidecar, and reads the audit-service's HTTP surface."""

    def __init__(self, stack: StackClient, client: DaprWorkflowClient) -> None:
        self.stack = stack
        self._client = client

    def start(self, task_id: str, **changes: Any) -> str:  # noqa: ANN401 - parts of a JSON body
        """Begin the workflow; its instance id."""
        task = {
            "task_id": task_id,
            "audit": {"task_id": task_id, "action": changes.pop("action", "task_assigned")},
            "scope": "LINEAGE",
            "patience_seconds": 600,
            **changes,
        }
        instance_id = uuid4().hex
        self._client.schedule_new_workflow(WORKFLOW, input=task, instance_id=instance_id)
        return instance_id

    def end_of(self, instance_id: str) -> dict[str, Any]:
        """The workflow's result once it has ended."""

        def look() -> dict[str, Any] | None:
            # The engine's reads fail now and then, and are asked again.
            with contextlib.suppress(grpc.RpcError):
                state = self._client.get_workflow_state(instance_id)
                if state is not None and state.runtime_status.name in {"COMPLETED", "FAILED", "TERMINATED"}:
                    assert state.runtime_status.name == "COMPLETED", state
                    result: dict[str, Any] = json.loads(state.serialized_output)
                    return result
            return None

        return eventually(look, f"{instance_id} ends", END_SECONDS)

    def audited(self, task_id: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - as `start`
        """What the audit answers."""
        result = self.end_of(self.start(task_id, **changes))
        assert "audited" in result, result
        answer: dict[str, Any] = result["audited"]
        return answer

    def records(self, task_id: str) -> list[dict[str, Any]]:
        """What the record holds of the task."""
        found: list[dict[str, Any]] = self.get(f"/records?subject={task_id}")["items"]
        return found

    def get(self, path: str) -> dict[str, Any]:
        answer = self.ask(path)
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.body
        return body

    def ask(self, path: str) -> Answer:
        """An answer of the audit-service as it stands."""
        return Shop(self.stack, self.stack.urls()[AUDIT_SERVICE]).call("GET", path)


def a_task() -> str:
    """A task that the record doesn't know."""
    return f"task-{uuid4().hex[:12]}"
