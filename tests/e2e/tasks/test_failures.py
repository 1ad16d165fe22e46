"""Participants are away or die in mid-activity, and so does the orchestrator: tasks end, nobody is notified twice."""

from typing import Any

import pytest

from tests.e2e.shop import eventually, fault, held
from tests.e2e.tasks.task_client import ORCHESTRATOR, TaskClient, someone, step_of
from tests.e2e.tasks.test_processing import APP_OF

REMOTE = ("send_email", "send_push", "run_ml_inference")


@pytest.mark.parametrize("activity", REMOTE)
def test_an_app_that_comes_back_in_time_is_waited_for(client: TaskClient, activity: str) -> None:
    """The call waits at the engine; nothing is sent twice."""
    ada = someone()
    app_id = APP_OF[activity]
    with held(client.stack, app_id):
        task_id = client.submit(**ada)
        client.reaches(task_id, activity)

    task = client.end_of(task_id)
    assert ("completed", None) == (task["status"], task["reason"])
    assert (1, 1) == (len(client.mails(ada["email"])), len(client.pushes(ada["user_id"])))


def test_the_mail_server_away_is_tried_five_times(client: TaskClient) -> None:
    """An outage of the outside world is seen by the policy; when it is back in time the e-mail leaves once."""
    ada, bob = someone(), someone()
    with held(client.stack, "mailbox"):
        waiting = client.end_of(client.submit(**ada))
        saved = client.submit(**bob)
        client.reaches(saved, "send_email", attempts=2)

    assert ("completed", 5) == (waiting["status"], step_of(waiting, "send_email")["attempts"])
    assert "no mail server to speak to" in waiting["notifications"][0]["reason"]
    assert "completed" == client.end_of(saved)["status"]
    assert (0, 1) == (len(client.mails(ada["email"])), len(client.mails(bob["email"])))


def not_yet_beside(activity: str) -> list[dict[str, Any]]:
    """Faults that keep the e-mail back while the app is killed for its push, which goes out beside it.

    An e-mail that is caught in the middle of its sending is of unknown fate, and not sent again: another case.
    """
    return [fault("send_email", "delay", seconds=5)] if activity == "send_push" else []


@pytest.mark.parametrize("activity", APP_OF)
def test_a_participant_killed_in_mid_activity(client: TaskClient, activity: str) -> None:
    """SIGKILL while it runs: it runs again after the restart, and takes effect once."""
    ada = someone()
    task_id = client.submit(fault(activity, "delay", seconds=3), *not_yet_beside(activity), **ada)
    client.reaches(task_id, activity)

    client.stack.kill(APP_OF[activity])

    task = client.end_of(task_id)
    assert ("completed", None) == (task["status"], task["reason"])
    assert (1, 1) == (len(client.mails(ada["email"])), len(client.pushes(ada["user_id"])))


@pytest.mark.parametrize("mode", ["crash_before", "crash_after"])
@pytest.mark.parametrize("activity", [*REMOTE, "assign_task", "close_task"])
def test_a_participant_that_dies_around_its_commit(client: TaskClient, activity: str, mode: str) -> None:
    """Before it or after it: one effect."""
    ada = someone()
    task = client.end_of(client.submit(fault(activity, mode), *not_yet_beside(activity), **ada))

    assert ("completed", None) == (task["status"], task["reason"])
    assert (1, 1) == (len(client.mails(ada["email"])), len(client.pushes(ada["user_id"])))


@pytest.mark.parametrize("victim", [ORCHESTRATOR, f"{ORCHESTRATOR}-daprd"])
@pytest.mark.parametrize("activity", REMOTE)
def test_the_orchestrator_killed_in_mid_workflow(client: TaskClient, activity: str, victim: str) -> None:
    """The workflow goes on where it was."""
    ada = someone()
    task_id = client.submit(fault(activity, "delay", seconds=3), **ada)
    client.reaches(task_id, activity)

    client.stack.kill(victim)

    task = client.end_of(task_id)
    assert ("completed", None) == (task["status"], task["reason"])
    assert (1, 1) == (len(client.mails(ada["email"])), len(client.pushes(ada["user_id"])))


def test_a_task_accepted_while_the_engine_is_away_is_neither_lost_nor_run_twice(client: TaskClient) -> None:
    """Between the task's row and its workflow everything dies; when all is back it runs once."""
    people = [someone() for _ in range(5)]
    with held(client.stack, f"{ORCHESTRATOR}-daprd"):
        task_ids = [client.submit(**one) for one in people]
        client.stack.kill(ORCHESTRATOR)

    tasks = [client.end_of(task_id) for task_id in task_ids]
    assert ["completed"] * 5 == [task["status"] for task in tasks]
    assert [1] * 5 == [len(client.mails(one["email"])) for one in people]


def test_a_client_that_repeats_its_request_through_a_restart_gets_one_task(client: TaskClient) -> None:
    """The key makes it safe."""
    ada = someone()

    def attempt() -> str | None:
        try:
            return client.submit(key=ada["user_id"], **ada)
        except (OSError, AssertionError):
            return None

    first = eventually(attempt, "an answer")
    client.stack.kill(ORCHESTRATOR)
    assert first == eventually(attempt, "the same answer")
    assert "completed" == client.end_of(first)["status"]
    assert 1 == len(client.mails(ada["email"]))
