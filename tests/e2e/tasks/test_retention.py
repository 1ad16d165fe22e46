"""Finished tasks leave the state store, here and in the audit-service; what the API shows stays."""

import asyncio

import asyncpg
import pytest

from devstack.postgres.passwords import DAPR, load_passwords
from devstack.settings import StackSettings
from devstack.topology.layout import database_layout
from tests.e2e.shop import eventually
from tests.e2e.tasks.task_client import AUDIT, PROCESSING, TaskClient, someone


def rows_of(settings: StackSettings, task_id: str) -> int:
    """How much of the task's workflows, and of its audit, is in the state store."""

    async def fetch() -> int:
        connection = await asyncpg.connect(database_layout(settings, load_passwords(settings)).url_of(DAPR))
        try:
            return int(await connection.fetchval(f"SELECT count(*) FROM state WHERE key LIKE '%{task_id}%'"))
        finally:
            await connection.close()

    return asyncio.run(fetch())


@pytest.mark.parametrize("workflow", [PROCESSING, AUDIT])
def test_a_finished_task_leaves_the_state_store(
    settings_and_client: tuple[StackSettings, TaskClient], client: TaskClient, workflow: str
) -> None:
    """With its child, if it has one; its row stays as it was."""
    settings = settings_and_client[0]
    task_id = client.submit(workflow=workflow, **someone())
    before = client.end_of(task_id)
    assert rows_of(settings, task_id) > 0

    eventually(lambda: rows_of(settings, task_id) == 0 or None, "nothing of it is left", 150)

    assert before == client.show(task_id)
