"""Finds out which sidecars share a database: each writes a marker to its state store, and all look for all markers.

A marker is gone after a minute, whatever happens to the doctor. With `keyPrefix: name` in the component every app that
has the store reads it under the same key; workflows aren't touched by that setting, nor by the markers.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import aiohttp

from cli.doctor.collect import NoAnswerError, ask, ask_well
from cli.doctor.evidence import App

MARKER_SECONDS = 60


async def look_for_markers(session: aiohttp.ClientSession, apps: Sequence[App]) -> list[App]:
    """The apps, with whose markers each of them sees."""
    run = uuid4().hex
    keys = {f"doctor-{run}-{number}": app.target.place for number, app in enumerate(apps)}
    written = await asyncio.gather(*(_write(session, app, key) for app, key in zip(apps, keys, strict=True)))
    read = await asyncio.gather(*(_read(session, app, keys) for app in written))
    await asyncio.gather(*(_forget(session, app, key) for app, key in zip(read, keys, strict=True)))
    return read


def _url(app: App) -> str | None:
    """Of the app's first state store; None if it has none."""
    if app.sidecar is None or not app.sidecar.stores:
        return None
    return f"{app.target.sidecar_url}/v1.0/state/{app.sidecar.stores[0].name}"


async def _write(session: aiohttp.ClientSession, app: App, key: str) -> App:
    url = _url(app)
    if url is None:
        return app
    marker = {"key": key, "value": app.target.place, "metadata": {"ttlInSeconds": str(MARKER_SECONDS)}}
    try:
        await ask_well(session, "POST", url, [marker])
    except NoAnswerError as error:
        return replace(app, store_error=f"its daprd {error}")
    return app


async def _read(session: aiohttp.ClientSession, app: App, keys: dict[str, str]) -> App:
    url = _url(app)
    if url is None or app.store_error is not None:
        return app
    try:
        found = await ask_well(session, "POST", f"{url}/bulk", {"keys": list(keys)})
    except NoAnswerError as error:
        return replace(app, store_error=f"its daprd {error}")
    return replace(app, sees_markers_of=frozenset(keys[one["key"]] for one in found or [] if one.get("data")))


async def _forget(session: aiohttp.ClientSession, app: App, key: str) -> None:
    url = _url(app)
    if url is not None and app.store_error is None:
        # One that stays is gone in a minute.
        try:
            await ask(session, "DELETE", f"{url}/{key}")
        except NoAnswerError:
            return
