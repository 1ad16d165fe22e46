"""The audit-service as a whole: its contract, its HTTP surface, its process, each as the role that can only append."""

from typing import Any

import pytest
from dapr.ext.workflow import WorkflowActivityContext
from dapr.ext.workflow._durabletask import task as sdk

from audit_service.activities import serve_audit
from audit_service.api import audit_routes
from audit_service.chain import GENESIS
from audit_service.records import AuditTrail
from shared.participant.activities import ActivityHost
from shared.participant.errors import NonRetryableError
from shared.participant.faults import FaultInjector, InjectedOutageError
from shared.service.about import About
from shared.shop.audit import AUDIT_SERVICE, AuditRecordPage, AuditRecordView, AuditVerdict
from tests.integration.api import client_of
from tests.integration.audit.world import Trail
from tests.integration.service_process import running
from tests.registered import Registered


async def execute(
    trail: Trail, task_id: str = "task-1", action: str = "task_assigned", *modes: str, lineage: tuple[object, ...] = ()
) -> dict[str, Any]:
    """Run the activity as a sidecar would."""
    host, registered = ActivityHost(AUDIT_SERVICE, injector=FaultInjector(trail.writer)), Registered()
    serve_audit(host, trail.writer)
    host.register(registered)
    envelope = {
        "saga_id": f"audit-{task_id}",
        "step": "append_audit_record",
        "attempt": 1,
        "request": {"task_id": task_id, "action": action, "lineage": list(lineage)},
        "faults": [{"activity": "append_audit_record", "mode": mode, "seconds": 0} for mode in modes],
    }
    context = WorkflowActivityContext(sdk.ActivityContext("any", 1))
    reply = await registered.activities["append_audit_record"](context, envelope)
    response: dict[str, Any] = reply["response"]
    return response


async def ask(trail: Trail, path: str) -> tuple[int, Any]:
    async with client_of(audit_routes(AuditTrail(trail.writer))) as client:
        response = await client.get(path)
        return response.status, await response.json()


async def page(trail: Trail, query: str) -> AuditRecordPage:
    return AuditRecordPage.model_validate((await ask(trail, f"/records?{query}"))[1])


async def verify(trail: Trail, query: str = "") -> AuditVerdict:
    return AuditVerdict.model_validate((await ask(trail, f"/verify{query}"))[1])


async def test_nothing_is_recomputed_for_a_head(trail: Trail) -> None:
    """Its answer would be thrown away."""
    async with client_of(audit_routes(AuditTrail(trail.writer))) as client:
        assert (await client.head("/verify")).status == 405


async def test_a_repeat_gets_the_first_answer(trail: Trail) -> None:
    """Also if its caller's history has grown meanwhile."""
    first = await execute(trail)
    seen = {"app_id": "a", "workflow": "w", "instance_id": "i", "steps": []}

    assert await execute(trail, lineage=(seen,)) == first
    assert (first["audit_id"], first["number"]) == ("audit-task-1", 1)
    assert len(await AuditTrail(trail.writer).after(0)) == 1


async def test_another_action_for_the_same_task_is_refused(trail: Trail) -> None:
    await execute(trail)

    with pytest.raises(NonRetryableError, match="'task_assigned', and a record never changes"):
        await execute(trail, action="task_cancelled")

    assert [record.content["action"] for record in await AuditTrail(trail.writer).after(0)] == ["task_assigned"]


@pytest.mark.parametrize(
    ("task_id", "action"),
    [
        ("", "ok"),
        ("a b", "ok"),
        ("a\x00", "ok"),
        ("ä", "ok"),
        ("a" * 201, "ok"),
        ("t", ""),
        ("t", "No"),
        ("t", "a" * 101),
    ],
)
async def test_what_cannot_be_looked_up_is_refused(trail: Trail, task_id: str, action: str) -> None:
    with pytest.raises(NonRetryableError, match="can't be put on the record"):
        await execute(trail, task_id, action)

    assert await AuditTrail(trail.writer).after(0) == []


async def test_the_longest_that_may_be_recorded_is(trail: Trail) -> None:
    await execute(trail, "~" * 200, "a" + "_9" * 49)

    assert await trail.verify() is None


