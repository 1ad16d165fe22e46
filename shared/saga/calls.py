"""One call of a saga to an activity: attempts by the retry policy, within the deadline, classified.

The retry policy is carried out here and not by the SDK's `retry_policy`, because the SDK's retries errors that no retry
can change, goes on retrying behind the saga's back after the saga's deadline has passed, and hides the attempts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dapr.ext.workflow import TaskFailedError
from pydantic import ValidationError

from shared.contracts.call import ActivityCall, ActivityReply
from shared.contracts.contract import AnyContract
from shared.contracts.message import Message
from shared.contracts.timeline import StepKind, StepOutcome
from shared.saga.context import Branch, Task, WorkflowContext
from shared.saga.failures import REFUSAL, hopeless, lateness, recordable
from shared.saga.journal import Journal
from shared.saga.terms import SagaTerms, as_engine_time
from shared.saga.timers import Timers


@dataclass(frozen=True, slots=True)
class Attempted:
    """How a call ended, over all its attempts."""

    outcome: StepOutcome
    response: dict[str, Any] | None = None
    error: str = ""
    cancelled: bool = False


def failed_attempt(task: Task, app_id: str, name: str, *, kind: str = "Activity") -> Attempted:
    """What the error of a task says: refused, failed if it is hopeless, or unknown."""
    exception = task.get_exception()
    if not isinstance(exception, TaskFailedError):
        raise exception
    error_type, message = recordable(exception.details.error_type), recordable(exception.details.message)
    if error_type == REFUSAL:
        return Attempted(StepOutcome.REFUSED, error=message)
    sentence = hopeless(error_type, app_id, name, kind=kind)
    if sentence is not None:
        return Attempted(StepOutcome.FAILED, error=f"{sentence} ({message})")
    return Attempted(StepOutcome.UNKNOWN, error=f"{error_type}: {message}")


@dataclass(slots=True)
class _Progress:
    """The state of one call between its attempts."""

    contract: AnyContract
    step: str
    kind: StepKind | None
    began: datetime
    deadline: datetime | None
    place: int | None
    attempt: int = 0


class Caller:
    """Calls activities for one saga and keeps its journal."""

    def __init__(self, ctx: WorkflowContext, terms: SagaTerms) -> None:
        self._ctx = ctx
        self._terms = terms
        self.deadline = None if terms.deadline is None else as_engine_time(terms.deadline)
        """Of the saga, in the engine's time. Calls that begin from now on end by it."""
        self.past_pivot = False
        """From now on a cancel cuts no call short."""
        self.timers = Timers(ctx)
        self.journal = Journal()

    @property
    def cancelled(self) -> bool:
        """The customer's cancel has arrived."""
        return self.timers.cancelled

    def call(
        self,
        contract: AnyContract,
        step: str,
        request: Message,
        kind: StepKind | None,
        patience_seconds: float | None = None,
    ) -> Branch[Attempted]:
        """Try until done, refused, hopeless, or out of attempts or time. A cancel ends the retries of a do.

        With `kind` None the call is one of the saga's own records: it stays out of the journal, and since the saga
        can't go on without it, even a hopeless error is waited out (until a correct version is deployed).
        `patience_seconds` cuts the time that the contract gives.
        """
        call = self._begin(contract, step, kind, patience_seconds)
        heeds_cancel = kind is StepKind.DO and not self.past_pivot
        while True:
            task = self._attempt(call, request)
            answered = yield from self.timers.wait_for(task, call.deadline, heeds_cancel=heeds_cancel)
            attempted = self._classify(call, task) if answered else self._no_answer(call)
            if attempted is not None:
                return self._end(call, attempted)
            pause = self._pause_seconds(call)
            if pause is None:
                error = self._last_error(call)
                return self._end(
                    call,
                    Attempted(StepOutcome.UNKNOWN, error=f"gave up after {call.attempt} attempts: {error}"),
                )
            cancelled = yield from self.timers.pause(pause, call.deadline, heeds_cancel=heeds_cancel)
            if cancelled:
                error = "the customer cancelled while it was being retried"
                return self._end(call, Attempted(StepOutcome.UNKNOWN, error=error, cancelled=True))

    def _begin(
        self, contract: AnyContract, step: str, kind: StepKind | None, patience_seconds: float | None
    ) -> _Progress:
        now = self._ctx.current_utc_datetime
        deadline = self._deadline(contract, kind, now)
        if patience_seconds is not None:
            cut = now + timedelta(seconds=patience_seconds)
            deadline = cut if deadline is None else min(deadline, cut)
        return _Progress(
            contract=contract,
            step=step,
            kind=kind,
            began=now,
            deadline=deadline,
            place=None if kind is None else self.journal.start(contract.activity, contract.app_id, kind, now),
        )

    def _deadline(self, contract: AnyContract, kind: StepKind | None, now: datetime) -> datetime | None:
        """A do ends by the saga's deadline at the latest; an undo has its own patience."""
        seconds = contract.deadline_seconds
        patience_seconds = None if kind is None else self._terms.patience_seconds(kind)
        if seconds is not None and patience_seconds is not None:
            seconds = patience_seconds
        own = None if seconds is None else now + timedelta(seconds=seconds)
        if kind is not StepKind.DO or self.deadline is None:
            return own
        return self.deadline if own is None else min(own, self.deadline)

    def _attempt(self, call: _Progress, request: Message) -> Task:
        call.attempt += 1
        if call.place is not None:
            self.journal.attempt(call.place, call.attempt)
        envelope = ActivityCall(
            saga_id=self._terms.saga_id,
            step=call.step,
            attempt=call.attempt,
            request=request.model_dump(mode="json"),
            faults=tuple(fault for fault in self._terms.faults if fault.activity == call.contract.activity),
        )
        app_id = call.contract.app_id
        task: Task = self._ctx.call_activity(
            call.contract.activity,
            input=envelope.model_dump(mode="json"),
            app_id=None if app_id == self._terms.home_app_id else app_id,
        )
        return task

    def _classify(self, call: _Progress, task: Task) -> Attempted | None:
        """How the call ended, or None if a retry may help."""
        if not task.is_failed:
            return self._read(call, task.get_result())
        failed = failed_attempt(task, call.contract.app_id, call.contract.activity)
        waits_it_out = call.kind is None and failed.outcome is StepOutcome.FAILED
        if failed.outcome is not StepOutcome.UNKNOWN and not waits_it_out:
            return failed
        self._note_outage(call, failed.error)
        return None

    def _read(self, call: _Progress, result: object) -> Attempted | None:
        try:
            reply = ActivityReply.model_validate(result)
            call.contract.response.model_validate(reply.response)
        except ValidationError as error:
            self._note_outage(call, recordable(f"unreadable answer: {error}"))
            return None
        if (reply.saga_id, reply.step) != (self._terms.saga_id, call.step):
            self._note_outage(call, recordable(f"answer of another call: {reply.saga_id}/{reply.step}"))
            return None
        return Attempted(StepOutcome.DONE, response=reply.response)

    def _no_answer(self, call: _Progress) -> Attempted:
        app_id, attempt = call.contract.app_id, call.attempt
        if call.kind is StepKind.DO and call.deadline == self.deadline:
            return Attempted(
                StepOutcome.UNKNOWN, error=f"no answer from {app_id} before the order's deadline (attempt {attempt})"
            )
        now = self._ctx.current_utc_datetime
        deadline = call.deadline or now  # a call without one waits for ever, and doesn't come here
        seconds = (deadline - call.began).total_seconds()
        error = f"no answer from {app_id} within {seconds:.0f} s (attempt {attempt})"
        return Attempted(StepOutcome.UNKNOWN, error=error + lateness(deadline, now))

    def _pause_seconds(self, call: _Progress) -> float | None:
        pause = call.contract.retry.seconds_after(call.attempt)
        if pause is None or call.deadline is None:
            return pause
        retried_at = self._ctx.current_utc_datetime + timedelta(seconds=pause)
        return pause if retried_at < call.deadline else None

    def _note_outage(self, call: _Progress, error: str) -> None:
        if call.place is not None:
            self.journal.attempt_failed(call.place, call.attempt, error, self._ctx.current_utc_datetime)

    def _last_error(self, call: _Progress) -> str:
        if call.place is None:
            return "see the app's log"
        return self.journal.timeline.steps[call.place].error or ""

    def _end(self, call: _Progress, attempted: Attempted) -> Attempted:
        if call.place is not None:
            outcome = attempted.outcome
            if call.kind is StepKind.UNDO and outcome is not StepOutcome.DONE:
                outcome = StepOutcome.FAILED
            self.journal.end(call.place, outcome, attempted.error or None, self._ctx.current_utc_datetime)
        return attempted
