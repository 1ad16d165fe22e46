"""Why a task failed, as its row keeps it: what happened where, and what to do next."""

from shared.contracts.timeline import StepOutcome
from shared.saga.failures import SagaStopped, StepFailed


def reason_of(stopped: SagaStopped) -> str:
    """One sentence that names app, activity and cause, and one with the next step."""
    if not isinstance(stopped, StepFailed):
        return f"{stopped.reason}. Submit the task again under a new key."
    return f"{stopped.reason.rstrip('.')}. {_next_step(stopped)}"


def _next_step(failure: StepFailed) -> str:
    app_id = failure.app_id
    match failure.outcome:
        case StepOutcome.REFUSED:
            return "Correct what it says, and submit the task again under a new key."
        case StepOutcome.FAILED:
            return "Then submit the task again under a new key."
        case _:
            return (
                f"See whether {app_id} runs (`shop status`, `shop logs {app_id}`), then submit the task again under a "
                f"new key; {failure.activity} may have taken effect all the same."
            )
