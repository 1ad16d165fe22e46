"""The task workflows in memory: what is called in which order, and how each failure ends."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from saga_testing.context import SAGA_ID
from saga_testing.engine import Observed, Play
from saga_testing.script import DENIED, NEVER, OUTAGE, REFUSED, UNREADABLE, UNREGISTERED, Answer, always
from shared.contracts.contract import TASK_SECONDS
from shared.shop.inventory import StockLine
from shared.shop.task import TASK_PROCESSING, TASK_WITH_AUDIT, UNSCORED, AcceptedTask, Lane
from task_orchestrator_service.rules import Team
from task_orchestrator_service.workflow import TaskWorkflow, task_workflows_shown_to
from tests.order_saga.worlds import Script

pytestmark = pytest.mark.unit

AWAY = f"no answer from audit-service within {TASK_SECONDS:.0f} s"
APPS = {
    "validate_task": None,
    "run_ml_inference": "ml-inference-service",
    "assign_task": None,
    "send_email": "notification-service",
    "send_push": "notification-service",
    "close_task": None,
}


def a_task(**changes: Any) -> AcceptedTask:  # noqa: ANN401 - fields of the message
    return AcceptedTask.model_validate(
        {
            "task_id": SAGA_ID,
            "run_id": "run-1",
            "email": "ada@example.org",
            "user_id": "ada",
            "lines": (StockLine(sku="TEA", quantity=3), StockLine(sku="MUG", quantity=1)),
            "total_cents": 4200,
            "currency": "EUR",
            "country": "DE",
            "order_id": "ord-7",
            **changes,
        }
    )


def made(name: str) -> Callable[[Observed], TaskWorkflow]:
    return lambda observed: task_workflows_shown_to(observed)[name]


def play(answers: dict[str, list[Answer]] | None = None, name: str = TASK_PROCESSING, **changes: Any) -> Play:  # noqa: ANN401
    return Script(answers).play(made(name), a_task(**changes))


def closing(played: Play) -> dict[str, Any]:
    return dict(played.request("close_task"))


def test_a_task_is_scored_assigned_and_then_notified() -> None:
    """The result is the chapter's; the row keeps more."""
    played = play()

    assert list(APPS) == played.calls
    assert APPS == {call.activity: call.app_id for call in played.called}
    sent = {"sent": True, "sent_at": "2026-01-01T00:00:00Z"}
    assert {"status": "completed", "notifications": [sent, sent]} == played.result
    assert ("ann", "standard", 0.25) == tuple(
        closing(played)["result"][name] for name in ("assignee", "lane", "fraud_score")
    )
    assert ("ada@example.org", "Task Assigned") == tuple(
        played.request("send_email")[name] for name in ("recipient", "subject")
    )
    facts = played.request("run_ml_inference")
    assert (4200, 4, 2, "DE") == tuple(facts[name] for name in ("total_cents", "units", "distinct_skus", "country"))


def test_mail_and_push_leave_side_by_side() -> None:
    """Neither waits for the other, and neither leaves before the assignment."""
    played = play()

    assert played.at_seconds("send_email") == played.at_seconds("send_push")


@pytest.mark.parametrize("name", [TASK_PROCESSING, TASK_WITH_AUDIT])
@pytest.mark.parametrize("response", [{"claimed": False}, {"run_id": "run-2"}])
def test_a_run_that_does_not_own_the_task_ends_without_a_trace(name: str, response: dict[str, Any]) -> None:
    """Dapr replaces a finished instance silently; the second run does nothing."""
    played = play({"validate_task": [Answer(response=response)]}, name)

    assert ["validate_task"] == played.calls
    assert "not_claimed" == played.status


@pytest.mark.parametrize(
    ("activity", "calls"),
    [
        ("validate_task", ["validate_task", "close_task"]),
        ("assign_task", ["validate_task", "run_ml_inference", "assign_task", "close_task"]),
    ],
)
def test_a_refusal_fails_the_task_at_once(activity: str, calls: list[str]) -> None:
    """Nothing more is begun, and the reason says who refused what, and what to do."""
    played = play({activity: [REFUSED]})

    app_id = APPS[activity] or "task-orchestrator-service"
    assert calls == played.calls
    assert "failed" == played.status
    assert (
        f"{activity} on {app_id} was refused: card declined. "
        "Correct what it says, and submit the task again under a new key."
    ) == closing(played)["reason"]


GIVEN_UP = {
    "refused": ([REFUSED], "was refused: card declined"),
    "gave up": (always(OUTAGE), "gave up after 5 attempts"),
    "away": ([NEVER], "no answer from"),
    "unregistered": ([UNREGISTERED], "deploy a version"),
    "denied": ([DENIED], "access policy"),
}


