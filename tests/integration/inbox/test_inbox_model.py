"""Whatever a broker does to the events of some orders, in any interleaving: each has its effect once, in its order."""

import asyncio
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.database import create_engine
from shared.events.consumer import Answer
from shared.participant.errors import Refused
from tests.integration.inbox.world import World, an_event

ORDERS = ("a", "b")
LAST = 4
_examples = count(1)

_delivery = st.tuples(st.sampled_from(ORDERS), st.integers(1, LAST))
_bursts = st.lists(st.lists(_delivery, min_size=1, max_size=6), max_size=8)
_failures = st.dictionaries(_delivery, st.integers(1, 2), max_size=4)
_refused = st.sets(_delivery, max_size=2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bursts=_bursts, failures=_failures, refused=_refused)
def test_any_order_of_deliveries_repeats_and_failures(
    database_url: str,
    bursts: list[list[tuple[str, int]]],
    failures: dict[tuple[str, int], int],
    refused: set[tuple[str, int]],
) -> None:
    """Each burst is delivered at the same time; in the end the broker delivers what was never acknowledged."""
    prefix = f"example-{next(_examples)}"
    asyncio.run(_play(database_url, prefix, bursts, failures, refused))


async def _play(
    url: str,
    prefix: str,
    bursts: list[list[tuple[str, int]]],
    failures: dict[tuple[str, int], int],
    refused: set[tuple[str, int]],
) -> None:
    database = create_engine(url, application_name="tests", pool_size=10)
    world = World(database)

    def order_of(name: str) -> str:
        return f"{prefix}-{name}"

    for (name, sequence), times in failures.items():
        world.failures[f"{order_of(name)}-{sequence}"] = [RuntimeError("a bug")] * times
    for name, sequence in refused:
        world.always[f"{order_of(name)}-{sequence}"] = Refused("no")
    try:
        unacknowledged = {(name, sequence) for name in ORDERS for sequence in range(1, LAST + 1)}
        for burst in bursts:
            bodies = [an_event(sequence, order=order_of(name)) for name, sequence in burst]
            answers = await asyncio.gather(*map(world.consumer.take, bodies))
            unacknowledged -= {one for one, answer in zip(burst, answers, strict=True) if answer is Answer.SUCCESS}
        for _ in range(10 * LAST):
            for name, sequence in sorted(unacknowledged, reverse=True):
                if Answer.SUCCESS == await world.consumer.take(an_event(sequence, order=order_of(name))):
                    unacknowledged.remove((name, sequence))
        assert set() == unacknowledged
        for name in ORDERS:
            alive = [sequence for sequence in range(1, LAST + 1) if (name, sequence) not in refused]
            assert alive == await world.effects(order_of(name))
        dead = {letter["data"]["event_id"] for letter in world.broker.letters}
        assert {f"{order_of(name)}-{sequence}" for name, sequence in refused} == dead
    finally:
        await database.dispose()
