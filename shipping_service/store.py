"""Books parcels and cancels them, once per step of a saga."""

import uuid
from collections.abc import Set as AbstractSet
from typing import Any, Final

from sqlalchemy import bindparam, insert, update
from sqlalchemy import func as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.repair import ByHand
from shared.events.event import EventType, ShipmentEvent
from shared.events.outbox import FIRST, SECOND, event_of, publish
from shared.participant.errors import Refused
from shared.participant.fence import Fence, StepKey
from shared.participant.hand_closings import STATUS, record_closing
from shared.shop.shipping import Address, BookShipment, ShipmentBooked, ShipmentCancelled
from shared.web.text import refused_character
from shipping_service.tables import SHIPMENTS
from shipping_service.tracking import new_tracking_number

# Built once: building a statement takes longer than it takes the database to carry it out.
_GIVEN: Final = ("shipment_id", "saga_id", "step", "tracking_number", "lines", *Address.model_fields)
_BOOK: Final = publish(EventType.SHIPMENT_BOOKED, FIRST).add_cte(
    insert(SHIPMENTS).values(status="booked", **{name: bindparam(f"the_{name}") for name in _GIVEN}).cte("shipment")
)
_CANCEL: Final = publish(EventType.SHIPMENT_CANCELLED, SECOND).add_cte(
    update(SHIPMENTS)
    .where(SHIPMENTS.c.shipment_id == bindparam("the_shipment_id"), SHIPMENTS.c.status == "booked")
    .values(status="cancelled", cancelled_at=sql.now())
    .cte("shipment")
)


class Shipments:
    """The parcels, as the sagas book and cancel them."""

    def __init__(self, fence: Fence, countries: AbstractSet[str]) -> None:
        self._fence = fence
        self._countries = countries

    async def book(self, key: StepKey, request: BookShipment) -> ShipmentBooked:
        """Book one parcel.

        Raises:
            Refused: we don't ship to that country, or the address can't be printed on a label.
        """

        async def book(tx: AsyncConnection) -> ShipmentBooked:
            address = self._deliverable(request.address)
            booked = ShipmentBooked(shipment_id=uuid.uuid4().hex, tracking_number=new_tracking_number())
            shipment = {
                "saga_id": key.saga_id,
                "step": key.step,
                "lines": [line.model_dump(mode="json") for line in request.lines],
                **booked.model_dump(),
                **address.model_dump(),
            }
            values = {f"the_{name}": value for name, value in shipment.items()}
            await tx.execute(_BOOK, {**values, **_event(key, booked)})
            return booked

        return await self._fence.do(key, ShipmentBooked, book)

    async def cancel(self, key: StepKey, by_hand: ByHand | None = None) -> ShipmentCancelled:
        """Cancel the parcel that the step had booked, if it had.

        `by_hand`: a person looks after the parcel; close it, so that no later undo cancels it.
        """

        async def cancel(tx: AsyncConnection, booked: ShipmentBooked | None) -> ShipmentCancelled:
            if booked is None:
                return ShipmentCancelled(cancelled=False)
            if by_hand is not None:
                return await _close(tx, key, booked, by_hand)
            # The fence says that the parcel is booked, and holds it so.
            await tx.execute(_CANCEL, {"the_shipment_id": booked.shipment_id, **_event(key, booked)})
            return ShipmentCancelled(cancelled=True)

        return await self._fence.undo(key, ShipmentBooked, ShipmentCancelled, cancel)

    def _deliverable(self, address: Address) -> Address:
        """The address as it goes on the label.

        Raises:
            Refused: it can't be delivered.
        """
        found = {name: refused_character(value or "") for name, value in address.model_dump().items()}
        unprintable = [f"{name} ({character})" for name, character in found.items() if character is not None]
        if unprintable:
            raise Refused(f"the address can't be printed on a label: {', '.join(unprintable)}")
        country = address.country.strip().upper()
        if country not in self._countries:
            raise Refused(f"we don't ship to {country[:64] or 'an address without a country'}")
        return address.model_copy(update={"country": country})


def _event(key: StepKey, booked: ShipmentBooked) -> dict[str, Any]:
    data = ShipmentEvent(order_id=key.saga_id, shipment_id=booked.shipment_id, tracking_number=booked.tracking_number)
    return event_of(key.saga_id, data)


async def _close(tx: AsyncConnection, key: StepKey, booked: ShipmentBooked, by_hand: ByHand) -> ShipmentCancelled:
    """The fence says that the parcel is booked, and holds it so until the transaction ends."""
    await tx.execute(
        update(SHIPMENTS)
        .where(SHIPMENTS.c.shipment_id == booked.shipment_id, SHIPMENTS.c.status == "booked")
        .values(status=STATUS[by_hand.decision])
    )
    closing = by_hand.closes(1, "parcels")
    await record_closing(tx, key, closing)
    return ShipmentCancelled(cancelled=False, by_hand=closing)
