"""The embedded broker as the topology describes it: its login, its streams, and what a kill leaves."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import nats
import pytest
from nats.js.client import JetStreamContext

from devstack.broker.streams import make_streams, stream_configs
from devstack.postgres.passwords import password_names
from devstack.programs.build import ensure_broker
from devstack.settings import load_settings, port_block_size
from devstack.supervisor.readiness import missing_for
from devstack.topology.addresses import free_block
from devstack.topology.specs import ProcessSpec, Topology
from devstack.topology.topology import build_topology
from shared.events.event import TOPIC
from shared.shop.registry import SHOP
from tests.waiting import eventually

READY_SECONDS = 20.0
# Begins with digits, as a third of the passwords do: it must not be read as a number.
PASSWORDS = {name: f"12e4{index:02}" for index, name in enumerate(password_names(SHOP))}


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    settings = load_settings(home=tmp_path / "a home", base_port=free_block(port_block_size(SHOP)), nats_url=None)
    return build_topology(settings, PASSWORDS, Path("/dapr"), nats_server=ensure_broker(load_settings(), print))


@pytest.fixture
def url(topology: Topology) -> str:
    return topology.process("streams").env["NATS_URL"]


@contextmanager
def running(spec: ProcessSpec) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(spec.command, env={**os.environ, **spec.env}, start_new_session=True)
    try:
        asyncio.run(_until_ready(spec))
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


async def _until_ready(spec: ProcessSpec) -> None:
    async with aiohttp.ClientSession() as session:

        async def is_ready() -> bool:
            return await missing_for(spec.ready, session) is None

        await eventually(is_ready, "the broker is ready", READY_SECONDS)


@asynccontextmanager
async def jetstream(url: str) -> AsyncIterator[JetStreamContext]:
    async def quiet(_: Exception) -> None: ...

    connection = await nats.connect(url, allow_reconnect=False, error_cb=quiet)
    try:
        yield connection.jetstream()
    finally:
        await connection.close()


def test_streams_are_made_once_and_an_operators_changes_stay(topology: Topology, url: str) -> None:
    """The task runs at every start of the stack."""

    async def story() -> None:
        await make_streams(url)
        async with jetstream(url) as stream:
            assert {one.name for one in stream_configs()} == {info.config.name for info in await stream.streams_info()}
            config = (await stream.stream_info(TOPIC)).config
            config.max_bytes = 10_000_000
            await stream.update_stream(config)
        await make_streams(url)
        async with jetstream(url) as stream:
            assert (await stream.stream_info(TOPIC)).config.max_bytes == 10_000_000

    with running(topology.process("broker")):
        asyncio.run(story())


def test_what_was_acknowledged_survives_a_kill(topology: Topology, url: str) -> None:
    """The relay deletes an event from its outbox once the broker has it."""

    async def publish() -> None:
        await make_streams(url)
        async with jetstream(url) as stream:
            await stream.publish(TOPIC, b"an event", headers={"Nats-Msg-Id": "1"})

    async def publish_again() -> int:
        async with jetstream(url) as stream:
            assert (await stream.publish(TOPIC, b"an event", headers={"Nats-Msg-Id": "1"})).duplicate
            return (await stream.stream_info(TOPIC)).state.messages

    with running(topology.process("broker")) as process:
        asyncio.run(publish())
        process.kill()
        process.wait()
    with running(topology.process("broker")):
        assert asyncio.run(publish_again()) == 1


def test_only_who_knows_the_password_is_let_in(topology: Topology) -> None:
    """Others may have accounts on the machine. The task says what is wrong in one sentence, and shows no password."""
    task = topology.process("streams")
    with running(topology.process("broker")):
        wrong = {"NATS_URL": task.env["NATS_URL"].replace(PASSWORDS["broker"], "other")}
        ended = subprocess.run(
            task.command, env={**os.environ, **wrong}, capture_output=True, text=True, check=False, timeout=60
        )

    assert ended.returncode == 1
    assert ended.stderr.startswith("streams: the broker at 127.0.0.1:")
    assert ended.stderr.strip().endswith("check NATS_URL, or unset it")
    assert "other" not in ended.stderr
