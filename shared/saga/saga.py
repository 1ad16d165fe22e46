"""The saga: do forward, and when that stops, undo what may have happened, newest first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from shared.contracts.contract import AnyContract, ChildContract, Contract, RequestT, ResponseT
from shared.contracts.timeline import StepKind, StepOutcome, Timeline
from shared.saga.branches import run_alone, run_together
from shared.saga.calls import Caller
from shared.saga.children import call_child
from shared.saga.compensation import Compensated, Compensation, StuckUndo, Undo
from shared.saga.context import Branch, Turns, WorkflowContext
from shared.saga.failures import PivotRefused, SagaCancelled, SagaOverdue, SagaStopped, StepFailed
from shared.saga.terms import SagaTerms, as_engine_time

T = TypeVar("T")

Observer = Callable[[str, Timeline], None]
"""Receives (saga id, timeline) at every change, never while replaying. It shows the saga live; the truth comes last."""

SHORTEST_WAIT: Final = timedelta(seconds=1)
"""For an event whose time is over by the engine's clock, but not by that of whoever decides it."""


@dataclass(frozen=True, slots=True)
class Advice(Generic[ResponseT]):
    """The answer to a question that the saga can do without; None, and why, if there was none."""

    answer: ResponseT | None
    why_none: str = ""


