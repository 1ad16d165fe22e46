"""`shop task` as a person and as a program use it."""

import json
import os

from devstack.settings import StackSettings
from tests.e2e.conftest import shop_command
from tests.e2e.tasks.task_client import TaskClient, someone


def test_a_task_is_submitted_shown_and_listed(
    settings_and_client: tuple[StackSettings, TaskClient], client: TaskClient
) -> None:
    """With its end at once, or later; a refusal is one sentence."""
    variables = {**os.environ, **settings_and_client[0].environment()}
    ada = someone()
    submit = ("task", "submit", "--sku", "DSK-CALENDAR", "--email", ada["email"])

    submitted = json.loads(shop_command(variables, *submit, "--json").stdout)
    task_id = submitted["task_id"]
    shown = shop_command(variables, "task", "show", task_id).stdout
    listed = json.loads(shop_command(variables, "task", "list", "--limit", "1", "--json").stdout)
    plain = shop_command(variables, "task", "list", "--status", "completed").stdout
    refused = shop_command(variables, *submit, "--country", "Germany")

    assert "completed" == submitted["status"]
    assert {"run_ml_inference", "send_email", "send_push"} <= set(shown.split())
    assert [task_id] == [task["task_id"] for task in listed]
    assert task_id in plain
    assert (1, "shop: country: ") == (refused.returncode, refused.stderr[:15])
    assert 1 == len(client.mails(ada["email"]))


def test_the_doctor_finds_all_apps_healthy(
    settings_and_client: tuple[StackSettings, TaskClient], client: TaskClient
) -> None:
    """The relay, which has no workflows, the audit, whose role can't migrate, and the calls of both kinds of sagas."""
    client.stack.wait_ready()
    answer = shop_command({**os.environ, **settings_and_client[0].environment()}, "doctor")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.splitlines()[-1] == "healthy: 9 apps, 10 calls between them tried, nothing found"
