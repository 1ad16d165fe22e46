"""`task_processing_multi_app` on the real stack: it completes, it is refused, and its policy is what is seen."""

import pytest

from tests.e2e.shop import fault
from tests.e2e.tasks.task_client import (
    ML_INFERENCE,
    NOTIFICATION,
    ORCHESTRATOR,
    TaskClient,
    a_task,
    pauses,
    someone,
    step_of,
    steps_of,
)

ALL_DONE = [
    ("validate_task", "done"),
    ("run_ml_inference", "done"),
    ("assign_task", "done"),
    ("send_email", "done"),
    ("send_push", "done"),
]
APP_OF = {
    "validate_task": ORCHESTRATOR,
    "run_ml_inference": ML_INFERENCE,
    "assign_task": ORCHESTRATOR,
    "send_email": NOTIFICATION,
    "send_push": NOTIFICATION,
}


def test_a_task_completes_over_three_apps(client: TaskClient) -> None:
    """Scored, assigned, and its customer notified once by mail and once by push."""
    ada = someone()
    task = client.end_of(client.submit(**ada))

    assert ("completed", None) == (task["status"], task["reason"])
    assert ALL_DONE == steps_of(task)
    assert APP_OF == {step["name"]: step["app_id"] for step in task["steps"]}
    assert [1] * 5 == [step["attempts"] for step in task["steps"]]
    assert "standard" == task["lane"]
    assert task["assignee"].startswith("packer-")
    assert 0 <= task["fraud_score"] <= 1
    assert [True, True] == [one["sent"] for one in task["notifications"]]
    assert ["Task Assigned"] == [mail["subject"] for mail in client.mails(ada["email"])]
    assert [0] == [push["repeats"] for push in client.pushes(ada["user_id"])]


def test_the_same_key_is_the_same_task(client: TaskClient) -> None:
    """For good, and with another body it is refused."""
    ada = someone()
    task_id = client.submit(key=ada["user_id"], **ada)
    client.end_of(task_id)

    assert task_id == client.submit(key=ada["user_id"], **ada)
    other = client.call("POST", "/tasks", {}, {"Idempotency-Key": ada["user_id"]})
    assert 422 == other.status
    assert 1 == len(client.mails(ada["email"]))


def test_an_address_that_no_mail_reaches_is_turned_away_at_once(client: TaskClient) -> None:
    answer = client.post(a_task(**{**someone(), "email": "ada..lovelace@example.org"}))

    assert answer.status == 422
    assert "email" in answer.body["detail"]


def test_whoever_cannot_be_mailed_has_their_order_packed(client: TaskClient) -> None:
    """The task says so, with the mail server's own words; the push leaves all the same."""
    bob = {**someone(), "email": "bounce@example.com"}
    task = client.end_of(client.submit(**bob))

    assert ("completed", None, "standard") == (task["status"], task["reason"], task["lane"])
    assert ("send_email", "refused") in steps_of(task)
    mail, push = task["notifications"]
    assert (False, None, True) == (mail["sent"], mail["sent_at"], push["sent"])
    assert mail["reason"].startswith("send_email on notification-service was refused: the mail server refuses")
    assert (0, 1) == (len(client.mails("bounce@example.com")), len(client.pushes(bob["user_id"])))


def test_an_order_that_has_its_task_gets_no_other(client: TaskClient) -> None:
    """`validate_task` refuses the second one, and names the first; after a failure the order is free again."""
    order_id = f"ord-{someone()['user_id']}"
    failed = client.end_of(client.submit(fault("assign_task", "refuse"), order_id=order_id, **someone()))
    first = client.submit(order_id=order_id, **someone())
    assert "completed" == client.end_of(first)["status"]

    ada = someone()
    second = client.end_of(client.submit(order_id=order_id, **ada))

    assert ("failed", [*ALL_DONE[:2], ("assign_task", "refused")]) == (failed["status"], steps_of(failed))
    assert ("failed", [("validate_task", "refused")]) == (second["status"], steps_of(second))
    assert f"order {order_id} has task {first} already" in second["reason"]
    assert [] == client.mails(ada["email"])


