"""A failed task is found: what it should pack is paid for."""

from order_service.reconciler.reconciler import Reconciler
from tests.integration.reconciler.world import World, by_kind

TASK = """
    INSERT INTO task_orchestrator_service.tasks (task_id, origin, idempotency_key, request_hash, workflow, order_id,
        status, accepted, timeline, start_due_at, ended_at, reason)
    VALUES ('task-ord-1', 'order.completed', 'ord-1', 'h', 'task_processing_multi_app', 'ord-1', 'failed',
        '{"email": "ada@example.org"}', '{}', now(), now(), 'ada@example.org bounced')
"""


async def found(reconciler: Reconciler) -> dict[str, list[str]]:
    await reconciler.sweep()
    return by_kind(await reconciler.report())


async def test_a_failed_task_is_found_until_it_is_begun_anew(world: World) -> None:
    reconciler = world.reconciler()
    await world.sql(TASK)

    assert await found(reconciler) == {"task_failed": ["task-ord-1"]}
    [finding] = (await reconciler.report()).findings
    assert finding.seen.startswith("task_processing_multi_app of order ord-1 failed at ")
    assert "shop task retry TASK" in finding.advice
    assert "ada" not in finding.model_dump_json()

    await world.sql("UPDATE task_orchestrator_service.tasks SET status = 'accepted', ended_at = NULL, reason = NULL")
    assert await found(reconciler) == {}


async def test_a_shop_without_tasks_is_reconciled(world: World) -> None:
    """Their part of the stack was never started."""
    await world.sql("DROP SCHEMA task_orchestrator_service CASCADE")
    reconciler = world.reconciler()

    assert await found(reconciler) == {}
    assert (await reconciler.report()).reconciled
