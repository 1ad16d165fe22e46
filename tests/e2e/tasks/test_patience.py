"""Apps stay away for longer than an order would wait: a task waits, up to its patience, and isn't taken for lost."""

from datetime import UTC, datetime, timedelta

import pytest

from devstack.settings import StackSettings
from tests.e2e.shop import eventually, held
from tests.e2e.tasks.orchestrator import other_orchestrator
from tests.e2e.tasks.task_client import ML_INFERENCE, NOTIFICATION, TaskClient, someone

LONG_OUTAGE = timedelta(seconds=45)
"""Longer than the 30 s of an order's steps, and many times what `LOOKS_OFTEN` calls silent."""
LOOKS_OFTEN = {"TASK_LOST_SECONDS": "4", "TASK_SILENT_SECONDS": "4"}
IMPATIENT = {"TASK_PATIENCE_SECONDS": "10"}


def test_a_long_outage_is_waited_out(client: TaskClient, settings_and_client: tuple[StackSettings, TaskClient]) -> None:
    """By the same workflow: it still takes events, so that the task isn't begun anew."""
    ada = someone()
    with other_orchestrator(client, settings_and_client[0], LOOKS_OFTEN):
        with held(client.stack, NOTIFICATION):
            task_id = client.submit(**ada)
            over = datetime.now(UTC) + LONG_OUTAGE
            eventually(lambda: datetime.now(UTC) > over or None, "the outage was a long one")
        task = client.end_of(task_id)

    assert ("completed", None, 0) == (task["status"], task["reason"], task["restarts"])
    assert (1, 1) == (len(client.mails(ada["email"])), len(client.pushes(ada["user_id"])))


@pytest.mark.parametrize("app_id", [NOTIFICATION, ML_INFERENCE])
def test_an_app_that_stays_away_keeps_nothing_from_being_packed(
    client: TaskClient, settings_and_client: tuple[StackSettings, TaskClient], app_id: str
) -> None:
    """When its time is up the task goes on without it; what it does later is no second e-mail."""
    ada = someone()
    with other_orchestrator(client, settings_and_client[0], IMPATIENT), held(client.stack, app_id):
        task = client.end_of(client.submit(**ada))

    assert ("completed", None) == (task["status"], task["reason"])
    errors = [step["error"] for step in task["steps"] if step["outcome"] != "done"]
    assert errors
    assert all(f"no answer from {app_id} within 10 s" in error for error in errors)
    assert [app_id != NOTIFICATION] * 2 == [one["sent"] for one in task["notifications"]]
    assert 1 >= len(client.mails(ada["email"]))
