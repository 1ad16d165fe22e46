"""Why a saga stops going forward.

SagaStopped
├── StepFailed       a step was refused, failed, or its outcome is unknown
├── SagaOverdue      the saga's deadline passed before its pivot
├── PivotRefused     the pivot's activity said no: cancelled, late, or another run owns the order
├── SagaCancelled    the customer said stop before the pivot
├── NotApproved      a person said no, or nobody said yes in time
└── SagaLost         the workflow that ran the saga is gone or stuck; a recovery undoes it
"""

from datetime import datetime

from shared.contracts.timeline import StepOutcome

REFUSAL = "NonRetryableError"

LATE_SECONDS = 2.0
"""A deadline that is seen to pass so much later passed while the workflow's own app, or its sidecar, was away."""

LONGEST_ERROR = 2000
"""Characters of what a participant said that a record keeps."""

HOPELESS = {
    "ActivityNotRegisteredError": (
        "it is not registered there: deploy a version of {app_id} that has it, or correct the name in the contract"
    ),
    "OrchestratorNotRegisteredError": (
        "that child workflow is not registered there: deploy a version of {app_id} that has it"
    ),
    "WorkflowAccessPolicyDenied": (
        "{app_id}'s access policy refuses the caller: allow it in the WorkflowAccessPolicy of {app_id}"
    ),
    "MessageRejectedError": (
        "{app_id} can't read the message: bring caller and {app_id} to versions with the same contract"
    ),
    "QuarantinedError": ("{app_id} died of it each time, see its log; release it when the cause is gone"),
}
"""Error types that no retry can change, with what to do about each."""


class SagaStopped(Exception):  # noqa: N818 - an outcome of the saga, not an error of the program
    """The saga goes no further; `compensate` undoes what was done."""

    @property
    def reason(self) -> str:
        return str(self)


class StepFailed(SagaStopped):
    """A step did not get done."""

    def __init__(self, app_id: str, activity: str, outcome: StepOutcome, cause: str) -> None:
        super().__init__(f"{activity} on {app_id} {_VERB[outcome]}: {cause}")
        self.app_id = app_id
        self.activity = activity
        self.outcome = outcome
        self.cause = cause


class SagaOverdue(SagaStopped):
    """The saga's deadline passed before its pivot."""

    def __init__(self, deadline: datetime) -> None:
        super().__init__(f"the order was not finished by its deadline, {deadline:%Y-%m-%d %H:%M:%S} UTC")


class PivotRefused(SagaStopped):
    """The pivot's activity said no; it decides races by one row."""


class SagaCancelled(SagaStopped):
    """The customer cancelled the order before its pivot."""

    def __init__(self) -> None:
        super().__init__("the customer cancelled the order")


class NotApproved(SagaStopped):
    """A person said no, or nobody said yes in time."""


class SagaLost(SagaStopped):
    """The workflow that ran the saga is gone, has failed, or is stuck."""


_VERB = {
    StepOutcome.REFUSED: "was refused",
    StepOutcome.UNKNOWN: "has an unknown outcome",
    StepOutcome.FAILED: "failed",
}


def hopeless(error_type: str, app_id: str, name: str, *, kind: str = "Activity") -> str | None:
    """The sentence for an error that retries can't change, or None if a retry may help."""
    advice = HOPELESS.get(error_type)
    if advice is None:
        return None
    return f"{kind} '{name}' not usable on app '{app_id}' ({error_type}): {advice.format(app_id=app_id)}."


def recordable(said: str) -> str:
    """What a participant said, as a record can keep it: of bounded length, without a NUL or half a character.

    One that the database turns away would keep the saga from ever recording its end.
    """
    cut = said if len(said) <= LONGEST_ERROR else f"{said[:LONGEST_ERROR]}…"
    return "".join("\N{REPLACEMENT CHARACTER}" if one == "\0" or "\ud800" <= one <= "\udfff" else one for one in cut)


def lateness(deadline: datetime, seen_at: datetime) -> str:
    """What the sentence about a missed deadline adds if the fault may be the caller's own; empty if it isn't."""
    late = (seen_at - deadline).total_seconds()
    if late < LATE_SECONDS:
        return ""
    return f"; the workflow's own app was away, and saw that {late:.0f} s late"
