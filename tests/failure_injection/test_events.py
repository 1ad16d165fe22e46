"""500 orders while broker, relay, both consumers and their sidecars are killed time and again.

No event is lost or added, and none has its effect twice or not at all.
"""

import asyncio
import itertools
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from devstack.postgres.passwords import load_passwords
from devstack.programs.build import ensure_runtime
from devstack.settings import StackSettings, load_settings
from devstack.supervisor.client import StackClient
from devstack.supervisor.stack import topology_of
from devstack.topology.addresses import free_block
from devstack.topology.layout import database_layout
from shared.shop.registry import SHOP
from tests.e2e.shop import Shop, an_order, eventually
from tests.failure_injection.mails import mails_if_caught_up, mails_in, subject
from tests.failure_injection.own_stack import own_stack
from tests.failure_injection.packing import packing_if_settled, packing_mails
from tests.stream import expected, read_stream, waiting

ORDERS = 500
VICTIMS = (
    "broker",
    "event-relay",
    "notification-service",
    "task-orchestrator-service",
    "event-relay-daprd",
    "notification-service-daprd",
    "task-orchestrator-service-daprd",
)
READY_SECONDS = 180.0
PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[Shop, StackSettings]]:
    # A kill can leave a sidecar that takes in no worker any more; the service has it replaced after so long.
    # Its sidecar's death can leave a task's workflow that the engine can't read any more; the task is begun anew.
    hurry = {"SIDECAR_PATIENCE_SECONDS": "15", "TASK_LOST_SECONDS": "15", "TASK_SILENT_SECONDS": "30"}
    poisoned = {"PYTHONPATH": str(Path(__file__).parent / "poisoned")}
    with own_stack("core", "events", "tasks", **hurry, **poisoned) as (shop, evidence):
        yield shop, evidence.settings


@pytest.mark.timeout(1200)
def test_no_event_or_effect_is_lost_or_doubled(
    shop: tuple[Shop, StackSettings], record_property: Callable[[str, object], None]
) -> None:
    """Every change that the services have recorded is in the stream, once by its id, each order's in order.

    Every customer is mailed once how the order ended, or it is on record that nobody knows whether the mail left, since
    its sender was killed in the moment of sending. Every completed order has one task, which has mailed
    its customer once, with the same exception: however long the apps are away, it waits for them.
    """
    client, settings = shop
    with _load(settings) as load:
        kills = _kill_until_it_ends(client.stack, load)
        said, _ = load.communicate()
    assert load.returncode == 0, said
    assert kills >= len(VICTIMS)

    client.stack.wait_ready()
    _all_arrive(settings)
    stream = asyncio.run(read_stream(settings))
    # The acceptance and the end of every order, at least.
    assert len(stream.first_arrivals) >= 2 * ORDERS
    record_property("kills", kills)
    record_property("events", len(stream.first_arrivals))
    record_property("came_again", stream.repeats)
    outcome = eventually(lambda: mails_if_caught_up(settings, client.stack), "the consumer has caught up", 180)
    assert outcome.wrong() == []
    record_property("mails", len(outcome.arrived))
    record_property("unknown", len(outcome.unknown))
    packed = eventually(lambda: packing_if_settled(settings), "each completed order's task has ended", 300)
    assert packed.wrong(packing_mails(client.stack)) == []
    record_property("tasks", len(packed.tasks))
    record_property("begun_anew", packed.restarts)
    record_property("tasks_unknown", packed.unknown)


@contextmanager
def _load(settings: StackSettings) -> Iterator["subprocess.Popen[str]"]:
    """The orders as they are placed; no more come once the block is left."""
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "load", "--orders", str(ORDERS), "--clients", "16", "--faults", "0.1"],
        cwd=PROJECT,
        env={**os.environ, **settings.environment()},
        stdout=subprocess.PIPE,
        text=True,
    ) as load:
        try:
            yield load
        finally:
            load.kill()


def _kill_until_it_ends(stack: StackClient, load: "subprocess.Popen[str]") -> int:
    """Kill one after the other, each when all are ready again; how many were killed."""
    for kills, victim in enumerate(itertools.cycle(VICTIMS)):
        stack.wait_ready(*VICTIMS, timeout_seconds=READY_SECONDS)
        if load.poll() is not None:
            return kills
        stack.kill(victim)
    raise AssertionError("a cycle has no end")


def test_an_order_needs_no_broker(shop: tuple[Shop, StackSettings]) -> None:
    """While it is away orders complete and their events wait; when it is back they arrive."""
    client, settings = shop
    client.stack.wait_ready()
    client.stack.stop("broker")
    orders = [client.order() for _ in range(5)]
    assert {client.end_of(order_id)["status"] for order_id in orders} == {"completed"}
    assert asyncio.run(waiting(settings)) >= 5 * len(orders)

    client.stack.start("broker")

    _all_arrive(settings)


