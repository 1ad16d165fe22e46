"""Tasks of another app are put on the record, once each, whatever dies meanwhile."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.shop.audit import AUDIT_SERVICE
from shared.shop.registry import EVENT_RELAY
from tests.e2e.audit.caller import Caller, a_task
from tests.e2e.audit.worker import WORKFLOW
from tests.e2e.shop import eventually, fault, held


def test_a_task_is_put_on_the_record_with_the_steps_that_led_to_it(caller: Caller) -> None:
    """The record shows the caller's steps from its propagated history, without their inputs and results."""
    task_id = a_task()

    answer = caller.audited(task_id)

    (record,) = caller.records(task_id)
    assert answer == {
        "audit_id": f"audit-{task_id}",
        "number": record["number"],
        "hash": record["hash"],
        "recorded_at": record["recorded_at"].replace("+00:00", "Z"),
    }
    (seen,) = record["content"]["lineage"]
    assert (seen["app_id"], seen["workflow"]) == (EVENT_RELAY, WORKFLOW)
    steps = [(step["name"], step["app_id"], step["outcome"]) for step in seen["steps"]]
    assert ("check_task", EVENT_RELAY, "done") in steps


def test_a_caller_may_keep_its_history_to_itself(caller: Caller) -> None:
    task_id = a_task()

    caller.audited(task_id, scope="NONE")

    assert [record["content"] for record in caller.records(task_id)] == [{"action": "task_assigned", "lineage": []}]


def test_the_same_task_twice_is_one_record(caller: Caller) -> None:
    """The second answer is the first."""
    task_id = a_task()

    assert caller.audited(task_id) == caller.audited(task_id)
    assert len(caller.records(task_id)) == 1


def test_many_tasks_at_once_make_one_chain(caller: Caller) -> None:
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(caller.audited, [a_task() for _ in range(20)]))

    assert len({answer["number"] for answer in answers}) == 20


@pytest.mark.parametrize(
    ("audit", "error", "sentence"),
    [
        ({"task_id": "", "action": "task_assigned"}, "NonRetryableError", "the task id '' can't be put on the record"),
        ({"task_id": "t 1", "action": "task_assigned"}, "NonRetryableError", "printable ASCII characters without"),
        ({"task_id": "t-1", "action": "Assigned!"}, "NonRetryableError", "send a name such as 'task_assigned'"),
        ({"action": "task_assigned"}, "MessageRejectedError", "audit-service can't read its input"),
        ("no object", "MessageRejectedError", "audit-service can't read its input"),
    ],
    ids=["no task", "spaces", "action", "task missing", "no object"],
)
def test_what_makes_no_record_is_refused_with_a_sentence(
    caller: Caller, audit: object, error: str, sentence: str
) -> None:
    before = caller.get("/head")

    result = caller.end_of(caller.start(a_task(), audit=audit))

    assert result["failed"] == error
    assert sentence in result["message"]
    assert caller.get("/head") == before


def test_another_action_under_the_same_task_is_refused(caller: Caller) -> None:
    """A record never changes, and nobody reads that something stands on it that doesn't."""
    task_id = a_task()
    caller.audited(task_id)

    result = caller.end_of(caller.start(task_id, action="task_cancelled"))

    assert result["failed"] == "NonRetryableError"
    assert "is on the record already" in result["message"]
    assert [record["content"]["action"] for record in caller.records(task_id)] == ["task_assigned"]


def test_an_outage_of_the_audit_service_is_waited_out(caller: Caller) -> None:
    """Service and sidecar are dead when the task calls, and both come back."""
    task_id = a_task()
    with held(caller.stack, AUDIT_SERVICE, f"{AUDIT_SERVICE}-daprd"):
        instance_id = caller.start(task_id)

    assert caller.end_of(instance_id)["audited"]["audit_id"] == f"audit-{task_id}"
    assert len(caller.records(task_id)) == 1


def test_a_caller_whose_time_is_over_still_gets_its_record(caller: Caller) -> None:
    """Dapr saves no turn that begins a child in an app that is away: when it is back, timer and audit both happen."""
    task_id = a_task()
    with held(caller.stack, AUDIT_SERVICE, f"{AUDIT_SERVICE}-daprd"):
        instance_id = caller.start(task_id, patience_seconds=0.5)

    result = caller.end_of(instance_id)
    (record,) = eventually(lambda: caller.records(task_id) or None, f"{task_id} is on the record")
    assert result == {"late": True} or result["audited"]["number"] == record["number"]


@pytest.mark.parametrize("mode", ["crash_before", "crash_after", "lose_reply", "duplicate"])
def test_the_audit_service_killed_around_the_append(caller: Caller, mode: str) -> None:
    """SIGKILL before the append, or between it and the activity's end, leaves one record."""
    task_id = a_task()
    audit = {"task_id": task_id, "action": "task_assigned", "faults": [fault("append_audit_record", mode)]}

    answer = caller.audited(task_id, audit=audit)

    assert [record["number"] for record in caller.records(task_id)] == [answer["number"]]
    assert [len(record["content"]["lineage"]) for record in caller.records(task_id)] == [1]


def test_the_database_dies_under_the_audit(caller: Caller) -> None:
    """Postgres is killed while tasks are being audited; each gets its one record when it is back."""
    task_ids = [a_task() for _ in range(5)]
    instance_ids = [caller.start(task_id) for task_id in task_ids]

    caller.stack.kill("postgres")
    caller.stack.wait_ready(timeout_seconds=120)

    for task_id, instance_id in zip(task_ids, instance_ids, strict=True):
        assert caller.end_of(instance_id)["audited"]["audit_id"] == f"audit-{task_id}"
        assert len(caller.records(task_id)) == 1
