"""`shop audit` as a person uses it, on a trail that somebody with all rights has tampered with."""

import asyncio
import json
import os
from subprocess import CompletedProcess

import asyncpg
import pytest

from devstack.postgres.passwords import load_passwords
from devstack.settings import StackSettings
from devstack.topology.layout import database_layout
from tests.e2e.audit.caller import Caller, a_task
from tests.e2e.conftest import shop_command

CHANGE = "UPDATE audit_service.audit_records SET subject = $2 WHERE key = $1"


def shop(settings: StackSettings, *words: str) -> CompletedProcess[str]:
    places = {
        "SHOP_HOME": str(settings.home),
        "SHOP_API_PORT": str(settings.api_port),
        "SHOP_BASE_PORT": str(settings.base_port),
    }
    return shop_command({**os.environ, **places}, "audit", *words)


def change(settings: StackSettings, key: str, subject: str) -> None:
    """As the superuser, past every trigger."""

    async def tamper() -> None:
        connection = await asyncpg.connect(database_layout(settings, load_passwords(settings)).admin_url)
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL session_replication_role = replica")
                await connection.execute(CHANGE, key, subject)
        finally:
            await connection.close()

    asyncio.run(tamper())


def test_a_record_is_shown_with_the_steps_that_led_to_it(caller: Caller, settings: StackSettings) -> None:
    task_id = a_task()
    caller.audited(task_id)

    shown = shop(settings, "show", task_id, "--json")

    (record,) = json.loads(shown.stdout)["items"]
    assert (record["audit_id"], record["content"]["action"]) == (f"audit-{task_id}", "task_assigned")
    assert shop(settings, "show", task_id).returncode == 0


def test_the_head_is_an_anchor_that_later_records_leave_valid(caller: Caller, settings: StackSettings) -> None:
    caller.audited(a_task())
    anchor = shop(settings, "head").stdout.strip()
    caller.audited(a_task())

    verified = shop(settings, "verify", "--anchor", anchor)

    assert (verified.returncode, "the given anchor is in it" in verified.stdout) == (0, True)


def test_a_changed_record_is_named_and_the_exit_code_is_1(caller: Caller, settings: StackSettings) -> None:
    """Once it is as it was, the trail holds again."""
    task_id = a_task()
    number = caller.audited(task_id)["number"]
    caller.audited(a_task())
    change(settings, f"audit-{task_id}", "somebody-else")
    try:
        verified = shop(settings, "verify")
    finally:
        change(settings, f"audit-{task_id}", task_id)

    assert verified.returncode == 1
    assert verified.stdout.startswith(f"record {number}: changed: its content has the hash")
    assert "compare this record and those after it with a backup" in verified.stdout
    assert shop(settings, "verify").returncode == 0


@pytest.mark.usefixtures("caller")
def test_an_anchor_that_is_none_is_refused(settings: StackSettings) -> None:
    """It must not pass as one that holds."""
    verified = shop(settings, "verify", "--anchor", "7")

    assert verified.returncode == 2
    assert "is no anchor" in verified.stderr
