"""Any sequence of bookings, cancellations, duplicates and deaths leaves the parcels as a simple model says."""

import asyncio
from collections.abc import Awaitable, Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shared.database import create_engine
from shared.participant.errors import Refused
from tests.integration.deaths import Deaths, DiedError
from tests.integration.shipping.world import Shipping

SAGAS = st.integers(1, 2)
COUNTRIES = st.sampled_from(["GB", "DE", "AQ"])
DUPLICATES = st.integers(1, 3)
DEATHS = st.sampled_from([0, 0, 0, 1, 2, 3])

_examples = count(1)


class ParcelModel(RuleBasedStateMachine):
    """The shipping-service beside its model: which parcels are booked, and how each saga's step stands."""

    def __init__(self, runner: asyncio.Runner, shipping: Shipping, deaths: Deaths) -> None:
        super().__init__()
        self.runner = runner
        self.shipping = shipping
        self.deaths = deaths
        self.example = f"E{next(_examples)}"
        self.steps: dict[int, str] = {}
        """booked, refused, cancelled, or never: cancelled without a parcel."""

    @rule(saga=SAGAS, country=COUNTRIES, duplicates=DUPLICATES, deaths=DEATHS)
    def book(self, saga: int, country: str, duplicates: int, deaths: int) -> None:
        answers = self._in_parallel(
            deaths, (self.shipping.book(self._saga_id(saga), country=country) for _ in range(duplicates))
        )
        if answers:
            # The first execution that lives to its commit decides, for good.
            self.steps.setdefault(saga, "refused" if country == "AQ" else "booked")
        is_booked = self.steps.get(saga) == "booked"
        assert all(isinstance(answer, Refused) != is_booked for answer in answers)
        assert not is_booked or len(set(answers)) <= 1

    @rule(saga=SAGAS, duplicates=DUPLICATES, deaths=DEATHS)
    def cancel(self, saga: int, duplicates: int, deaths: int) -> None:
        answers = self._in_parallel(deaths, (self.shipping.cancel(self._saga_id(saga)) for _ in range(duplicates)))
        if answers and self.steps.get(saga) not in {"cancelled", "never"}:
            self.steps[saga] = "cancelled" if self.steps.get(saga) == "booked" else "never"
        assert {answer.cancelled for answer in answers} <= {self.steps.get(saga) == "cancelled"}

    @invariant()
    def parcels_are_as_the_model_says(self) -> None:
        parcels = self.runner.run(self.shipping.statuses())
        wanted = {self._saga_id(saga): state for saga, state in self.steps.items() if state in {"booked", "cancelled"}}
        assert wanted == {saga: state for saga, state in parcels.items() if saga.startswith(f"{self.example}-")}

    @invariant()
    def no_parcel_is_lost_or_doubled(self) -> None:
        assert [] == self.runner.run(self.shipping.orphans())

    def _in_parallel(self, deaths: int, calls: Iterable[Awaitable[Any]]) -> list[Any]:
        """What the executions answered that didn't die."""

        async def together() -> list[Any]:
            return await asyncio.gather(*calls, return_exceptions=True)

        with self.deaths.of_next(deaths):
            answers = self.runner.run(together())
        return [answer for answer in answers if not isinstance(answer, DiedError)]

    def _saga_id(self, saga: int) -> str:
        return f"{self.example}-order-{saga}"


@pytest.mark.timeout(600)
def test_any_history_keeps_the_parcels(database_url: str) -> None:
    """A parcel for every step that is done, none for any other, whatever was repeated, overtaken or killed."""
    with asyncio.Runner() as runner:
        database = create_engine(database_url, application_name="tests")
        deaths = Deaths(database)
        try:
            run_state_machine_as_test(
                lambda: ParcelModel(runner, Shipping(database), deaths),  # type: ignore[arg-type] # any factory will do
                settings=settings(
                    max_examples=50,
                    stateful_step_count=15,
                    deadline=None,
                    database=None,
                    suppress_health_check=[HealthCheck.too_slow],
                ),
            )
        finally:
            runner.run(database.dispose())
