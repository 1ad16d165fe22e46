"""The worker of an app that has its tasks audited, as any app would: `python -m tests.e2e.audit.worker SIDECAR_PORT`.

A process of its own, as every worker is: the SDK leaves its event loop open when it stops.
"""

import sys
import threading
from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from dapr.ext.workflow import (
    DaprWorkflowContext,
    PropagationScope,
    TaskFailedError,
    WorkflowActivityContext,
    WorkflowRuntime,
    when_any,
)

from shared.shop.audit import COMPLIANCE_AUDIT, audit_instance_id

WORKFLOW: Final = "task_with_audit_of_the_tests"


def check_task(_: WorkflowActivityContext, task_id: str) -> str:
    """The caller's own step, which the record shall show."""
    return task_id


def has_task_audited(ctx: DaprWorkflowContext, task: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    """Check the task, then have it audited; past the deadline go on without."""
    yield ctx.call_activity("check_task", input=task["task_id"])
    audit: Any = ctx.call_child_workflow(
        COMPLIANCE_AUDIT.workflow,
        input=task["audit"],
        instance_id=audit_instance_id(task["task_id"]),
        app_id=COMPLIANCE_AUDIT.app_id,
        propagation=PropagationScope[task["scope"]],
    )
    late = ctx.create_timer(timedelta(seconds=task["patience_seconds"]))
    try:
        first = yield when_any([audit, late])
        if first is late:
            return {"late": True}
        return {"audited": audit.get_result()}
    except TaskFailedError as error:
        return {"failed": error.details.error_type, "message": error.details.message}


def main() -> None:
    """Work until killed."""
    runtime = WorkflowRuntime(host="127.0.0.1", port=sys.argv[1])
    runtime.register_workflow(has_task_audited, name=WORKFLOW)
    runtime.register_activity(check_task, name="check_task")
    runtime.start()  # type: ignore[no-untyped-call]
    threading.Event().wait()


if __name__ == "__main__":
    main()
