"""The schedule's promises: a seed always breaks the same things, everything gets its turn, there is time to recover."""

from itertools import pairwise

import pytest

from cli.chaos.schedule import PROCESSES, WARM_UP_SECONDS, Blow, Fault, Kind, room_for, schedule
from shared.shop.registry import CORE_APPS

pytestmark = pytest.mark.unit

HALF_AN_HOUR = 30 * 60.0
SEEDS = range(20)


def blows_of(faults: tuple[Fault, ...]) -> set[tuple[Kind, str]]:
    return {(blow.kind, blow.target) for fault in faults for blow in fault.blows}


def test_the_same_seed_gives_the_same_schedule() -> None:
    """A failure can be looked at again."""
    assert schedule(7, 300) == schedule(7, 300)
    assert schedule(7, 300) != schedule(8, 300)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_fault_has_room_to_recover(seed: int) -> None:
    """Before the next one comes, and before the end."""
    faults = schedule(seed, 300)

    assert faults[0].at_seconds >= WARM_UP_SECONDS
    assert all(later.at_seconds >= former.at_seconds + former.room_seconds - 0.1 for former, later in pairwise(faults))
    assert faults[-1].at_seconds + faults[-1].room_seconds <= 300


@pytest.mark.parametrize("seed", SEEDS)
def test_half_an_hour_breaks_everything_in_every_way(seed: int) -> None:
    """Each process is killed, what can be paused is paused, each host is cut off, and once all dies together."""
    faults = schedule(seed, HALF_AN_HOUR)
    broken = blows_of(faults)

    assert {(Kind.KILL, name) for name in PROCESSES} <= broken
    assert {(Kind.PAUSE, name) for name in (*CORE_APPS, "postgres", "payment-gateway")} <= broken
    assert {(Kind.PARTITION, name) for name in (*CORE_APPS, "main")} <= broken
    assert {(Kind.STOP, "scheduler"), (Kind.SHUTDOWN, "postgres")} <= broken
    assert "everything at once" in map(str, faults)
    assert any(len(fault.blows) == 2 for fault in faults)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_blows_at_once_hit_two_targets(seed: int) -> None:
    """A killed process can't be paused as well."""
    faults = schedule(seed, HALF_AN_HOUR)

    assert any(len(fault.blows) > 1 for fault in faults)
    for fault in faults:
        targets = [blow.target for blow in fault.blows]
        assert len(set(targets)) == len(targets)


def test_a_killed_scheduler_is_given_the_time_it_needs() -> None:
    """Its successor waits up to 30 seconds for its lease."""
    assert room_for((Blow(Kind.KILL, "scheduler"),)) > 30
    assert room_for((Blow(Kind.STOP, "scheduler"),)) < 15


def test_a_duration_in_which_nothing_fits_has_no_faults() -> None:
    """Better none than one whose recovery nobody waits for."""
    assert () == schedule(1, 6.0)


def test_a_fault_reads_like_a_sentence() -> None:
    """In the report and in the log."""
    pair = Fault(1.0, (Blow(Kind.PAUSE, "postgres", 4.4), Blow(Kind.SHUTDOWN, "payment-gateway")), 10.0)

    assert "pause postgres 4 s + immediate shutdown payment-gateway" == str(pair)


def test_without_hosts_of_their_own_no_app_is_cut_off() -> None:
    """As where network namespaces need a right that the user lacks."""
    faults = schedule(7, 3600, partitions=False)

    assert faults
    assert Kind.PARTITION not in {blow.kind for fault in faults for blow in fault.blows}
