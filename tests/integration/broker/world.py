"""A real broker, a real sidecar and a consumer in the test's own process; broker and sidecar can be killed."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nats
from aiohttp import web
from nats.js.api import ConsumerInfo, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from shared.events.consuming import ConsumerSettings
from shared.events.event import DEAD_LETTER_TOPIC, PUBSUB, TOPIC
from tests.waiting import eventually

APP: Final = "notification-service"
ACK_WAIT_SECONDS: Final = 1
COMPONENT: Final = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: {name}
spec:
  type: pubsub.jetstream
  version: v1
  metadata:
    - {{name: natsURL, value: "{url}"}}
    - {{name: name, value: "{app}"}}
    - {{name: durableName, value: "{app}"}}
    - {{name: queueGroupName, value: "{app}"}}
    - {{name: ackWait, value: "{ack_wait}s"}}
"""


@dataclass
class BrokerWorld:
    """The processes around one consumer."""

    folder: Path
    ports: int
    daprd: Path
    nats_server: Path
    broker: asyncio.subprocess.Process | None = None
    sidecar: asyncio.subprocess.Process | None = None
    sidecar_starts: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def broker_url(self) -> str:
        return f"nats://127.0.0.1:{self.ports}"

    @property
    def app_port(self) -> int:
        return self.ports + 1

    def settings(self, database_url: str, **more: Any) -> ConsumerSettings:  # noqa: ANN401 - settings of any kind
        return ConsumerSettings(
            service_http_port=self.app_port,
            service_database_url=database_url,
            dapr_grpc_port=self.ports + 3,
            dapr_http_port=self.ports + 2,
            broker_url=self.broker_url,
            **more,
        )

    async def start_broker(self, *options: str) -> None:
        command: list[str | Path] = [
            self.nats_server,
            "-a",
            "127.0.0.1",
            "-p",
            str(self.ports),
            "-js",
            "-sd",
            self.folder / "broker",
        ]
        self.broker = await _process(self.folder / "broker.log", *command, *options)
        await eventually(self._broker_is_there, "the broker answers")

    async def kill_broker(self) -> None:
        assert self.broker is not None
        self.broker.kill()
        await self.broker.wait()

    async def make_streams(self) -> None:
        async with self.jetstream() as jetstream:
            for topic in (TOPIC, DEAD_LETTER_TOPIC):
                await jetstream.add_stream(StreamConfig(name=topic, subjects=[topic]))

    @contextlib.asynccontextmanager
    async def jetstream(self) -> AsyncIterator[JetStreamContext]:
        connection = await nats.connect(self.broker_url)
        try:
            yield connection.jetstream()
        finally:
            await connection.close()

    async def consumer_info(self) -> ConsumerInfo:
        async with self.jetstream() as jetstream:
            info: ConsumerInfo = await jetstream.consumer_info(TOPIC, APP)
            return info

    def supervise_sidecar(self) -> None:
        """Start the sidecar, and start it again whenever it ends."""
        resources = self.folder / "resources"
        resources.mkdir()
        text = COMPONENT.format(name=PUBSUB, url=self.broker_url, app=APP, ack_wait=ACK_WAIT_SECONDS)
        (resources / "pubsub.yaml").write_text(text)
        self._tasks.append(asyncio.create_task(self._keep_sidecar(resources)))

    async def kill_sidecar(self) -> None:
        """Once it is at work."""
        await self.wait_for_sidecar()
        assert self.sidecar is not None
        self.sidecar.kill()

    async def wait_for_sidecar(self) -> None:
        """Until the broker delivers to it: the sidecar's metadata show a subscription before it is there."""

        async def is_subscribed() -> bool:
            with contextlib.suppress(NotFoundError):
                return bool((await self.consumer_info()).push_bound)
            return False

        await eventually(is_subscribed, "the sidecar has subscribed")

    @contextlib.asynccontextmanager
    async def serving(self, routes: list[web.RouteDef]) -> AsyncIterator[None]:
        """The consumer's HTTP surface, as long as the block lasts."""
        app = web.Application()
        app.router.add_routes(routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.app_port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def publish(self, *bodies: bytes, topic: str = TOPIC) -> None:
        """Straight to the broker, as a relay's sidecar would in the end."""
        async with self.jetstream() as jetstream:
            for body in bodies:
                await jetstream.publish(topic, body)

    async def letters(self) -> list[bytes]:
        """The dead letters that the broker has stored."""
        async with self.jetstream() as jetstream:
            state = (await jetstream.stream_info(DEAD_LETTER_TOPIC)).state
            numbers = range(state.first_seq, state.last_seq + 1)
            return [(await jetstream.get_msg(DEAD_LETTER_TOPIC, number)).data or b"" for number in numbers]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in (self.sidecar, self.broker):
            if process is not None and process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.wait()

    async def _keep_sidecar(self, resources: Path) -> None:
        first = self.ports + 2
        command = [
            str(self.daprd),
            f"--app-id={APP}",
            f"--app-port={self.app_port}",
            "--app-channel-address=127.0.0.1",
            "--dapr-listen-addresses=127.0.0.1",
            f"--dapr-http-port={first}",
            f"--dapr-grpc-port={first + 1}",
            f"--dapr-internal-grpc-port={first + 2}",
            f"--metrics-port={first + 3}",
            f"--resources-path={resources}",
            "--dapr-graceful-shutdown-seconds=1",
        ]
        while True:
            self.sidecar = await _process(self.folder / f"sidecar-{self.sidecar_starts}.log", *command)
            self.sidecar_starts += 1
            await self.sidecar.wait()
            # A broker that is away ends each new sidecar at once.
            await asyncio.sleep(0.2)

    async def _broker_is_there(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.ports)
        except OSError:
            return False
        writer.close()
        return True


async def _process(log: Path, *command: str | Path) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