def test_what_the_model_knows_nothing_of_is_inspected(client: TaskClient) -> None:
    """No score is no failure: somebody looks at the order, and it is packed."""
    ada = someone()
    task = client.end_of(client.submit(currency="JPY", **ada))

    assert [ALL_DONE[0], ("run_ml_inference", "refused"), *ALL_DONE[2:]] == steps_of(task)
    assert "the model knows no 'JPY'" in step_of(task, "run_ml_inference")["error"]
    assert ("completed", "inspection", None) == (task["status"], task["lane"], task["fraud_score"])
    assert 1 == len(client.mails(ada["email"]))


def test_a_failed_task_is_begun_anew(client: TaskClient) -> None:
    """By `shop task retry`'s request: once its assignment works, it is packed."""
    ada = someone()
    task_id = client.submit(fault("assign_task", "refuse"), **ada)
    assert "failed" == client.end_of(task_id)["status"]

    answer = client.call("POST", f"/tasks/{task_id}/retry")

    assert (202, {"task_id": task_id, "status": "accepted"}) == (answer.status, answer.body)
    task = client.end_of(task_id)
    assert ("completed", 1) == (task["status"], task["restarts"])
    assert (1, 1) == (len(client.mails(ada["email"])), len(client.pushes(ada["user_id"])))
    assert 409 == client.call("POST", f"/tasks/{task_id}/retry").status


@pytest.mark.parametrize("activity", ["send_email", "send_push", "run_ml_inference"])
def test_a_remote_call_is_tried_five_times_at_growing_intervals(client: TaskClient, activity: str) -> None:
    """1, 2, 4 and 8 seconds after a failure; the fifth attempt may still succeed."""
    ada = someone()
    task = client.end_of(client.submit(fault(activity, "fail", times=4), **ada))

    step = step_of(task, activity)
    assert ("completed", 5) == (task["status"], step["attempts"])
    assert [1, 2, 3, 4] == [one["attempt"] for one in step["errors"]]
    for seen, planned in zip(pauses(step), (1, 2, 4, 8), strict=True):
        assert planned <= seen < planned * 2 + 5
    assert 1 == len(client.mails(ada["email"]))
    assert 1 == len(client.pushes(ada["user_id"]))


@pytest.mark.parametrize("activity", ["send_email", "send_push", "run_ml_inference"])
def test_after_the_fifth_failure_it_is_packed_all_the_same(client: TaskClient, activity: str) -> None:
    """No sixth attempt; the step names the cause, and only what failed is missing."""
    ada = someone()
    task = client.end_of(client.submit(fault(activity, "fail", times=5), **ada))

    step = step_of(task, activity)
    assert ("completed", "unknown", 5) == (task["status"], step["outcome"], step["attempts"])
    assert (0 if activity == "send_email" else 1) == len(client.mails(ada["email"]))
    assert (0 if activity == "send_push" else 1) == len(client.pushes(ada["user_id"]))
    unsent = [one["reason"] for one in task["notifications"] if not one["sent"]]
    if activity == "run_ml_inference":
        assert ([], "inspection") == (unsent, task["lane"])
    else:
        [reason] = unsent
        assert reason.startswith(f"{activity} on {APP_OF[activity]} has an unknown outcome: gave up after 5 attempts: ")


@pytest.mark.parametrize("activity", APP_OF)
def test_a_lost_reply_repeats_nothing(client: TaskClient, activity: str) -> None:
    """The second attempt gets the first answer: one assignment, one e-mail, one push."""
    ada = someone()
    task = client.end_of(client.submit(fault(activity, "lose_reply"), **ada))

    assert ("completed", 2) == (task["status"], step_of(task, activity)["attempts"])
    assert (1, 1) == (len(client.mails(ada["email"])), len(client.pushes(ada["user_id"])))


def test_bad_input_gets_a_sentence_and_changes_nothing(client: TaskClient) -> None:
    """Problem documents, as everywhere."""
    before = client.call("GET", "/tasks?limit=1").body["items"]
    ada = someone()
    lines = [{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 2}]
    bodies = [a_task(lines=[]), a_task(lines=lines), a_task(country="Germany"), a_task(total_cents=-1), a_task(sku="A")]
    answers = [client.post(body, ada["user_id"]) for body in bodies]

    assert [422] * len(bodies) == [answer.status for answer in answers]
    assert all(answer.body["detail"].endswith(".") for answer in answers)
    assert 400 == client.call("POST", "/tasks", a_task()).status
    assert 404 == client.call("GET", "/tasks/task-nowhere").status
    assert 422 == client.call("GET", "/tasks?status=gone").status
    assert before == client.call("GET", "/tasks?limit=1").body["items"]
