"""When the relay has its sidecar replaced."""

from dataclasses import dataclass

import pytest

from event_relay.publisher import BrokerAwayError, Trouble

pytestmark = pytest.mark.unit

REFUSED = BrokerAwayError("the sidecar answers 500: nats: connection closed", [], sidecar_answers=True)
SILENT = BrokerAwayError("the sidecar doesn't answer", [], sidecar_answers=False)


@dataclass
class World:
    """A broker, a clock and a sidecar."""

    broker_is_there: bool = True
    now: float = 0.0
    ended: int = 0

    def trouble(self) -> Trouble:
        return Trouble(
            broker_answers=self.broker_answers,
            end_sidecar=self.end_sidecar,
            patience_seconds=15,
            clock=lambda: self.now,
        )

    async def broker_answers(self) -> bool:
        return self.broker_is_there

    async def end_sidecar(self) -> None:
        self.ended += 1


async def fail(world: World, trouble: Trouble, seconds: int, error: BrokerAwayError = REFUSED) -> None:
    """Publishing fails for so long."""
    for _ in range(seconds):
        await trouble.received(error)
        world.now += 1


async def test_a_sidecar_that_gave_up_is_ended() -> None:
    """The broker is there, and still nothing gets through; the next sidecar gets the full time again."""
    world = World()
    trouble = world.trouble()

    await fail(world, trouble, 15)
    assert world.ended == 0
    await fail(world, trouble, 1)
    assert world.ended == 1

    await fail(world, trouble, 15)
    assert world.ended == 1


async def test_a_broker_that_is_away_is_waited_for() -> None:
    """A new sidecar couldn't connect either."""
    world = World(broker_is_there=False)
    trouble = world.trouble()

    await fail(world, trouble, 600)
    world.broker_is_there = True
    await fail(world, trouble, 14)

    assert world.ended == 0


async def test_a_sidecar_that_is_away_is_its_supervisors() -> None:
    world = World()

    await fail(world, world.trouble(), 600, SILENT)

    assert world.ended == 0


async def test_success_forgives() -> None:
    """What counts is failing without a break."""
    world = World()
    trouble = world.trouble()

    for _ in range(10):
        await fail(world, trouble, 14)
        await trouble.received(None)

    assert world.ended == 0
