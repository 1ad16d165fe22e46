"""Every order of events: duplicates of do, undo and settlement, hand-made voids, lost replies, a death at any point.

Between two moments at which the gateway is asked there is only one transaction. So running one actor at a time from
one such moment to the next, in an order that Hypothesis chooses, covers all interleavings that can happen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from payment_service.gateway import ChargeSealedError, GatewayOutageError
from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.gateway import ChargeStatus
from shared.shop.payment import PaymentProcessed, PaymentRefunded
from tests.integration.conftest import ServiceDatabase
from tests.integration.payment.bench import (
    GATEWAY_BY_KEY,
    LEDGER_BY_KEY,
    UNBALANCED,
    Bench,
    a_decision,
    a_key,
    a_payment,
    query,
    running_bench,
)
from tests.integration.payment.hooked import Hook, Hooked, ProcessDiedError

pytestmark = pytest.mark.integration

Work = Callable[[Hook], Awaitable[object]]


class Actor:
    """One execution that moves only on demand, and dies on demand."""

    def __init__(self, name: str, work: Work) -> None:
        self.name = name
        self.outcome: object = None
        self.has_ended = False
        self._work = work
        self._orders = asyncio.Queue[bool]()
        self._stops = asyncio.Queue[None]()
        self._task = asyncio.create_task(self._run())

    async def entered(self) -> None:
        """Wait until it stands at its first gate."""
        await self._stops.get()

    async def move(self, *, dies: bool) -> None:
        """Let it go on to its next gate, or to its end."""
        self._orders.put_nowait(dies)
        await self._stops.get()
        if self.has_ended:
            await self._task

    async def _gate(self) -> None:
        self._stops.put_nowait(None)
        if await self._orders.get():
            raise ProcessDiedError

    async def _run(self) -> None:
        try:
            await self._gate()
            self.outcome = await self._work(self._gate)
        except (Refused, GatewayOutageError, ProcessDiedError) as error:
            self.outcome = error
        finally:
            self.has_ended = True
            self._stops.put_nowait(None)


@dataclass(frozen=True)
class Cast:
    """Who plays in one example."""

    token: str
    dos: int
    undos: int
    settlements: int
    voids_by_hand: int
    refunds_by_hand: int


CASTS = st.builds(
    Cast,
    token=st.sampled_from(["tok_visa", "tok_lost", "tok_declined"]),
    dos=st.integers(1, 3),
    undos=st.integers(0, 2),
    settlements=st.integers(0, 2),
    voids_by_hand=st.integers(0, 1),
    refunds_by_hand=st.integers(0, 1),
)


@dataclass(frozen=True)
class Stage:
    """A bench on a loop that lives through all examples."""

    runner: asyncio.Runner
    bench: Bench

    def actors(self, cast: Cast, key: StepKey) -> list[Actor]:
        bench, payment = self.bench, a_payment(token=cast.token)

        async def do(gate: Hook) -> object:
            return await bench.payments(Hooked(bench.gateway, before=gate, after=gate)).process(key, payment)

        async def undo(gate: Hook) -> object:
            return await bench.payments(Hooked(bench.gateway, before=gate, after=gate)).give_back(key)

        async def settle(gate: Hook) -> object:
            return await bench.payments(Hooked(bench.gateway, before=gate, after=gate)).give_back(key, a_decision())

        async def void_by_hand(gate: Hook) -> object:
            del gate
            try:
                return await bench.gateway.void(str(key))
            except ChargeSealedError as sealed:
                return sealed  # it was settled before: the gateway turns this person away

        async def refund_by_hand(gate: Hook) -> object:
            del gate
            charge = await bench.gateway.look_up(str(key))
            if charge is None or charge.status is ChargeStatus.DECLINED:
                return None
            try:
                return await bench.gateway.refund(f"{key}:by-hand", charge.charge_id)
            except ChargeSealedError as sealed:
                return sealed

        return [
            *(Actor(f"do {number}", do) for number in range(cast.dos)),
            *(Actor(f"undo {number}", undo) for number in range(cast.undos)),
            *(Actor(f"settlement {number}", settle) for number in range(cast.settlements)),
            *(Actor("void by hand", void_by_hand) for _ in range(cast.voids_by_hand)),
            *(Actor("refund by hand", refund_by_hand) for _ in range(cast.refunds_by_hand)),
        ]


@pytest.fixture
def stage(service_database: ServiceDatabase) -> Iterator[Stage]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        stack = AsyncExitStack()
        bench = running_bench(service_database("payment_service"), service_database("payment_gateway"))
        yield Stage(runner, runner.run(stack.enter_async_context(bench)))
        runner.run(stack.aclose())


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cast=CASTS, choices=st.data())
def test_no_order_of_events_loses_or_keeps_a_cent(stage: Stage, cast: Cast, choices: st.DataObject) -> None:
    """Done: charged once. Refused, or undone: nothing is kept but what a person settled. Both books agree."""
    stage.runner.run(_play(stage, cast, choices))


async def _play(stage: Stage, cast: Cast, choices: st.DataObject) -> None:
    key = a_key()
    actors = stage.actors(cast, key)
    for actor in actors:
        await actor.entered()
    ends: list[object] = []
    while moving := [actor for actor in actors if not actor.has_ended]:
        actor = choices.draw(st.sampled_from(moving))
        # One move in five is a death; most examples should get further than their first move.
        dies = choices.draw(st.integers(0, 4)) == 4
        await actor.move(dies=dies)
        ends += [actor.outcome] if actor.has_ended else []
        note(f"{actor.name} {'dies' if dies else 'moves'}{f' and ends: {actor.outcome!r}' if actor.has_ended else ''}")
    await _check(stage.bench, cast, key, ends)


async def _check(bench: Bench, cast: Cast, key: StepKey, outcomes: list[object]) -> None:
    """Check what was answered, in the order in which it was answered, and what was kept."""
    answers = {outcome for outcome in outcomes if isinstance(outcome, PaymentProcessed)}
    refunds = {outcome for outcome in outcomes if isinstance(outcome, PaymentRefunded)}
    was_refused = any(isinstance(outcome, Refused) for outcome in outcomes)
    assert len(answers) <= 1
    assert len(refunds) <= 1
    kinds = [type(outcome) for outcome in outcomes]
    if refunds:
        assert PaymentProcessed not in kinds[kinds.index(PaymentRefunded) :]
    closings = cast.undos + cast.settlements
    if closings:
        # What the saga does: it repeats the undo, or the person the settlement, until it is done.
        refunds.add(await bench.payments().give_back(key, a_decision() if cast.settlements else None))
        assert len(refunds) == 1
    if was_refused and not closings:
        assert not answers
    if was_refused or closings:
        captured_cents, refunded_cents = await bench.captured_and_refunded(key)
        assert captured_cents - refunded_cents == sum(one.by_hand.amount for one in refunds if one.by_hand)
        assert cast.settlements or captured_cents == refunded_cents
    elif not cast.voids_by_hand and not cast.refunds_by_hand:
        await _check_done(bench, cast, key, answers)
    else:
        await bench.payments().give_back(key)
    await _check_books(bench, key)


async def _check_done(bench: Bench, cast: Cast, key: StepKey, answers: set[PaymentProcessed]) -> None:
    """Nobody undid it or got a no: an attempt that isn't disturbed gets it done, or gets what was decided."""
    try:
        answers.add(await _undisturbed(bench, cast, key))
    except Refused:
        assert cast.token == "tok_declined"
        assert not answers
        assert (0, 0) == await bench.captured_and_refunded(key)
    else:
        assert len(answers) == 1
        assert (4200, 0) == await bench.captured_and_refunded(key)


async def _undisturbed(bench: Bench, cast: Cast, key: StepKey) -> PaymentProcessed:
    payment = a_payment(token=cast.token)
    try:
        return await bench.payments().process(key, payment)
    except GatewayOutageError:  # the first charge to tok_lost
        return await bench.payments().process(key, payment)


async def _check_books(bench: Bench, key: StepKey) -> None:
    assert [] == await query(bench.database, UNBALANCED)
    ledger = await query(bench.database, LEDGER_BY_KEY)
    gateway = await query(bench.gateway_database, GATEWAY_BY_KEY)
    assert [row for row in ledger if row[0] == str(key)] == [row for row in gateway if row[0] == str(key)]
