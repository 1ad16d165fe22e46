"""Hosts as loopback addresses, where network namespaces aren't allowed: a proxy at each address passes data on, or not.

Every process listens on 127.0.0.1; the others know it by its host's address, say 127.99.7.12, at the same port, where
this proxy listens. Which host a connection comes from is found by the process that owns its other end. A cut connection
is not closed: its data wait, and so does the news that an end was closed, until the host is healed.
"""

import asyncio
import contextlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from devstack.errors import NetworkError
from devstack.hosts import MAIN, Host, Network
from devstack.ports import LOOPBACK, is_free

CHUNK_BYTES = 64 * 1024
FIRST_APP_ADDRESS = 11

HostOfClient = Callable[[int], Host]
"""The host of the process that owns a local port; it may block."""


def plan_proxies(home: Path, app_ids: tuple[str, ...]) -> Network:
    """A host for each app, at a loopback address of its own; nothing listens there yet.

    Raises:
        NetworkError: the machine has only one loopback address, as macOS.
    """
    digest = sha256(str(home.resolve()).encode()).digest()
    # Away from 127.0.0.x, which people and distributions use.
    prefix = f"127.{64 + digest[0] % 128}.{digest[1]}"
    if not is_free(0, f"{prefix}.1"):
        raise NetworkError("SHOP_NETWORK=proxies needs the loopback addresses 127.0.0.0/8, as Linux has them")
    apps = {
        app_id: Host(app_id, LOOPBACK, f"{prefix}.{FIRST_APP_ADDRESS + index}") for index, app_id in enumerate(app_ids)
    }
    return Network(Host(MAIN, LOOPBACK, f"{prefix}.1"), apps)


class ProxyLinks:
    """The proxies of one stack, all in the supervisor's event loop."""

    def __init__(self, places: dict[Host, tuple[int, ...]], host_of_client: HostOfClient) -> None:
        """`places` are the ports of each host to which others connect."""
        self._places = places
        self._host_of_client = host_of_client
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._cut: set[Host] = set()
        self._changed = asyncio.Condition()

    async def join(self) -> None:
        """Listen at every host's address."""
        try:
            for host, ports in self._places.items():
                for port in ports:
                    self._servers.append(await asyncio.start_server(self._accepter(host, port), host.address, port))
        except OSError as error:
            await self.part()
            raise NetworkError(f"the stack's proxies can't listen: {error}") from None

    async def part(self) -> None:
        """Close everything."""
        for server in self._servers:
            server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def cut(self, host: Host) -> None:
        """Nothing passes between this host and the others any more."""
        self._cut.add(host)

    async def heal(self, host: Host) -> None:
        """What waited passes, and all that comes after it."""
        self._cut.discard(host)
        async with self._changed:
            self._changed.notify_all()

    def _accepter(self, there: Host, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connect(there, port, reader, writer))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

        return accept

    async def _connect(
        self, there: Host, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            here = await asyncio.to_thread(self._host_of_client, int(writer.get_extra_info("peername")[1]))
            await self._passable(here, there)
            far_reader, far_writer = await asyncio.open_connection(there.listen, port)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass_on(here, there, reader, far_writer))
                    group.create_task(self._pass_on(here, there, far_reader, writer))
            finally:
                far_writer.close()
        except (OSError, ExceptionGroup):
            pass  # one end has gone, and learns nothing new by it; the other is closed below
        finally:
            writer.close()

    async def _pass_on(
        self, here: Host, there: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._passable(here, there)
            writer.write(data)
            await writer.drain()
        await self._passable(here, there)
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _passable(self, here: Host, there: Host) -> None:
        """Return when neither host is cut off from the other."""
        if here == there or not self._cut & {here, there}:
            return
        async with self._changed:
            await self._changed.wait_for(lambda: not self._cut & {here, there})
