"""Hosts a service's activities: reads the envelope, carries out the fault plan, translates errors, logs one line."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog
from dapr.ext.workflow import WorkflowActivityContext, WorkflowRuntime
from prometheus_client import Counter, Histogram
from pydantic import ValidationError

from shared.contracts.call import ActivityCall, ActivityReply, UndoStep
from shared.contracts.contract import AnyContract, Contract, RequestT, ResponseT
from shared.contracts.message import Message
from shared.participant.call_probe import PROBE, is_probe
from shared.participant.errors import MessageRejectedError, NonRetryableError, QuarantinedError, Refused
from shared.participant.faults import FaultInjector, refuse_for_good
from shared.participant.fence import Fence, StepKey
from shared.participant.in_flight import Work
from shared.participant.quarantine import Gate

T_co = TypeVar("T_co", bound=Message, covariant=True)

log = structlog.get_logger()

EXECUTIONS = Counter("shop_activity_executions", "Executions of activities", ["activity", "outcome"])
SECONDS = Histogram("shop_activity_seconds", "Seconds an activity took", ["activity"])


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One execution of an activity: its idempotency key and its request."""

    key: StepKey
    attempt: int
    request: T_co


Handler = Callable[[Call[RequestT]], Awaitable[ResponseT]]
Refusal = Callable[[Call[RequestT], str], Awaitable[ResponseT]]
"""Refuses with this reason, for good, or returns the first answer of what was done before."""
Activity = Callable[[WorkflowActivityContext, dict[str, Any]], Awaitable[dict[str, Any]]]


class Registrar(Protocol):
    """Takes the activities of a service: the SDK's runtime, or a test."""

    def register_activity(self, fn: Activity, *, name: str) -> None: ...


class ActivityHost:
    """The activities of one service."""

    def __init__(self, app_id: str, *, fence: Fence | None = None, injector: FaultInjector | None = None) -> None:
        """Host activities of `app_id`.

        Args:
            app_id: contracts of other apps are turned away.
            fence: where injected refusals are remembered; None if the service has no fenced activities.
            injector: carries out fault plans; None (production) ignores them.
        """
        self._app_id = app_id
        self._fence = fence
        self._injector = injector
        self._activities: dict[str, Activity] = {}
        self._refusals: dict[str, Refusal[Any, Any]] = {}
        self.gate = Gate()
        """Which everything that the service runs passes."""
        self.drain = Drain()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._activities)

    def serve(
        self,
        contract: Contract[RequestT, ResponseT],
        handler: Handler[RequestT, ResponseT],
        *,
        refusal: Refusal[RequestT, ResponseT] | None = None,
    ) -> None:
        """Offer `contract`, carried out by `handler`.

        Args:
            contract: of this app.
            handler: does it, or raises `Refused`.
            refusal: how a do without a fence carries out an injected refusal, so that it lasts as a real one would.

        Raises:
            ValueError: the contract belongs to another app, or is served already.
        """
        if contract.app_id != self._app_id or contract.activity in self._activities:
            raise ValueError(
                f"{self._app_id} can't serve {contract.activity} of {contract.app_id} (or serves it already)"
            )

        async def activity(ctx: WorkflowActivityContext, envelope: dict[str, Any]) -> dict[str, Any]:
            del ctx  # ids of Dapr are no idempotency keys
            if is_probe(envelope):
                return dict(PROBE)
            with self.drain.running():
                try:
                    async with self.gate.passed(_work_of(contract, envelope)):
                        return await self._execute(contract, handler, envelope)
                except QuarantinedError:
                    EXECUTIONS.labels(contract.activity, "quarantined").inc()
                    raise

        activity.__name__ = contract.activity
        if refusal is not None:
            self._refusals[contract.activity] = refusal
        self._activities[contract.activity] = activity

    def register(self, runtime: WorkflowRuntime | Registrar) -> None:
        """Register all activities with the SDK's runtime."""
        for name, activity in self._activities.items():
            runtime.register_activity(activity, name=name)

    async def _execute(
        self, contract: Contract[RequestT, ResponseT], handler: Handler[RequestT, ResponseT], envelope: dict[str, Any]
    ) -> dict[str, Any]:
        started = time.perf_counter()
        call, request = _read(contract, envelope)
        key = StepKey(call.saga_id, call.step)
        outcome = "outage"
        try:
            response = await self._carry_out(contract, handler, Call(key, call.attempt, request), call)
            outcome = "done"
        except Refused as refusal:
            outcome = "refused"
            raise NonRetryableError(str(refusal)) from refusal
        finally:
            seconds = time.perf_counter() - started
            EXECUTIONS.labels(contract.activity, outcome).inc()
            SECONDS.labels(contract.activity).observe(seconds)
            log.info(
                "activity",
                order_id=call.saga_id,
                activity=contract.activity,
                attempt=call.attempt,
                outcome=outcome,
                duration_ms=round(seconds * 1000, 1),
            )
        reply = ActivityReply(saga_id=call.saga_id, step=call.step, response=response.model_dump(mode="json"))
        return reply.model_dump(mode="json")

    async def _carry_out(
        self,
        contract: Contract[RequestT, ResponseT],
        handler: Handler[RequestT, ResponseT],
        call: Call[RequestT],
        envelope: ActivityCall,
    ) -> Message:
        injector, fence = self._injector, self._fence
        if injector is None or not envelope.faults:
            return await handler(call)

        async def execute() -> Message:
            return await handler(call)

        async def refuse(reason: str) -> Message:
            if refusal := self._refusals.get(contract.activity):
                answer: Message = await refusal(call, reason)
                return answer
            if fence is None or contract.request is UndoStep:
                return await refuse_for_good(reason)
            return await fence.refuse(call.key, contract.response, reason)

        return await injector.run(call.key, contract.activity, envelope.faults, execute, refuse)


def _work_of(contract: AnyContract, envelope: Mapping[str, Any]) -> Work:
    """Whose call it is, as far as that can be told before it is read: reading may be what the process dies of."""
    request = envelope.get("request")
    by_hand = isinstance(request, Mapping) and request.get("by_hand") is not None
    # What a person decides instead of an undo must not wait for the undo's release.
    what = f"{contract.activity} by hand" if by_hand else contract.activity
    return Work.of(str(envelope.get("saga_id")), str(envelope.get("step")), what)


def _read(contract: Contract[RequestT, ResponseT], envelope: object) -> tuple[ActivityCall, RequestT]:
    try:
        call = ActivityCall.model_validate(envelope)
        return call, contract.request.model_validate(call.request)
    except ValidationError as error:
        raise MessageRejectedError(f"{contract.activity} of {contract.app_id} can't read the call: {error}") from error


POLL_SECONDS: Final = 0.02
DELIVERY_SECONDS: Final = 0.5
"""Time for the last result to reach the sidecar after its activity has returned."""


# Works around `shutdown-loses-results` (docs/upstream.md).
class Drain:
    """Counts what runs on the worker's thread, and waits for it on the service's, before the process ends.

    The SDK's own shutdown closes the channel first: an activity that ends afterwards loses its result and runs again.
    """

    def __init__(self) -> None:
        self._running = 0
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    async def wait(self, limit_seconds: float) -> bool:
        """Wait until nothing runs, and half a second more; False if something still ran at the limit."""
        deadline = asyncio.get_running_loop().time() + limit_seconds
        while self._running:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(DELIVERY_SECONDS)
        return True
