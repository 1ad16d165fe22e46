"""The shipping-service's HTTP surface: where a parcel is."""

from http import HTTPStatus

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.shop.shipping import ShipmentView
from shared.web.http import answer
from shared.web.problems import ProblemError
from shipping_service.tables import SHIPMENTS
from shipping_service.tracking import is_tracking_number


def shipping_routes(database: AsyncEngine) -> list[web.RouteDef]:
    """The shipping-service's routes."""

    async def shipment(request: web.Request) -> web.Response:
        tracking_number = request.match_info["tracking_number"]
        if not is_tracking_number(tracking_number):
            raise _unknown(tracking_number)
        shown = select(*(SHIPMENTS.c[name] for name in ShipmentView.model_fields))
        async with database.connect() as connection:
            row = (await connection.execute(shown.where(SHIPMENTS.c.tracking_number == tracking_number))).one_or_none()
        if row is None:
            raise _unknown(tracking_number)
        return answer(ShipmentView.model_validate(row._asdict()))

    return [web.get("/shipments/{tracking_number}", shipment)]


def _unknown(tracking_number: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"There is no shipment {tracking_number[:64]!a}.")
