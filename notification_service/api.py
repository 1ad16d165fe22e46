"""The notification-service's HTTP surface: who was notified of what."""

from http import HTTPStatus
from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from notification_service.store import of_saga
from shared.shop.notification import NotificationList
from shared.web.http import answer
from shared.web.problems import ProblemError

MAX_SAGA_ID_LENGTH: Final = 255
MAX_ITEMS: Final = 200


def notification_routes(database: AsyncEngine) -> list[web.RouteDef]:
    """The notification-service's routes."""

    async def notifications(request: web.Request) -> web.Response:
        saga_id = request.query.get("saga_id", "")
        if set(request.query) != {"saga_id"} or not saga_id.isprintable() or not 0 < len(saga_id) <= MAX_SAGA_ID_LENGTH:
            detail = f"Say whose: /notifications?saga_id=ID, with at most {MAX_SAGA_ID_LENGTH} printable characters."
            raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
        return answer(NotificationList(items=await of_saga(database, saga_id, MAX_ITEMS)))

    return [web.get("/notifications", notifications)]
