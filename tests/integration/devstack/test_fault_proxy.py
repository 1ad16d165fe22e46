"""The proxies that stand in for hosts: real connections over real sockets, cut and healed."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devstack.clients import owner_of_port
from devstack.errors import NetworkError
from devstack.fault_proxy import ProxyLinks, plan_proxies
from devstack.hosts import Host, Network
from devstack.ports import LOOPBACK, free_block

SILENT_SECONDS = 0.3


class Echo:
    """An echo server on the host `far`, and clients that are taken for processes of `near`."""

    def __init__(self, network: Network, links: ProxyLinks, port: int) -> None:
        self.links = links
        self.near, self.far = network.host_of("near"), network.host_of("far")
        self.port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.far.address, self.port)


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[Echo]:
    async with an_echo(tmp_path, client="near") as running:
        yield running


@asynccontextmanager
async def an_echo(home: Path, client: str) -> AsyncIterator[Echo]:
    network = plan_proxies(home, ("near", "far"))
    port = free_block(1)
    server = await asyncio.start_server(_echo, LOOPBACK, port)
    links = ProxyLinks({network.host_of("far"): (port,)}, lambda _port: network.host_of(client))
    await links.join()
    try:
        yield Echo(network, links, port)
    finally:
        await links.part()
        server.close()


async def test_data_pass_both_ways(echo: Echo) -> None:
    """And so does the end of a connection."""
    reader, writer = await echo.connect()

    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"

    writer.write_eof()
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("cut", ["near", "far"])
async def test_a_cut_connection_hangs_and_goes_on_when_it_is_healed(echo: Echo, cut: str) -> None:
    """Whichever end's host is cut off: nothing is lost, and nobody is told."""
    host: Host = getattr(echo, cut)
    reader, writer = await echo.connect()
    writer.write(b"before")
    assert await reader.readexactly(6) == b"before"

    await echo.links.cut(host)
    writer.write(b"during")
    assert await silent(reader)

    await echo.links.heal(host)
    assert await reader.readexactly(6) == b"during"
    writer.close()


async def test_a_connection_made_while_cut_waits_too(echo: Echo) -> None:
    """It isn't refused."""
    await echo.links.cut(echo.far)
    reader, writer = await echo.connect()
    writer.write(b"x")
    assert await silent(reader)

    await echo.links.heal(echo.far)
    assert await reader.readexactly(1) == b"x"
    writer.close()


async def test_a_close_is_not_heard_through_a_cut(echo: Echo) -> None:
    """As when a switch dies: the far end learns of it only afterwards."""
    reader, writer = await echo.connect()
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"

    await echo.links.cut(echo.far)
    writer.write_eof()
    assert await silent(reader)

    await echo.links.heal(echo.far)
    assert await reader.read() == b""
    writer.close()


async def test_a_host_reaches_itself_while_it_is_cut_off(tmp_path: Path) -> None:
    """A sidecar and its app are on one host."""
    async with an_echo(tmp_path, client="far") as echo:
        await echo.links.cut(echo.far)
        reader, writer = await echo.connect()

        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        writer.close()


async def test_a_taken_address_is_a_sentence(tmp_path: Path) -> None:
    """Two supervisors never share a state folder, but a stranger may listen there."""
    async with an_echo(tmp_path, client="near") as echo:
        with pytest.raises(NetworkError, match="can't listen"):
            await ProxyLinks({echo.far: (echo.port,)}, lambda _port: echo.near).join()


async def test_the_owner_of_a_connection_is_found() -> None:
    """Among the processes that are asked about."""
    server = await asyncio.start_server(_echo, LOOPBACK, 0)
    reader, writer = await asyncio.open_connection(LOOPBACK, server.sockets[0].getsockname()[1])
    port = writer.get_extra_info("sockname")[1]

    assert owner_of_port(port, [os.getpid()]) == os.getpid()
    assert owner_of_port(port, [1]) is None
    writer.close()
    server.close()
    await reader.read()


async def silent(reader: asyncio.StreamReader) -> bool:
    """Whether nothing arrives for a while; a moment is enough, since what could arrive would be there at once."""
    try:
        await asyncio.wait_for(reader.read(1), SILENT_SECONDS)
    except TimeoutError:
        return True
    return False


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1024):
        writer.write(data)
        await writer.drain()
    writer.close()
