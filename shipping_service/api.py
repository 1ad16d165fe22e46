"""The shipping-service's HTTP surface: where a parcel is."""

from http import HTTPStatus

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.web.problems import ProblemError
from shared.web.views import iso
from shipping_service.tables import SHIPMENTS
from shipping_service.tracking import is_tracking_number


def shipping_routes(database: AsyncEngine) -> list[web.RouteDef]:
    """The shipping-service's routes."""

    async def shipment(request: web.Request) -> web.Response:
        tracking_number = request.match_info["tracking_number"]
        if not is_tracking_number(tracking_number):
            raise _unknown(tracking_number)
        # No name and no street: whoever finds a label may ask.
        shown = select(
            SHIPMENTS.c.tracking_number,
            SHIPMENTS.c.status,
            SHIPMENTS.c.country,
            SHIPMENTS.c.booked_at,
            SHIPMENTS.c.cancelled_at,
        ).where(SHIPMENTS.c.tracking_number == tracking_number)
        async with database.connect() as connection:
            row = (await connection.execute(shown)).one_or_none()
        if row is None:
            raise _unknown(tracking_number)
        return web.json_response(
            {
                "tracking_number": row.tracking_number,
                "status": row.status,
                "country": row.country,
                "booked_at": iso(row.booked_at),
                "cancelled_at": iso(row.cancelled_at),
            }
        )

    return [web.get("/shipments/{tracking_number}", shipment)]


def _unknown(tracking_number: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"There is no shipment {tracking_number[:64]!a}.")