@pytest.mark.parametrize("mode", ["lose_reply", "fail"])
async def test_an_outage_is_made_good_by_a_retry(trail: Trail, mode: str) -> None:
    with pytest.raises(InjectedOutageError):
        await execute(trail, "task-1", "task_assigned", mode)

    assert (await execute(trail))["number"] == 1
    assert len(await AuditTrail(trail.writer).after(0)) == 1


@pytest.mark.parametrize("mode", ["duplicate", "delay", "hang"])
async def test_a_fault_that_ends_well_leaves_one_record(trail: Trail, mode: str) -> None:
    await execute(trail, "task-1", "task_assigned", mode)

    assert len(await AuditTrail(trail.writer).after(0)) == 1


async def test_records_are_read_page_by_page_and_by_task(trail: Trail) -> None:
    await trail.filled(3)

    first = await page(trail, "limit=2")
    assert ([one.number for one in first.items], first.next_after) == ([1, 2], 2)
    rest = await page(trail, "limit=2&after=2")
    assert ([one.number for one in rest.items], rest.next_after) == ([3], None)
    (of_one,) = (await page(trail, "subject=task-2")).items
    assert of_one.audit_id == "task-2"
    assert AuditRecordView.model_validate((await ask(trail, "/records/task-2"))[1]) == of_one


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=" + "9" * 19,
        "limit=0",
        "limit=501",
        "limit=²",
        f"limit={1:020}00",
        f"limit={1:05000}",
    ],
)
async def test_a_page_that_cannot_be_is_refused(trail: Trail, query: str) -> None:
    status, problem = await ask(trail, f"/records?{query}")

    assert (status, problem["title"]) == (422, "Unprocessable Entity")
    assert "must be a whole number" in problem["detail"]


async def test_an_unknown_record_is_a_problem_that_says_where_to_look(trail: Trail) -> None:
    status, problem = await ask(trail, "/records/nothing")

    assert status == 404
    assert "GET /records?subject=" in problem["detail"]


async def test_an_empty_trail_holds(trail: Trail) -> None:
    anchor = f"0:{GENESIS}"

    assert await ask(trail, "/head") == (200, {"number": 0, "hash": GENESIS, "anchor": anchor})
    assert (await verify(trail, f"?anchor={anchor}")).holds


async def test_the_head_is_an_anchor_for_later(trail: Trail) -> None:
    """It proves that the chain, which has grown meanwhile, still begins as it did."""
    await trail.filled(2)
    anchor = (await ask(trail, "/head"))[1]["anchor"]
    await trail.append("task-3")

    verdict = await verify(trail, f"?anchor={anchor}")

    assert (verdict.holds, verdict.records, verdict.broken) == (True, 3, None)


async def test_a_broken_chain_says_which_record_and_what_to_do(trail: Trail) -> None:
    await trail.filled(3)
    await trail.tamper("UPDATE audit_records SET subject = 'nobody' WHERE number = 2")

    verdict = await verify(trail)

    assert (verdict.holds, verdict.anchor) == (False, None)
    assert verdict.broken is not None
    assert verdict.broken.number == 2
    assert verdict.broken.what.startswith("changed: its content has the hash")
    assert "compare this record" in verdict.broken.what_to_do


async def test_a_head_that_was_removed_is_reported(trail: Trail) -> None:
    await trail.tamper("DELETE FROM audit_head")

    status, problem = await ask(trail, "/head")

    assert (status, "GET /verify" in problem["detail"]) == (409, True)


async def test_a_mistyped_anchor_is_refused(trail: Trail) -> None:
    """It must not pass for one that holds."""
    status, problem = await ask(trail, "/verify?anchor=7:abc")

    assert (status, "is no anchor" in problem["detail"]) == (422, True)


async def test_the_process_runs_as_the_writer_and_drains(trail: Trail) -> None:
    """It needs no right to migrate; without a sidecar it isn't ready, and it ends well by SIGTERM."""
    await trail.filled(1)
    url = trail.writer.url.set(drivername="postgresql").render_as_string(hide_password=False)

    async with running("audit_service", url) as service:
        assert (await service.get("/readyz"))[0] == 503
        assert (await service.get("/verify"))[1]["records"] == 1
        about = About.model_validate((await service.get("/about"))[1])
        assert await service.stop() == 0
    assert (about.activities, about.workflows) == (
        ("append_audit_record",),
        ("compliance_audit_workflow", "probe_calls"),
    )
    # The owner migrated; the writer may read how far.
    assert about.revisions is not None
    assert about.revisions.applied == about.revisions.known[-1]
