"""The task system as those see it who submit tasks, and those who are notified."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from devstack.supervisor.client import StackClient
from tests.e2e.shop import Answer, Shop, eventually

PROCESSING: Final = "task_processing_multi_app"
AUDIT: Final = "task_with_audit"
ORCHESTRATOR: Final = "task-orchestrator-service"
NOTIFICATION: Final = "notification-service"
ML_INFERENCE: Final = "ml-inference-service"
AUDIT_SERVICE: Final = "audit-service"
ENDED: Final = {"completed", "audited", "failed"}
END_SECONDS: Final = 120.0


@dataclass
class TaskClient:
    """Submits tasks over plain HTTP, and looks into the mailbox."""

    shop: Shop
    submitted: list[str] = field(default_factory=list)

    @property
    def stack(self) -> StackClient:
        return self.shop.stack

    def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
        return self._of(ORCHESTRATOR).call(method, path, body, headers)

    def answers(self) -> bool | None:
        """True once the orchestrator is ready, None before."""
        return self._of(ORCHESTRATOR).answers()

    def post(self, body: object, key: str | None = None) -> Answer:
        """`POST /tasks` as it stands."""
        return self.call("POST", "/tasks", body, {"Idempotency-Key": key or uuid4().hex})

    def submit(self, *faults: dict[str, Any], key: str | None = None, **changes: Any) -> str:  # noqa: ANN401
        """Submit a task that is accepted; its id."""
        answer = self.post(a_task(*faults, **changes), key)
        assert answer.status == 202, answer
        task_id: str = answer.body["task_id"]
        self.submitted.append(task_id)
        return task_id

    def show(self, task_id: str) -> dict[str, Any] | None:
        """The task; None while nobody answers, or while it isn't there yet."""
        try:
            answer = self.call("GET", f"/tasks/{task_id}")
        except OSError:
            return None
        return answer.body if answer.status == 200 else None

    def end_of(self, task_id: str) -> dict[str, Any]:
        """The task once it has ended."""

        def look() -> dict[str, Any] | None:
            task = self.show(task_id)
            return task if task is not None and task["status"] in ENDED else None

        return eventually(look, f"{task_id} ends", END_SECONDS)

    def reaches(self, task_id: str, step: str, outcome: str = "running", attempts: int = 1) -> dict[str, Any]:
        """The step as soon as it has this outcome, and so many attempts."""

        def look() -> dict[str, Any] | None:
            task = self.show(task_id)
            steps = [one for one in task["steps"] if one["name"] == step] if task else []
            return steps[0] if steps and steps[0]["outcome"] == outcome and steps[0]["attempts"] >= attempts else None

        return eventually(look, f"{task_id} has {step} {outcome}")

    def mails(self, recipient: str) -> list[dict[str, Any]]:
        """What the mailbox holds for this recipient."""
        items: list[dict[str, Any]] = self._of("mailbox").call("GET", f"/messages?recipient={recipient}").body["items"]
        return items

    def pushes(self, user_id: str) -> list[dict[str, Any]]:
        """What the mailbox holds for this user."""
        items: list[dict[str, Any]] = self._of("mailbox").call("GET", f"/pushes?user_id={user_id}").body["items"]
        return items

    def _of(self, name: str) -> Shop:
        return Shop(self.stack, self.stack.urls()[name])


def a_task(*faults: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a JSON body
    """A body for `POST /tasks`; `changes` replace its fields, `email` and `user_id` the customer's."""
    body: dict[str, Any] = {
        "workflow": PROCESSING,
        "customer": {"email": changes.pop("email", "ada@example.org"), "user_id": changes.pop("user_id", "ada")},
        "lines": [{"sku": "DSK-CALENDAR", "quantity": 2}],
        "total_cents": 4200,
        "currency": "EUR",
        "country": "DE",
        **changes,
    }
    return {**body, "faults": list(faults)} if faults else body


def someone() -> dict[str, str]:
    """A customer whom the mailbox doesn't know."""
    name = uuid4().hex
    return {"email": f"{name}@example.org", "user_id": name}


def steps_of(task: dict[str, Any]) -> list[tuple[str, str]]:
    """The task's steps as (name, outcome)."""
    return [(step["name"], step["outcome"]) for step in task["steps"]]


def step_of(task: dict[str, Any], name: str) -> dict[str, Any]:
    """The step of this name; there is one."""
    (step,) = [one for one in task["steps"] if one["name"] == name]
    found: dict[str, Any] = step
    return found


def pauses(step: dict[str, Any]) -> list[float]:
    """Seconds from each failed attempt to the next one's failure, or to the step's end."""
    moments = [datetime.fromisoformat(one["at"]) for one in step["errors"]]
    moments.append(datetime.fromisoformat(step["ended_at"]))
    return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(moments)]