def test_a_sidecar_that_gave_the_broker_up_is_replaced(shop: tuple[Shop, StackSettings]) -> None:
    """Its NATS client never comes back from an outage of more than two minutes: the relay has it started anew."""
    client, settings = shop
    client.stack.wait_ready()
    before = client.stack.pid("event-relay-daprd")
    client.stack.stop("broker")
    client.order()
    eventually(lambda: "connection closed" in _said_by_relay(settings) or None, "the client gives up", 240)
    assert before == client.stack.pid("event-relay-daprd")

    client.stack.start("broker")

    _all_arrive(settings)
    assert before != client.stack.pid("event-relay-daprd")


def test_a_second_relay_stands_by(shop: tuple[Shop, StackSettings], tmp_path: Path) -> None:
    """Only the one that holds the lock carries events; when it is gone the other goes on."""
    client, settings = shop
    client.stack.wait_ready()
    with _second_relay(settings, tmp_path) as url:
        assert _active(url) == 0
        client.stack.hold("event-relay")
        client.order()

        eventually(lambda: _active(url) or None, "the second relay takes over")
        _all_arrive(settings)
        client.stack.start("event-relay")
        client.stack.wait_ready("event-relay")
        assert _active(client.stack.urls()["event-relay"]) == 0


def test_an_event_that_kills_its_consumer_becomes_a_dead_letter(shop: tuple[Shop, StackSettings]) -> None:
    """And holds up no other customer's mail: code that dies of one event dies of it each time it is delivered."""
    client, _ = shop
    client.stack.wait_ready()
    body = an_order()
    body["customer"]["user_id"] = "Poison"  # of `poisoned/sitecustomize.py`
    poison = client.post_order(body).body["order_id"]
    healthy = [client.order() for _ in range(5)]
    assert {client.end_of(order_id)["status"] for order_id in (poison, *healthy)} == {"completed"}

    relay = Shop(client.stack, client.stack.urls()["event-relay"])

    def dead() -> list[str]:
        letters = relay.call("GET", "/dead-letters").body["items"]
        return [
            one["reason"] for one in letters if (one["consumer"], one["subject"]) == ("notification-service", poison)
        ]

    [reason] = eventually(dead, "it is a dead letter", 180)
    assert f"shop repair release {poison} order.completed" in reason
    wanted = {subject((order_id, "order.completed")) for order_id in healthy}

    def mailed() -> set[str]:
        return {one["subject"] for one in mails_in(client.stack.urls()["mailbox"])}

    eventually(lambda: wanted <= mailed(), "the others have their mail")
    assert subject((poison, "order.completed")) not in mailed()


def test_the_relay_reads_nothing_but_the_outboxes(shop: tuple[Shop, StackSettings]) -> None:
    """Of the services' data: its role may read and delete there, and do nothing else."""
    _, settings = shop
    for schema in SHOP.outboxes.values():
        asyncio.run(_as_relay(settings, f"SELECT count(*) FROM {schema}.outbox"))
    for statement in (
        "SELECT * FROM order_service.orders",
        "UPDATE order_service.outbox SET subject = 'x'",
        "INSERT INTO payment_service.outbox (type, subject, sequence, data) VALUES ('x', 'x', 1, '{}')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            asyncio.run(_as_relay(settings, statement))


async def _as_relay(settings: StackSettings, statement: str) -> None:
    layout = database_layout(settings, load_passwords(settings))
    connection = await asyncpg.connect(layout.url_of("event_relay"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _all_arrive(settings: StackSettings) -> None:
    eventually(lambda: asyncio.run(waiting(settings)) == 0 or None, "all outboxes are empty", 120)
    stream = asyncio.run(read_stream(settings))
    assert asyncio.run(expected(settings)) == stream.happened()
    assert stream.out_of_order() == []


def _said_by_relay(settings: StackSettings) -> str:
    return (settings.logs / "event-relay-daprd.log").read_text() + (settings.logs / "event-relay.log").read_text()


def _active(url: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
        text = response.read().decode()
    [line] = [line for line in text.splitlines() if line.startswith("shop_relay_active ")]
    return int(float(line.split()[1]))


@contextmanager
def _second_relay(settings: StackSettings, folder: Path) -> Iterator[str]:
    """Another relay beside the stack's own, with the same sidecar; where it answers."""
    spec = topology_of(settings, ensure_runtime(load_settings(), print)).process("event-relay")
    port = free_block(1)
    environment = {**os.environ, **spec.env, "SERVICE_HTTP_PORT": str(port)}
    with (folder / "relay.log").open("w") as log:
        relay = subprocess.Popen(spec.command, cwd=PROJECT, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(url) or None, "the second relay is ready")
        yield url
    finally:
        relay.terminate()
        relay.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return True
    except OSError:
        return False
