"""Composes the event-relay and runs it until SIGTERM: `python -m event_relay`."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from event_relay.dead_letter_api import dead_letter_routes
from event_relay.dead_letters import DeadLetters
from event_relay.outboxes import Outboxes
from event_relay.publisher import BulkPublisher, Trouble
from event_relay.relay import Relay, RelayTimes
from event_relay.settings import RelaySettings
from shared.database import create_engine
from shared.events.consuming import end_sidecar, subscribed
from shared.events.dead_letters import DEAD_LETTER_TYPE, SidecarPublisher
from shared.events.event import DEAD_LETTER_TOPIC
from shared.events.watch import broker_answers
from shared.participant.quarantine import Gate, Quarantine
from shared.service.about import Introduction
from shared.service.lifecycle import Stop, configure_logs, database_reason, prepare_schema, running, stop_signal
from shared.service.quarantine_api import quarantine_routes
from shared.service.settings import load
from shared.shop.registry import EVENT_RELAY, RELAY, SHOP
from shared.web.http import application
from shared.web.server import Runner

MIGRATIONS: Final = Path(__file__).parent / "migrations"
SIDECAR_SECONDS: Final = 2.0
SHUTDOWN_SECONDS: Final = 2.0

log = structlog.get_logger()


async def serve(settings: RelaySettings) -> int:
    """Carry events until SIGTERM or SIGINT, or until a part of the relay fails; the exit code."""
    stop = stop_signal()
    await prepare_schema(settings.service_database_url, MIGRATIONS, RELAY.auditor_reads)
    database = create_engine(settings.service_database_url, application_name=EVENT_RELAY, pool_size=3)
    gate = Gate()
    gate.shut()
    quarantine = Quarantine(gate, database)
    async with (
        aiohttp.ClientSession() as session,
        running(stop, quarantine.run(settings.state_folder, EVENT_RELAY)),
        _dead_letters(settings, DeadLetters(database, gate), database, session, stop) as routes,
    ):
        relay = _relay(settings, database, session)
        introduction = Introduction(EVENT_RELAY, database, MIGRATIONS)
        app = application(partial(_readiness, settings, database, session), introduction.about)
        app.router.add_routes([*routes, *quarantine_routes(quarantine)])
        runner = Runner(app, shutdown_seconds=SHUTDOWN_SECONDS)
        await runner.setup()
        await web.TCPSite(runner, settings.service_http_host, settings.service_http_port).start()
        carrying = asyncio.create_task(relay.run(), name="relay")
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({carrying, stopped}, return_when=asyncio.FIRST_COMPLETED)
        relay.stop()
        # A task that ended by itself raises here: its supervisor starts the process again.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(carrying, settings.drain_seconds)
        await runner.cleanup()
    await database.dispose()
    log.info("stopped", app_id=EVENT_RELAY)
    return stop.exit_code


@contextlib.asynccontextmanager
async def _dead_letters(
    settings: RelaySettings, letters: DeadLetters, database: AsyncEngine, session: aiohttp.ClientSession, stop: Stop
) -> AsyncIterator[Sequence[web.RouteDef]]:
    """The routes on which dead letters arrive, and those for whoever looks after them."""
    publisher_to = partial(SidecarPublisher, session, settings.sidecar_url)
    match = f"has(event.type) && event.type == {json.dumps(DEAD_LETTER_TYPE)}"
    async with subscribed(
        EVENT_RELAY, settings, database, session, DEAD_LETTER_TOPIC, match, letters.take, stop
    ) as routes:
        yield [*routes, *dead_letter_routes(letters, publisher_to)]


def _relay(settings: RelaySettings, database: AsyncEngine, session: aiohttp.ClientSession) -> Relay:
    trouble = Trouble(
        broker_answers=partial(broker_answers, settings.broker_url),
        end_sidecar=partial(end_sidecar, session, settings.sidecar_url),
    )
    times = RelayTimes(settings.relay_pause_seconds, settings.relay_idle_seconds)
    return Relay(database, Outboxes(SHOP.outboxes), BulkPublisher(session, settings.sidecar_url), trouble, times)


async def _readiness(settings: RelaySettings, database: AsyncEngine, session: aiohttp.ClientSession) -> str | None:
    return await database_reason(database) or await _sidecar_reason(session, settings.sidecar_url)


async def _sidecar_reason(session: aiohttp.ClientSession, sidecar_url: str) -> str | None:
    """Why nothing can be published, or None. The broker itself may be away: then events wait, and that is no reason."""
    timeout = aiohttp.ClientTimeout(total=SIDECAR_SECONDS)
    try:
        async with session.get(f"{sidecar_url}/v1.0/healthz/outbound", timeout=timeout) as response:
            if response.status < HTTPStatus.MULTIPLE_CHOICES:
                return None
            return f"The sidecar isn't ready: it answers {response.status}."
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"The sidecar doesn't answer at {sidecar_url}: {error!r}."


def main() -> None:
    """Run the relay."""
    settings = load(RelaySettings)
    configure_logs(EVENT_RELAY)
    sys.exit(asyncio.run(serve(settings)))


if __name__ == "__main__":
    main()
