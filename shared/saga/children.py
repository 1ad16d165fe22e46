"""One call of a saga to a workflow of another app, as its child, within the deadline of its contract.

It isn't tried again: the child itself is durable and retries what can be retried, so that its failure is its last word.
"""

from datetime import datetime, timedelta
from typing import Any

from dapr.ext.workflow import PropagationScope
from pydantic import ValidationError

from shared.contracts.contract import ChildContract
from shared.contracts.message import Message
from shared.contracts.timeline import StepKind, StepOutcome
from shared.saga.calls import Attempted, failed_attempt
from shared.saga.context import Branch, Task, WorkflowContext
from shared.saga.failures import lateness, recordable
from shared.saga.journal import Journal

AnyChild = ChildContract[Any, Any]


def call_child(
    ctx: WorkflowContext, journal: Journal, child: AnyChild, request: Message, instance_id: str
) -> Branch[Attempted]:
    """Run the child, which receives the history of this workflow and of those above it."""
    began = ctx.current_utc_datetime
    place = journal.start(child.workflow, child.app_id, StepKind.DO, began)
    journal.attempt(place, 1)
    task: Task = ctx.call_child_workflow(
        child.workflow,
        input=request.model_dump(mode="json"),
        instance_id=instance_id,
        app_id=child.app_id,
        propagation=PropagationScope.LINEAGE,
    )
    timer: Task = ctx.create_timer(began + timedelta(seconds=child.deadline_seconds))
    while not task.is_complete and not timer.is_complete:
        yield [task, timer]
    attempted = _classify(child, task) if task.is_complete else _no_answer(ctx, child, began)
    journal.end(place, attempted.outcome, attempted.error or None, ctx.current_utc_datetime)
    return attempted


def _classify(child: AnyChild, task: Task) -> Attempted:
    if task.is_failed:
        return failed_attempt(task, child.app_id, child.workflow, kind="Child workflow")
    return _read(child, task.get_result())


def _read(child: AnyChild, result: object) -> Attempted:
    try:
        response = child.response.model_validate(result)
    except ValidationError as error:
        return Attempted(StepOutcome.UNKNOWN, error=recordable(f"unreadable answer: {error}"))
    return Attempted(StepOutcome.DONE, response=response.model_dump(mode="json"))


def _no_answer(ctx: WorkflowContext, child: AnyChild, began: datetime) -> Attempted:
    error = f"no answer from {child.app_id} within {child.deadline_seconds:.0f} s"
    late = lateness(began + timedelta(seconds=child.deadline_seconds), ctx.current_utc_datetime)
    return Attempted(StepOutcome.UNKNOWN, error=error + late)
