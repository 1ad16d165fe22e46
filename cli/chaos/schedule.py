"""What is broken when: a pure function of seed and duration."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from devstack.topology.addresses import PLACEMENT, POSTGRES, SCHEDULER, sidecar_of
from devstack.topology.specs import MAIN
from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.order import ORDER_STEPS
from shared.shop.registry import CORE_APPS

WARM_UP_SECONDS: Final = 5.0
PAIRS_PER_DECK: Final = 6
SECONDS_BETWEEN: Final = (0.0, 3.0)
PAUSE_SECONDS: Final = (1.0, 10.0)
PARTITION_SECONDS: Final = (3.0, 20.0)

SIDECARS: Final = tuple(sidecar_of(app_id) for app_id in CORE_APPS)
PROCESSES: Final = (*CORE_APPS, *SIDECARS, PAYMENT_GATEWAY, PLACEMENT, SCHEDULER, POSTGRES)
PAUSED: Final = (*CORE_APPS, *SIDECARS, PAYMENT_GATEWAY, POSTGRES)


class Kind(StrEnum):
    """What is done to the target."""

    KILL = "kill"
    """SIGKILL; the supervisor starts it again after 0.2 s."""
    STOP = "stop"
    """SIGTERM, a clean end, and a start."""
    SHUTDOWN = "immediate shutdown"
    """SIGQUIT to Postgres: what `pg_ctl stop -m immediate` sends."""
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT after some seconds."""
    PARTITION = "partition"
    """The host is cut off from the others for some seconds."""
    POISON = "poison"
    """An order is placed whose call of this activity kills the process that carries it out, each time."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing done to one process, host or activity; `seconds` is how long a pause or a partition lasts."""

    kind: Kind
    target: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasts = f" {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.kind} {self.target}{lasts}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Blows that fall at once, some seconds after the load began, with the room that recovery is given."""

    at_seconds: float
    blows: tuple[Blow, ...]
    room_seconds: float

    def __str__(self) -> str:
        return "everything at once" if len(self.blows) == len(PROCESSES) else " + ".join(map(str, self.blows))


def schedule(seed: int, duration_seconds: float, *, partitions: bool = True) -> tuple[Fault, ...]:
    """The faults that fit into the duration, each with room to recover from it: the same for the same arguments.

    Without `partitions` no host is cut off.
    Whole decks are played: no fault comes a third time before every one has come twice, if there is room for it.
    """
    random = Random(seed)  # noqa: S311 - a schedule, no secret
    faults: list[Fault] = []
    at = WARM_UP_SECONDS
    while True:
        before = len(faults)
        for blows in _deck(random, partitions=partitions):
            room = room_for(blows)
            if at + room <= duration_seconds:
                faults.append(Fault(round(at, 1), blows, room))
                at += room + random.uniform(*SECONDS_BETWEEN)
        if len(faults) == before:
            return tuple(faults)


def room_for(blows: tuple[Blow, ...]) -> float:
    """How many seconds the shop is given to recover, from figures measured (`ARCHITECTURE.md`)."""
    return max(blow.seconds + _recovery(blow) for blow in blows) + 5.0 * (len(blows) > 1)


def _recovery(blow: Blow) -> float:
    if blow.kind is Kind.PARTITION:
        # Both ends have to notice that their connections are dead, and TCP backs off while nothing gets through.
        return 8.0 + blow.seconds
    if blow.kind is Kind.KILL and blow.target == SCHEDULER:
        # The new one waits for its dead predecessor's lease: 21 to 30 s.
        return 45.0
    if blow.kind is Kind.POISON:
        # Four deaths, and the pauses between them.
        return 30.0
    if blow.kind in {Kind.KILL, Kind.SHUTDOWN} and blow.target == POSTGRES:
        return 12.0
    return 8.0


def _deck(random: Random, *, partitions: bool) -> Iterator[tuple[Blow, ...]]:
    singles = list(_singles(random, partitions=partitions))
    pairs = [_pair(random, singles) for _ in range(PAIRS_PER_DECK)]
    everything = tuple(Blow(Kind.KILL, name) for name in PROCESSES)
    deck = [*((blow,) for blow in singles), *pairs, everything]
    random.shuffle(deck)
    return iter(deck)


def _singles(random: Random, *, partitions: bool) -> Iterator[Blow]:
    yield from (Blow(Kind.KILL, name) for name in PROCESSES)
    yield Blow(Kind.STOP, SCHEDULER)
    yield Blow(Kind.SHUTDOWN, POSTGRES)
    yield from (Blow(Kind.PAUSE, name, _seconds(random, PAUSE_SECONDS)) for name in PAUSED)
    yield from (Blow(Kind.POISON, step.activity) for step in ORDER_STEPS)
    hosts = (*CORE_APPS, MAIN) if partitions else ()
    yield from (Blow(Kind.PARTITION, name, _seconds(random, PARTITION_SECONDS)) for name in hosts)


def _pair(random: Random, singles: list[Blow]) -> tuple[Blow, Blow]:
    first = random.choice(singles)
    return first, random.choice([blow for blow in singles if blow.target != first.target])


def _seconds(random: Random, bounds: tuple[float, float]) -> float:
    return round(random.uniform(*bounds), 1)
