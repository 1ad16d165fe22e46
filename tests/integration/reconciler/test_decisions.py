"""Orders that wait for a person, whose workflow has lost a turn: it would never receive what the person decided."""

from tests.integration.reconciler.world import QUICK, World, by_kind

TOO_LONG = QUICK.decision_seconds + 10
NOT_YET = QUICK.decision_seconds - 60


async def confirm(world: World) -> None:
    """Play that the findings were first seen two minutes ago."""
    await world.sql("UPDATE order_service.findings SET first_seen_at = now() - interval '2 minutes'")


async def test_a_parked_order_that_takes_no_decision_is_recovered(world: World) -> None:
    """Else the decision would be sent for ever, and every other one refused."""
    order_id = await world.parked()
    await world.decided(order_id, seconds_ago=TOO_LONG)
    world.workflows.deaf.add(order_id)
    reconciler = world.reconciler(QUICK)

    await reconciler.sweep()
    (finding,) = (await reconciler.report()).findings
    assert (finding.kind, finding.subject) == ("order_stuck", order_id)
    assert "a person's decision waits for it" in finding.seen
    assert world.workflows.recoveries == []
    await confirm(world)
    await reconciler.sweep()

    assert [f"{order_id}-recovery-1"] == [instance_id for instance_id, _ in world.workflows.recoveries]
    assert world.workflows.terminated == []


async def test_a_parked_order_that_receives_its_decision_is_left_alone(world: World) -> None:
    """The step may take its time; the order's own time, long over, doesn't count while a person is asked."""
    order_id = await world.parked(deadline_seconds=-100_000)
    await world.decided(order_id, seconds_ago=TOO_LONG)
    reconciler = world.reconciler(QUICK)

    await reconciler.sweep()

    assert [order_id] == [instance_id for instance_id, _ in world.workflows.raised]
    assert by_kind(await reconciler.report()) == {}


async def test_a_parked_order_without_an_old_decision_is_not_asked(world: World) -> None:
    """Nothing waits for it but the person; each question is a turn of its workflow."""
    undecided, applied, fresh = [await world.parked(deadline_seconds=-100_000) for _ in range(3)]
    await world.decided(applied, seconds_ago=TOO_LONG, applied=True)
    await world.decided(fresh, seconds_ago=NOT_YET)
    world.workflows.deaf |= {undecided, applied, fresh}
    reconciler = world.reconciler(QUICK)

    await reconciler.sweep()

    assert by_kind(await reconciler.report()) == {}


async def test_a_recovery_has_the_same_time_for_the_decision(world: World) -> None:
    """It is sent it when it has taken the order over, and the time counts from then."""
    order_id = await world.parked()
    await world.decided(order_id, seconds_ago=TOO_LONG)
    world.workflows.deaf.add(order_id)
    reconciler = world.reconciler(QUICK)
    await reconciler.sweep()
    await confirm(world)
    await reconciler.sweep()

    recovery = await world.taken_over(order_id)
    world.workflows.instances[recovery] = world.workflows.instances[order_id]
    world.workflows.deaf.add(recovery)
    await reconciler.sweep()

    assert by_kind(await reconciler.report()) == {}
    assert len(world.workflows.recoveries) == 1
