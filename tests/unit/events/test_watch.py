"""The watch over a subscription: it has a dead one replaced, and leaves a living one alone."""

import time
from typing import Any

import pytest

from shared.events.dead_letters import NotPublishedError, SidecarAwayError
from shared.events.watch import SubscriptionWatch, WatchTimes

pytestmark = pytest.mark.unit

SILENCE, PATIENCE, INTERVAL = 45.0, 30.0, 5.0


class World:
    """A sidecar and a broker, each well or not, in a time of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.error: NotPublishedError | None = None
        self.broker_is_there = True
        self.delivers = True
        self.came_back = 0
        self.sent = 0
        self.restarts: list[float] = []
        self.watch = SubscriptionWatch(
            "notification-service",
            publisher=self,
            heartbeats=self,
            broker_answers=self._broker_answers,
            end_sidecar=self._end,
            times=WatchTimes(SILENCE, PATIENCE, INTERVAL),
            clock=lambda: self.now,
        )

    async def publish(self, event: dict[str, Any]) -> None:
        if self.error is not None:
            raise self.error
        self.sent += 1
        if self.delivers:
            self.came_back = event["data"]["number"]

    async def last(self) -> int:
        return self.came_back

    async def passes(self, seconds: float) -> None:
        """Let the time pass, with a look every interval."""
        end = self.now + seconds
        while self.now < end:
            self.now += INTERVAL
            await self.watch.look()

    async def _broker_answers(self) -> bool:
        return self.broker_is_there

    async def _end(self) -> None:
        self.restarts.append(self.now)


async def test_a_quiet_subscription_that_lives_is_left_alone() -> None:
    """A shop without orders: a heartbeat now and then, and each comes back."""
    world = World()

    await world.passes(3600)

    assert [] == world.restarts
    assert 3600 / (SILENCE + 3 * INTERVAL) <= world.sent <= 3600 / SILENCE


async def test_while_events_come_no_heartbeat_is_sent() -> None:
    world = World()

    for _ in range(100):
        await world.passes(SILENCE - INTERVAL)
        with world.watch.delivery():
            pass

    assert 0 == world.sent


async def test_a_delivery_that_takes_long_is_no_silence() -> None:
    world = World()

    with world.watch.delivery():
        await world.passes(10 * SILENCE)

    assert 0 == world.sent


async def test_heartbeats_that_are_stored_and_never_delivered_replace_the_sidecar() -> None:
    """The broker's consumer is gone, and the sidecar hasn't noticed."""
    world = World()
    world.delivers = False

    await world.passes(SILENCE + PATIENCE + INTERVAL)

    assert [1000 + SILENCE + PATIENCE] == world.restarts


async def test_a_clock_that_was_set_back_hides_no_dead_subscription() -> None:
    """The last heartbeat that came back has a number of the future."""
    world = World()
    world.came_back = 2 * int(time.time() * 1000)
    world.delivers = False

    await world.passes(SILENCE + PATIENCE + INTERVAL)

    assert [1000 + SILENCE + PATIENCE] == world.restarts


async def test_a_connection_that_was_given_up_replaces_the_sidecar() -> None:
    """The broker is back, but the sidecar's client has stopped trying."""
    world = World()
    world.error = NotPublishedError("nats: connection closed")
    world.broker_is_there = False
    await world.passes(600)
    assert [] == world.restarts

    world.broker_is_there = True
    await world.passes(PATIENCE + 2 * INTERVAL)

    assert 1 == len(world.restarts)


async def test_an_outage_of_the_broker_replaces_nothing() -> None:
    """A new sidecar couldn't connect either."""
    world = World()
    world.error = NotPublishedError("nats: timeout")
    world.broker_is_there = False

    await world.passes(3600)

    assert [] == world.restarts


async def test_a_broker_that_is_back_in_time_replaces_nothing() -> None:
    world = World()
    world.error = NotPublishedError("nats: timeout")
    world.broker_is_there = False
    await world.passes(100)
    world.broker_is_there = True
    await world.passes(PATIENCE - INTERVAL)

    world.error = None
    await world.passes(600)

    assert [] == world.restarts


async def test_a_sidecar_that_is_away_is_its_supervisors_business() -> None:
    world = World()
    world.error = SidecarAwayError("nobody there")

    await world.passes(3600)

    assert [] == world.restarts


async def test_the_next_sidecar_gets_the_full_time() -> None:
    """While it is still of no use, it isn't ended over and over in its first minute."""
    world = World()
    world.delivers = False

    await world.passes(3 * (SILENCE + PATIENCE) + INTERVAL)

    gaps = [later - earlier for earlier, later in zip(world.restarts, world.restarts[1:], strict=False)]
    assert [SILENCE + PATIENCE] * 2 == gaps
