"""What is quarantined at one service, and its release: `GET /quarantine`, `POST /quarantine/releases`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from aiohttp import web

from shared.participant.quarantine import Poison, Quarantine
from shared.web.bodies import Body, Items, Text, View
from shared.web.http import answer
from shared.web.problems import read_json

QUARANTINE_PATH: Final = "/quarantine"
RELEASES_PATH: Final = f"{QUARANTINE_PATH}/releases"


class PoisonView(View):
    """What isn't carried out any more: a call, a workflow, or an event, by its activity, name or id in `what`."""

    saga_id: str
    step: str
    what: str
    deaths: int
    died_at: datetime


class PoisonList(Items[PoisonView]):
    """What is quarantined, or was until its release."""


class ReleaseBody(Body):
    """What is to be tried again: of this saga the step, activity, workflow or type of event."""

    saga_id: Text
    step: Text


def quarantine_routes(quarantine: Quarantine) -> list[web.RouteDef]:
    """The routes of every app that carries something out."""

    async def show(_: web.Request) -> web.Response:
        return answer(_list(await quarantine.refresh()))

    async def release(request: web.Request) -> web.Response:
        body = await read_json(request, ReleaseBody)
        return answer(_list(await quarantine.release(body.saga_id, body.step)))

    return [web.get(QUARANTINE_PATH, show), web.post(RELEASES_PATH, release)]


def _list(poison: Iterable[Poison]) -> PoisonList:
    return PoisonList(
        items=[
            PoisonView(
                saga_id=one.work.saga_id,
                step=one.work.step,
                what=one.work.what,
                deaths=one.deaths,
                died_at=one.died_at,
            )
            for one in poison
        ]
    )
