"""Asks a sidecar and a service what they are."""

import asyncio
import time
from dataclasses import replace
from http import HTTPStatus

import aiohttp
from pydantic import ValidationError

from cli.doctor.collect import ASK_SECONDS, NoAnswerError, ask, ask_well
from cli.doctor.evidence import App, Sidecar
from cli.doctor.targets import Target
from shared.service.about import About


async def look_at(session: aiohttp.ClientSession, target: Target) -> App:
    """What both say, or why they don't."""
    app = App(target)
    try:
        sidecar = await _sidecar(session, target.sidecar_url)
        deaf = [address for address in sidecar.schedulers if await _is_deaf(address)]
        unhealthy = await _unready(session, f"{target.sidecar_url}/v1.0/healthz")
        app = replace(app, sidecar=sidecar, deaf_schedulers=tuple(deaf), unhealthy=unhealthy)
    except NoAnswerError as error:
        app = replace(app, sidecar_error=str(error))
    try:
        return await _with_service(session, app)
    except NoAnswerError as error:
        return replace(app, service_error=str(error))


async def _sidecar(session: aiohttp.ClientSession, url: str) -> Sidecar:
    metadata = await ask_well(session, "GET", f"{url}/v1.0/metadata")
    try:
        return Sidecar.read(metadata)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NoAnswerError(f"isn't what answers at {url}: its metadata can't be read ({error!r})") from None


async def _with_service(session: aiohttp.ClientSession, app: App) -> App:
    url = app.target.service_url
    before = time.time()
    answer = await ask(session, "GET", f"{url}/about")
    after = time.time()
    if answer.status == HTTPStatus.NOT_FOUND:
        return replace(app, is_silent=True)
    try:
        about = About.model_validate(answer.body)
    except ValidationError as error:
        raise NoAnswerError(f"isn't what answers at {url}: its /about can't be read ({error})") from None
    return replace(
        app,
        service=about,
        unready=await _unready(session, f"{url}/readyz"),
        clock_ahead_seconds=about.unix_seconds - (before + after) / 2,
        clock_doubt_seconds=(after - before) / 2,
    )


async def _unready(session: aiohttp.ClientSession, url: str) -> str | None:
    """Why it isn't ready, in its own words; None if it is."""
    answer = await ask(session, "GET", url)
    if answer.is_ok:
        return None
    said = answer.body if isinstance(answer.body, dict) else {}
    return str(said.get("detail") or said.get("message") or f"it answers {answer.status}")


async def _is_deaf(address: str) -> bool:
    """Whether nobody listens there. A name that only a cluster knows, or a wall in between, shows nothing."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(ASK_SECONDS):
            _, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return False
