"""Any sequence of reserves, releases, recounts, duplicates and deaths leaves the inventory as a simple model says."""

import asyncio
from collections.abc import Awaitable, Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared.contracts.repair import ByHand, Decision
from shared.database import create_engine
from shared.participant.errors import Refused
from tests.integration.deaths import Deaths, DiedError
from tests.integration.inventory.world import Inventory

SAGAS = st.integers(1, 3)
SKUS = ("A", "B", "C")
QUANTITIES = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1)
DUPLICATES = st.integers(1, 3)
DEATHS = st.sampled_from([0, 0, 0, 1, 2, 3])

_examples = count(1)


class StockModel(RuleBasedStateMachine):
    """The inventory beside its model: what is available, and how each saga's step stands."""

    def __init__(self, runner: asyncio.Runner, inventory: Inventory, deaths: Deaths) -> None:
        super().__init__()
        self.runner = runner
        self.inventory = inventory
        self.deaths = deaths
        self.example = f"E{next(_examples)}"
        self.available: dict[str, int] = {}
        self.held: dict[int, dict[str, int]] = {}
        self.refused: set[int] = set()
        self.undone: dict[int, int] = {}
        self.by_hand: set[int] = set()

    @initialize(available=st.fixed_dictionaries({sku: st.integers(0, 8) for sku in SKUS}))
    def open(self, available: dict[str, int]) -> None:
        self.recount(available)

    @rule(available=st.dictionaries(st.sampled_from(SKUS), st.integers(0, 8), min_size=1))
    def recount(self, available: dict[str, int]) -> None:
        self.runner.run(self.inventory.stocked(**self._named(available)))
        self.available |= available

    @rule(saga=SAGAS, quantities=QUANTITIES, duplicates=DUPLICATES, deaths=DEATHS)
    def reserve(self, saga: int, quantities: dict[str, int], duplicates: int, deaths: int) -> None:
        answers = self._in_parallel(
            deaths, (self.inventory.reserve(self._saga_id(saga), **self._named(quantities)) for _ in range(duplicates))
        )
        known = saga in self.held or saga in self.refused or saga in self.undone
        if answers and not known:
            self._decide(saga, quantities)
        if saga in self.held:
            assert len(set(answers)) <= 1
        assert all(isinstance(answer, Refused) == (saga not in self.held) for answer in answers)

    def _decide(self, saga: int, quantities: dict[str, int]) -> None:
        """The first execution that lives to its commit decides, for good."""
        if all(self.available[sku] >= quantity for sku, quantity in quantities.items()):
            self.held[saga] = quantities
            self.available |= {sku: self.available[sku] - quantity for sku, quantity in quantities.items()}
        else:
            self.refused.add(saga)

    @rule(saga=SAGAS, duplicates=DUPLICATES, deaths=DEATHS)
    def release(self, saga: int, duplicates: int, deaths: int) -> None:
        answers = self._in_parallel(deaths, (self.inventory.release(self._saga_id(saga)) for _ in range(duplicates)))
        if answers and saga not in self.undone:
            quantities = self.held.pop(saga, {})
            self.refused.discard(saga)
            self.undone[saga] = sum(quantities.values())
            self.available |= {sku: self.available[sku] + quantity for sku, quantity in quantities.items()}
        assert {answer.released_units for answer in answers} <= {self.undone.get(saga)}

    @rule(saga=SAGAS, duplicates=DUPLICATES, deaths=DEATHS, decision=st.sampled_from([Decision.SETTLE, Decision.SKIP]))
    def close_by_hand(self, saga: int, duplicates: int, deaths: int, decision: Decision) -> None:
        by_hand = ByHand(repair_id="rep-1", decision=decision, by="ann", note="lost")
        calls = (self.inventory.release(self._saga_id(saga), by_hand) for _ in range(duplicates))
        answers = self._in_parallel(deaths, calls)
        if answers and saga not in self.undone:
            if saga in self.held:
                self.by_hand.add(saga)
            self.held.pop(saga, None)
            self.refused.discard(saga)
            self.undone[saga] = 0
        assert {answer.released_units for answer in answers} <= {self.undone.get(saga)}
        assert all((answer.by_hand is not None) == (saga in self.by_hand) for answer in answers)

    @invariant()
    def stock_is_as_the_model_says(self) -> None:
        stock = self.runner.run(self.inventory.available())
        assert {sku: stock[self._name(sku)] for sku in self.available} == self.available

    @invariant()
    def no_unit_is_lost_or_doubled(self) -> None:
        assert self.runner.run(self.inventory.unbalanced()) == []

    def _in_parallel(self, deaths: int, calls: Iterable[Awaitable[Any]]) -> list[Any]:
        """What the executions answered that didn't die."""

        async def together() -> list[Any]:
            return await asyncio.gather(*calls, return_exceptions=True)

        with self.deaths.of_next(deaths):
            answers = self.runner.run(together())
        return [answer for answer in answers if not isinstance(answer, DiedError)]

    def _name(self, sku: str) -> str:
        return f"{self.example}-{sku}"

    def _named(self, units: dict[str, int]) -> dict[str, int]:
        return {self._name(sku): number for sku, number in units.items()}

    def _saga_id(self, saga: int) -> str:
        return f"{self.example}-order-{saga}"


@pytest.mark.timeout(600)
def test_any_history_keeps_the_stock(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = create_engine(database_url, application_name="tests")
        deaths = Deaths(database)
        try:
            run_state_machine_as_test(
                lambda: StockModel(runner, Inventory(database), deaths),  # type: ignore[arg-type] # any factory will do
                settings=settings(
                    max_examples=40,
                    stateful_step_count=20,
                    deadline=None,
                    database=None,
                    suppress_health_check=[HealthCheck.too_slow],
                ),
            )
        finally:
            runner.run(database.dispose())