class Saga:
    """One run of a saga inside a workflow generator. Use every method with `yield from`.

    Example:
        saga = Saga(ctx, SagaTerms(saga_id=order.order_id, home_app_id=ORDER_SERVICE))
        try:
            yield from saga.step(RESERVE_STOCK, ReserveStock(lines=order.lines))
            yield from saga.pivot(COMPLETE_ORDER, CompleteOrder(...))
        except SagaStopped as stopped:
            compensated = yield from saga.compensate(stopped)
    """

    def __init__(self, ctx: WorkflowContext, terms: SagaTerms, observer: Observer | None = None) -> None:
        """Begin a saga; the observer gets every change of the timeline."""
        self._ctx = ctx
        self._saga_id = terms.saga_id
        self._observer = observer
        self._caller = Caller(ctx, terms)
        self._undos: list[Undo] = []
        self._shown_version = 0
        self._compensation = Compensation(ctx, self._caller, self._show)

    @property
    def timeline(self) -> Timeline:
        return self._caller.journal.timeline

    def patched(self, change: str) -> bool:
        """Whether this run began with that change of its workflow; a run that began before goes on as it was."""
        return self._ctx.is_patched(change)

    def step(self, do: Contract[RequestT, ResponseT], request: RequestT) -> Turns[ResponseT]:
        """Do one step, which the undo of its contract compensates; its answer comes back only if it is done.

        Raises:
            StepFailed: refused, failed, or unknown after the retry policy and the deadline of `do`.
            SagaCancelled: the customer cancelled before this step began or between its attempts.
            SagaOverdue: the saga's deadline passed before this step began.
        """
        return (yield from run_alone(self.branch(do, request), self._show))

    def branch(self, do: Contract[RequestT, ResponseT], request: RequestT) -> Branch[ResponseT]:
        """A step to be run by `parallel`. The undo is registered before its do begins."""
        if do.undo is not None and self._caller.past_pivot:
            raise ValueError(f"{do.activity} comes after the pivot: it can be retried but not undone")
        self._check_may_go_on()
        pending = Undo(do.undo, do.activity) if do.undo is not None else None
        if pending is not None:
            self._undos.append(pending)
        attempted = yield from self._caller.call(do, do.activity, request, StepKind.DO)
        if attempted.outcome is StepOutcome.DONE:
            return do.response.model_validate(attempted.response)
        # Only a refusal comes from the participant's fence, and answers for all executions. Any other error may be that
        # of a second one: the engine repeats an attempt whose result it has lost, maybe at another version of the app.
        if pending is not None and attempted.outcome is StepOutcome.REFUSED:
            self._undos.remove(pending)
        if attempted.cancelled:
            raise SagaCancelled
        raise StepFailed(do.app_id, do.activity, attempted.outcome, attempted.error)

    def child(
        self, child: ChildContract[RequestT, ResponseT], request: RequestT, *, instance_id: str
    ) -> Turns[ResponseT]:
        """Run a workflow of another app as a step; there is no undo of it.

        Raises:
            StepFailed: refused, failed, or unknown after the deadline of `child`; then it may still run.
        """
        call = call_child(self._ctx, self._caller.journal, child, request, instance_id)
        attempted = yield from run_alone(call, self._show)
        if attempted.outcome is not StepOutcome.DONE:
            raise StepFailed(child.app_id, child.workflow, attempted.outcome, attempted.error)
        return child.response.model_validate(attempted.response)

    def consult(
        self, contract: Contract[RequestT, ResponseT], request: RequestT, *, patience_seconds: float
    ) -> Turns[Advice[ResponseT]]:
        """Ask for something that changes nothing and that the saga can do without; no answer is no failure of it.

        Raises:
            SagaCancelled: the customer cancelled before the answer.
            SagaOverdue: the saga's deadline passed before it.
        """
        self._check_may_go_on()
        call = self._caller.call(contract, contract.activity, request, StepKind.DO, patience_seconds)
        attempted = yield from run_alone(call, self._show)
        self._check_may_go_on()
        if attempted.outcome is StepOutcome.DONE:
            return Advice(contract.response.model_validate(attempted.response))
        return Advice(None, f"{contract.activity} on {contract.app_id}: {attempted.error}")

    def wait_for_event(self, name: str, until: datetime) -> Turns[bool]:
        """Wait for an external event, however long; False if `until` has passed without it.

        It is no more than a signal: anyone can raise one, and it can get lost or come twice.

        Raises:
            SagaCancelled: the customer cancelled first.
        """
        last = max(as_engine_time(until), self._ctx.current_utc_datetime + SHORTEST_WAIT)
        received = yield from run_alone(self._caller.timers.wait_for_event(name, last), self._show)
        if self._caller.cancelled and not received:
            raise SagaCancelled
        return received

    def move_deadline(self, deadline: datetime) -> None:
        """Give the saga another deadline: time that it has waited for a person isn't its own."""
        self._caller.deadline = as_engine_time(deadline)

    def parallel(self, *branches: Branch[T]) -> Turns[list[T]]:
        """Run independent steps side by side; fail, if one did, only after all have ended."""
        return (yield from run_together(branches, self._show))

    def record(self, contract: Contract[RequestT, ResponseT], request: RequestT) -> Turns[ResponseT]:
        """Call an activity of the saga's own app that isn't a step, such as writing the order's row.

        Raises:
            StepFailed: it was refused; anything else is retried for ever, so that no outcome is unknown.
        """
        call = self._caller.call(contract, contract.activity, request, kind=None)
        attempted = yield from run_alone(call, self._show)
        if attempted.outcome is not StepOutcome.DONE:
            raise StepFailed(contract.app_id, contract.activity, attempted.outcome, attempted.error)
        return contract.response.model_validate(attempted.response)

    def pivot(self, contract: Contract[RequestT, ResponseT], request: RequestT) -> Turns[ResponseT]:
        """Pass the point of no return: after it nothing is undone, and cancel is refused.

        The decision is taken by the activity in one local transaction, so that a race with a cancel has one winner.

        Raises:
            SagaOverdue: the saga's deadline has passed.
            PivotRefused: the activity refused, because the customer had cancelled first, or the deadline has passed.
        """
        self._check_in_time()
        try:
            response = yield from self.record(contract, request)
        except StepFailed as refusal:
            raise PivotRefused(refusal.cause) from refusal
        self._caller.past_pivot = True
        self._undos.clear()
        return response

    def take_over(self, timeline: Timeline, steps: Iterable[AnyContract]) -> None:
        """Go on for a run that was lost: owe the undo of every one of its steps, which come in the saga's order.

        How far it came isn't known for sure, and needn't be: undoing what was never done leaves a tombstone.
        """
        self._caller.journal.go_on_from(timeline, self._ctx.current_utc_datetime)
        self._undos = [Undo(do.undo, do.activity) for do in steps if do.undo is not None]

    def compensate(self, stopped: SagaStopped) -> Turns[Compensated]:
        """Undo all that may have happened, newest first; one undo that gives up never stops the others.

        About each compensation that gave up a person has to decide (`decide`).
        """
        pending, self._undos = self._undos, []
        return (yield from self._compensation.run(pending, stopped.reason))

    def decide(self, stuck: tuple[StuckUndo, ...]) -> Turns[Compensated]:
        """Wait for one decision of a person (an external event) and carry it out.

        An event that is no decision, or that comes again, changes nothing.
        """
        return (yield from self._compensation.decide(stuck))

    def _check_may_go_on(self) -> None:
        if self._caller.past_pivot:
            return
        if self._caller.cancelled:
            raise SagaCancelled
        self._check_in_time()

    def _check_in_time(self) -> None:
        deadline = self._caller.deadline
        if deadline is not None and self._ctx.current_utc_datetime >= deadline:
            raise SagaOverdue(deadline)

    def _show(self) -> None:
        timeline = self.timeline
        if self._observer is None or self._ctx.is_replaying or timeline.version == self._shown_version:
            return
        self._shown_version = timeline.version
        self._observer(self._saga_id, timeline)