@pytest.mark.parametrize("end", GIVEN_UP)
@pytest.mark.parametrize("activity", ["send_email", "send_push"])
def test_whoever_cannot_be_notified_has_their_order_packed(activity: str, end: str) -> None:
    """They have paid. The task says that they weren't notified, and why; the other message isn't held up."""
    answers, reason = GIVEN_UP[end]
    played = play({activity: answers})

    assert "completed" == played.status
    result = closing(played)["result"]
    assert ("ann", "standard", 0.25) == tuple(result[name] for name in ("assignee", "lane", "fraud_score"))
    email, push = result["notifications"]
    failed, sent = (email, push) if activity == "send_email" else (push, email)
    assert (failed["sent"], sent["sent"], sent["reason"]) == (False, True, None)
    assert failed["reason"].startswith(f"{activity} on notification-service")
    assert reason in failed["reason"]
    shown = played.result["notifications"][0 if activity == "send_email" else 1]
    assert (shown["sent"], shown["reason"]) == (False, failed["reason"])


@pytest.mark.parametrize("end", GIVEN_UP)
def test_no_score_is_no_failure(end: str) -> None:
    """Somebody looks at such an order: a currency that the model doesn't know is no reason to keep it."""
    played = play({"run_ml_inference": GIVEN_UP[end][0]})

    assert "completed" == played.status
    assert list(APPS) == [call for call in played.calls if "#" not in call]
    assert UNSCORED == played.request("assign_task")["fraud_score"]
    assert (None, None) == tuple(closing(played)["result"][name] for name in ("fraud_score", "model_version"))


def test_an_unscored_order_is_inspected() -> None:
    assert Team(("ann",), ("bob",), 1.0).lane_of(UNSCORED) is Lane.INSPECTION


@pytest.mark.parametrize("activity", ["run_ml_inference", "send_email", "send_push"])
def test_five_attempts_at_growing_intervals_and_no_sixth(activity: str) -> None:
    """1, 2, 4 and 8 s after each failure."""
    played = play({activity: always(OUTAGE)})

    moments = played.at_seconds(activity)
    assert [1.125, 2.125, 4.125, 8.125] == [later - sooner for sooner, later in pairwise(moments)]


@pytest.mark.parametrize(("patience_seconds", "waited"), [(None, 1800), (20, 20)])
@pytest.mark.parametrize("activity", ["send_email", "send_push"])
def test_an_app_that_stays_away_is_waited_for_so_long(
    activity: str, patience_seconds: float | None, waited: int
) -> None:
    """Dapr itself would wait for ever."""
    played = play({activity: [NEVER]}, patience_seconds=patience_seconds)

    reasons = [one["reason"] for one in closing(played)["result"]["notifications"]]
    assert (
        f"{activity} on notification-service has an unknown outcome: no answer from notification-service within "
        f"{waited} s (attempt 1)"
    ) in reasons


def test_a_task_is_audited_by_a_child_in_another_app() -> None:
    """Under its own instance id, with the caller's history."""
    played = play(name=TASK_WITH_AUDIT)

    (child,) = [call for call in played.called if call.instance_id is not None]
    assert ("compliance_audit_workflow", "audit-service", f"audit-{SAGA_ID}") == (
        child.activity,
        child.app_id,
        child.instance_id,
    )
    assert {"task_id": SAGA_ID, "action": "task_assigned", "faults": []} == child.envelope
    assert any(asked.endswith("PropagationScope.LINEAGE") for asked in played.asked)
    assert {"status": "audited", "audit_id": "aud-1"} == played.result
    assert ["validate_task", "compliance_audit_workflow", "close_task"] == played.calls


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (REFUSED, "compliance_audit_workflow on audit-service was refused: card declined. Correct what"),
        (
            Answer("OrchestratorNotRegisteredError", "no such workflow"),
            "compliance_audit_workflow on audit-service failed: Child workflow 'compliance_audit_workflow' not usable",
        ),
        (OUTAGE, "compliance_audit_workflow on audit-service has an unknown outcome: ConnectionError"),
        (UNREADABLE, "compliance_audit_workflow on audit-service has an unknown outcome: unreadable answer"),
        (NEVER, f"compliance_audit_workflow on audit-service has an unknown outcome: {AWAY}"),
    ],
    ids=["refused", "unregistered", "failed", "unreadable", "away"],
)
def test_an_audit_that_does_not_end_well_fails_the_task(answer: Answer, reason: str) -> None:
    """Once: the child retries by itself what can be retried."""
    if answer is UNREADABLE:
        answer = Answer(response={"number": "seven"})
    played = play({"compliance_audit_workflow": [answer]}, TASK_WITH_AUDIT)

    assert "failed" == played.status
    assert closing(played)["reason"].startswith(reason)
    assert ["validate_task", "compliance_audit_workflow", "close_task"] == played.calls
