"""Makes the broker's streams (`python -m devstack.broker.streams`): idempotent, and before any sidecar subscribes.

Dapr's component makes none: without them publishing fails, and a subscription is tried again and again.
"""

import asyncio
import os
import sys
from urllib.parse import urlsplit

import nats
from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from shared.events.event import DEAD_LETTER_TOPIC, TOPIC

CONNECT_SECONDS = 5
ATTEMPTS = 20
PAUSE_SECONDS = 0.5
DAY_SECONDS = 24 * 60 * 60.0
# A consumer that stays away longer than this misses events, and the relay dead letters, which it keeps for good.
KEPT_SECONDS = 14 * DAY_SECONDS
# Within this time the broker itself drops what a relay that died publishes again.
DUPLICATES_SECONDS = 120.0


def stream_configs() -> tuple[StreamConfig, ...]:
    """The streams, as they are to be."""
    return (_stream(TOPIC), _stream(DEAD_LETTER_TOPIC))


async def make_streams(url: str) -> None:
    """Make the streams that are missing, and bring the others up to date in what may change."""
    connection = await nats.connect(
        url.split(","), connect_timeout=CONNECT_SECONDS, allow_reconnect=False, error_cb=_say_nothing
    )
    try:
        for config in stream_configs():
            await _make(connection.jetstream(), config)
    finally:
        await connection.close()


def _stream(topic: str) -> StreamConfig:
    return StreamConfig(
        name=topic,
        subjects=[topic],
        storage=StorageType.FILE,
        # By limits, not by interest: a consumer that hasn't subscribed yet finds what came before it.
        retention=RetentionPolicy.LIMITS,
        max_age=KEPT_SECONDS,
        discard=DiscardPolicy.OLD,
        duplicate_window=DUPLICATES_SECONDS,
    )


async def _make(jetstream: JetStreamContext, config: StreamConfig) -> None:
    try:
        present = (await jetstream.stream_info(config.name or "")).config
    except NotFoundError:
        await jetstream.add_stream(config)
        return
    if present.subjects != config.subjects:
        raise NatsError(f"its stream {config.name} takes {present.subjects}: another program's; rename one of them")
    # An operator may have given it replicas, limits or a longer age: what is there is left alone.


async def _say_nothing(_: Exception) -> None:
    """The error is raised, too."""


async def _main(url: str) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await make_streams(url)
        except (NatsError, OSError, TimeoutError) as error:
            if attempt == ATTEMPTS or not isinstance(error, OSError | TimeoutError):
                where = ", ".join(urlsplit(one).netloc.rpartition("@")[2] for one in url.split(","))
                said = str(error) or type(error).__name__
                sys.exit(f"streams: the broker at {where} can't be used: {said}; check NATS_URL, or unset it")
            await asyncio.sleep(PAUSE_SECONDS)
    return None


def main() -> None:
    """Make the streams at the broker that NATS_URL names."""
    url = os.environ.get("NATS_URL", "")
    if not url:
        sys.exit("streams: NATS_URL must name the broker, such as nats://127.0.0.1:4222")
    asyncio.run(_main(url))


if __name__ == "__main__":
    main()
