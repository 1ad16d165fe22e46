"""The names and ports of the stack's processes, which loopback ports are free, and who holds those that aren't."""

import os
import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import psutil

from devstack.errors import PortTakenError
from devstack.settings import FIRST_APP_OFFSET, FIRST_EPHEMERAL_PORT, PORTS_PER_APP, StackSettings

POSTGRES = "postgres"
PLACEMENT = "placement"
SCHEDULER = "scheduler"
BROKER = "broker"
STREAMS = "streams"
MAILBOX = "mailbox"
AUDIT_SCHEMA = "audit-schema"

LOOPBACK = "127.0.0.1"
LOWEST_TEST_PORT = 10000
BLOCK_ATTEMPTS = 200
# Ports; room for a stack of two dozen apps.
LARGEST_STACK = 500
TEST_SHARE = "SHOP_TEST_PORTS"
"""`0/2` is the first half of the ports for tests, which another test run beside it leaves alone."""


class Offset(IntEnum):
    """Of a process's first port, from SHOP_BASE_PORT; written once, so that adding a process moves no other."""

    CONTROL = 0
    POSTGRES = 1
    PLACEMENT = 2
    SCHEDULER = 6
    GATEWAY = 11
    BROKER = 12
    MAILBOX = 14
    DOCS = 16
    """The documents, while a dev loop shows them."""


@dataclass(frozen=True)
class AppPorts:
    """The ports of one Dapr app: its own HTTP port and its sidecar's."""

    http: int
    dapr_http: int
    dapr_grpc: int
    dapr_metrics: int
    # The sidecar takes the next of these at each start.
    dapr_internal: tuple[int, ...]


def app_ports(settings: StackSettings, app_id: str) -> AppPorts:
    """The ports of an app; the first of the registry is the front door and has the API port."""
    place = settings.registry.app_ids.index(app_id)
    first = settings.base_port + FIRST_APP_OFFSET + PORTS_PER_APP * place
    http = first if place else settings.api_port
    return AppPorts(http, first + 1, first + 2, first + 3, tuple(range(first + 4, first + PORTS_PER_APP)))


def port_at(settings: StackSettings, offset: int) -> int:
    """The port at an offset from SHOP_BASE_PORT."""
    return settings.base_port + offset


def sidecar_of(app_id: str) -> str:
    """The name of an app's sidecar process."""
    return f"{app_id}-daprd"


@dataclass(frozen=True)
class PortClaim:
    """A port that a process will listen on, and the variable that moves it."""

    number: int
    purpose: str
    moved_by: str = "SHOP_BASE_PORT"


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Whether a server could listen on this port of one of the machine's addresses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As every server of the stack does: connections of a former run that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder_of(port: int) -> str | None:
    """Who listens on this port, in words, or None when this user may not see it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        listens_there = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
        if listens_there and connection.pid:
            try:
                command = " ".join(psutil.Process(connection.pid).cmdline())
            except psutil.Error:
                command = "its command can't be read"
            return f"process {connection.pid} ({command[:120]})"
    return None


def check_free(claims: Iterable[PortClaim], address: str = LOOPBACK) -> None:
    """Raise one error that names every taken port, what wants it, who holds it and what moves it."""
    problems = []
    for claim in claims:
        if not is_free(claim.number, address):
            holder = holder_of(claim.number) or "another process"
            problems.append(
                f"port {claim.number}, wanted for {claim.purpose}, is held by {holder}; "
                f"stop it, or set {claim.moved_by} to another port"
            )
    if problems:
        raise PortTakenError("\n".join(problems))


def free_block(size: int) -> int:
    """The first port of a random block in which every port is free now; for tests that run side by side."""
    chooser = random.SystemRandom()
    for _ in range(BLOCK_ATTEMPTS):
        first = chooser.choice(block_starts(size))
        if all(is_free(port) for port in range(first, first + size)):
            return first
    raise PortTakenError(f"found no {size} free ports in a row below {FIRST_EPHEMERAL_PORT}")


def block_starts(size: int) -> range:
    """Where a block may begin: anywhere that a stack accepts as its base port, however small the block."""
    number, _, count = os.environ.get(TEST_SHARE, "0/1").partition("/")
    share = (FIRST_EPHEMERAL_PORT - LOWEST_TEST_PORT) // int(count)
    first = LOWEST_TEST_PORT + int(number) * share
    return range(first, first + share - max(size, LARGEST_STACK), 10)
