"""What a process of the stack is and where it lives, as plain data; supervisor, tests and dev loop read the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from signal import SIGTERM, Signals
from types import MappingProxyType
from typing import Literal

from devstack.errors import UnknownHostError, UnknownProcessError, unknown_name
from devstack.topology.addresses import LOOPBACK, PortClaim
from shared.contracts.app import Registry

MAIN = "main"

Kind = Literal["postgres", "task", "placement", "scheduler", "broker", "service", "sidecar"]


@dataclass(frozen=True)
class Host:
    """Where processes live: they listen at `listen`, others reach them at `address`, the prefix runs commands there."""

    name: str
    listen: str = LOOPBACK
    address: str = LOOPBACK
    command_prefix: tuple[str, ...] = ()

    def url(self, port: int) -> str:
        """Where the supervisor and people reach a port of this host."""
        return f"http://{self.listen}:{port}"

    def peer_url(self, port: int) -> str:
        """Where other hosts reach it."""
        return f"http://{self.address}:{port}"


@dataclass(frozen=True)
class Network:
    """The hosts of a stack. What isn't an app lives on the main host, as do apps without a host of their own."""

    main: Host = field(default_factory=lambda: Host(MAIN))
    apps: Mapping[str, Host] = field(default_factory=lambda: MappingProxyType({}))
    # The main host's address with the network that the others are in, when that is a network of its own.
    bridge: IPv4Interface | None = None

    def host_of(self, app_id: str) -> Host:
        """Where an app and its sidecar live."""
        return self.apps.get(app_id, self.main)

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts that can be cut off from one another; none when all processes share one."""
        return (self.main, *self.apps.values()) if self.apps else ()

    def host(self, name: str) -> Host:
        """The host of this name; an unknown one is an error that names the nearest."""
        for host in self.hosts:
            if host.name == name:
                return host
        if not self.hosts:
            raise UnknownHostError(
                "all processes of this stack share one host, so that nothing can be cut off; "
                "start it with SHOP_NETWORK=namespaces, as root"
            )
        raise UnknownHostError(unknown_name(name, [host.name for host in self.hosts], "host"))


ONE_HOST = Network()


@dataclass(frozen=True)
class HttpReady:
    """Ready when this URL answers 2xx."""

    url: str


@dataclass(frozen=True)
class SidecarReady:
    """Ready when the sidecar hosts actors and a workflow worker is connected to it.

    Its health endpoint says 204 long before; a first call made then waits for seconds.
    """

    metadata_url: str


@dataclass(frozen=True)
class SchedulerReady:
    """Ready when the scheduler serves sidecars.

    After a kill it says that it is healthy for 22 seconds in which it lets no sidecar in and no workflow moves.
    """

    metrics_url: str


@dataclass(frozen=True)
class PostgresReady:
    """Ready when a login works."""

    url: str = field(repr=False)


@dataclass(frozen=True)
class Finished:
    """Ready when the process has ended with exit code 0; for tasks."""


Readiness = HttpReady | SidecarReady | SchedulerReady | PostgresReady | Finished


@dataclass(frozen=True)
class ProcessSpec:
    """One process: how to start it, when it is ready, how to stop it."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    ready: Readiness
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    ports: tuple[PortClaim, ...] = ()
    host: Host = field(default_factory=lambda: Host(MAIN))
    # Arguments that are added to the command, another set at each start, in turn.
    turns: tuple[tuple[str, ...], ...] = ((),)
    # Names that must be ready before this one starts.
    starts_after: tuple[str, ...] = ()
    # Names that must have stopped before this one is stopped, beside those that start after it.
    stops_after: tuple[str, ...] = ()
    app_id: str | None = None
    # `shop up --only GROUP` starts it; what every group needs belongs to all of them.
    groups: frozenset[str] = frozenset()
    ready_within_seconds: float = 60.0
    stop_signal: Signals = SIGTERM
    stop_within_seconds: float = 10.0
    # Where people and programs reach it, if anywhere.
    url: str | None = None

    def command_at(self, start: int) -> tuple[str, ...]:
        """The whole command of the first start (0) or a later one."""
        return (*self.host.command_prefix, *self.command, *self.turns[start % len(self.turns)])


@dataclass(frozen=True)
class Topology:
    """All processes of the stack, in an order in which each comes after those it needs."""

    processes: tuple[ProcessSpec, ...]
    control_port: PortClaim
    network: Network = ONE_HOST

    def __post_init__(self) -> None:
        known: set[str] = set()
        for spec in self.processes:
            if not known.issuperset(spec.starts_after):
                raise ValueError(f"{spec.name} starts after a process that isn't listed before it")
            if spec.name in known:
                raise ValueError(f"two processes are named {spec.name}")
            known.add(spec.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The processes' names."""
        return tuple(spec.name for spec in self.processes)

    @property
    def app_ids(self) -> tuple[str, ...]:
        """The Dapr apps."""
        return tuple(spec.app_id for spec in self.processes if spec.kind == "service" and spec.app_id)

    @property
    def ports(self) -> tuple[PortClaim, ...]:
        """Every port that the stack will take."""
        return (self.control_port, *(claim for spec in self.processes for claim in spec.ports))

    @property
    def main_ports(self) -> tuple[PortClaim, ...]:
        """The ports taken on this machine itself; on a host that is made for the stack every port is free."""
        main = self.network.main
        shared = [spec for spec in self.processes if spec.host.command_prefix == main.command_prefix]
        return (self.control_port, *(claim for spec in shared for claim in spec.ports))

    def process(self, name: str) -> ProcessSpec:
        """The process of this name; an unknown one is an error that names the nearest."""
        for spec in self.processes:
            if spec.name == name:
                return spec
        raise UnknownProcessError(unknown_name(name, self.names))

    def stopped_before(self, name: str) -> tuple[str, ...]:
        """The processes that must end before this one is stopped."""
        dependents = [spec.name for spec in self.processes if name in spec.starts_after]
        return (*dependents, *(other for other in self.process(name).stops_after if other in self.names))

    def only(self, groups: Sequence[str]) -> "Topology":
        """The part of the stack that belongs to any of these groups."""
        kept = tuple(spec for spec in self.processes if not spec.groups or not spec.groups.isdisjoint(groups))
        return Topology(kept, self.control_port, self.network)


def check_groups(registry: Registry, groups: Iterable[str]) -> None:
    """Raises UnknownProcessError for a group that there is none of; it names the nearest."""
    for group in groups:
        if group not in registry.groups:
            raise UnknownProcessError(unknown_name(group, registry.groups, "group of processes"))
