"""Any sequence of charges, refunds, duplicates and deaths, over many orders, keeps the cents in both books.

`test_interleavings.py` plays one step in every order of events; here executions really run side by side and die at the
gateway or at a commit, and what the saga may do later still has to end well.
"""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from payment_service.gateway import GatewayOutageError
from payment_service.payments import Payments
from shared.participant.errors import Refused
from shared.participant.fence import StepKey, StillPendingError
from shared.shop.payment import PaymentProcessed, PaymentRefunded, ProcessPayment
from tests.integration.conftest import ServiceDatabase
from tests.integration.deaths import Deaths, DiedError
from tests.integration.payment.bench import Bench, a_payment, running_bench
from tests.integration.payment.hooked import Hooked, ProcessDiedError, die, nothing

DECLINED: Final = 2
"""The saga whose customer's card is declined."""
SAGAS: Final = st.integers(1, DECLINED)
FATES: Final = st.lists(
    st.sampled_from(["lives", "lives", "dies before the gateway", "dies after the gateway"]), min_size=1, max_size=3
)
DEATHS: Final = st.sampled_from([0, 0, 0, 1, 2])
DEAD: Final = (DiedError, ProcessDiedError)
OUTAGES: Final = (*DEAD, GatewayOutageError, StillPendingError)

_examples = count(1)


class PaymentModel(RuleBasedStateMachine):
    """The payment-service and its gateway beside what the saga was answered for each payment."""

    def __init__(self, runner: asyncio.Runner, bench: Bench, deaths: Deaths) -> None:
        super().__init__()
        self.runner = runner
        self.bench = bench
        self.deaths = deaths
        self.example = f"E{next(_examples)}"
        self.tried: set[int] = set()
        self.undo_tried: set[int] = set()
        self.answers: dict[int, PaymentProcessed] = {}
        self.refused: set[int] = set()
        self.refunds: dict[int, PaymentRefunded] = {}

    @rule(saga=SAGAS, fates=FATES, deaths=DEATHS)
    def charge(self, saga: int, fates: list[str], deaths: int) -> None:
        self.tried.add(saga)
        payment = self._payment(saga)
        self._check_charge(
            saga,
            self._in_parallel(deaths, [self._payments(fate).process(self._key(saga), payment) for fate in fates]),
        )

    @rule(saga=SAGAS, fates=FATES, deaths=DEATHS)
    def refund(self, saga: int, fates: list[str], deaths: int) -> None:
        self.undo_tried.add(saga)
        self._check_refund(
            saga, self._in_parallel(deaths, [self._payments(fate).give_back(self._key(saga)) for fate in fates])
        )

    @invariant()
    def the_gateway_keeps_what_was_reported(self) -> None:
        for saga in self.tried | self.undo_tried:
            captured, refunded = self.runner.run(self.bench.captured_and_refunded(self._key(saga)))
            assert captured in {0, self._amount(saga)}
            assert 0 <= refunded <= captured
            if saga in self.refunds or saga in self.refused:
                assert captured == refunded
            elif saga in self.answers and saga not in self.undo_tried:
                assert (captured, refunded) == (self._amount(saga), 0)

    def teardown(self) -> None:
        """What the saga does after any of this: it repeats until an answer comes; then both books agree to the cent."""
        for saga in self.tried | self.undo_tried:
            if saga in self.undo_tried:
                self._check_refund(saga, self._in_parallel(0, [self._payments("lives").give_back(self._key(saga))]))
                assert saga in self.refunds
            else:
                charge = self._payments("lives").process(self._key(saga), self._payment(saga))
                self._check_charge(saga, self._in_parallel(0, [charge]))
                assert saga in self.answers or saga in self.refused
        self.the_gateway_keeps_what_was_reported()
        self.runner.run(self.bench.assert_books_agree())

    def _check_charge(self, saga: int, outcomes: list[object]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, PaymentProcessed):
                assert saga != DECLINED
                assert saga not in self.refunds
                assert saga not in self.refused
                assert outcome == self.answers.setdefault(saga, outcome)
            elif isinstance(outcome, Refused):
                assert saga == DECLINED or saga in self.undo_tried
                # A do that is refused because its undo has begun isn't a no of its own.
                self.refused |= {saga} - self.undo_tried
            else:
                assert isinstance(outcome, OUTAGES), outcome

    def _check_refund(self, saga: int, outcomes: list[object]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, PaymentRefunded):
                assert outcome == self.refunds.setdefault(saga, outcome)
                kept = {self._amount(saga)} if saga in self.answers else {0, self._amount(saga)}
                assert outcome.refunded_cents in kept
            else:
                assert isinstance(outcome, OUTAGES), outcome

    def _in_parallel(self, deaths: int, calls: Sequence[Awaitable[object]]) -> list[object]:
        async def together() -> list[object]:
            return await asyncio.gather(*calls, return_exceptions=True)

        with self.deaths.of_next(deaths):
            return self.runner.run(together())

    def _payments(self, fate: str) -> Payments:
        before = die if fate == "dies before the gateway" else nothing
        after = die if fate == "dies after the gateway" else nothing
        return self.bench.payments(Hooked(self.bench.gateway, before=before, after=after))

    def _payment(self, saga: int) -> ProcessPayment:
        return a_payment(self._amount(saga), token="tok_declined" if saga == DECLINED else "tok_visa")

    def _amount(self, saga: int) -> int:
        return 1000 * saga

    def _key(self, saga: int) -> StepKey:
        return StepKey(f"{self.example}-order-{saga}", "process_payment")


@pytest.fixture
def stage(service_database: ServiceDatabase) -> Iterator[tuple[asyncio.Runner, Bench]]:
    """A bench on a loop that lives through all examples."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        bench = running_bench(service_database("payment_service"), service_database("payment_gateway"))
        yield runner, runner.run(stack.enter_async_context(bench))
        runner.run(stack.aclose())


@pytest.mark.timeout(600)
def test_any_history_keeps_the_cents(stage: tuple[asyncio.Runner, Bench]) -> None:
    """Answered done: charged once. Answered refused, or undone: nothing is kept. In the end both books say the same."""
    runner, bench = stage
    deaths = Deaths(bench.database)
    run_state_machine_as_test(
        lambda: PaymentModel(runner, bench, deaths),  # type: ignore[arg-type] # any factory will do
        settings=settings(
            max_examples=100,
            stateful_step_count=12,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
